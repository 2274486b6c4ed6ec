"""Adds up the per-unit counters of windows, so that no rule judges a unit on one batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Site, Trace, Window
from relume.rules.series_tools import DEAD_RECORDS, DEAD_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relume.core import Floats

    Mask = NDArray[np.bool_]

FRESH = 0.10  # of a layer's units: the least share of dead that is a finding (page of ACT401)
LEAST_WINDOWS = 2  # two consecutive windows (law 3 in docs/laws.md)


def total(windows: Sequence[Window], name: str) -> "Floats | None":
    """A counter summed over windows, shape (units,); None where no window has it."""
    parts = [w.fields[name] for w in windows if name in w.fields]
    if not parts:
        return None
    summed = parts[0]
    for part in parts[1:]:  # a few arrays: faster than np.sum over a list of them
        summed = summed + part
    return summed


def highest(windows: Sequence[Window], name: str) -> "Floats | None":
    """A maximum over windows, shape (units,); None where no window has it."""
    parts = [w.fields[name] for w in windows if name in w.fields]
    return np.fmax.reduce(parts) if parts else None


def lowest(windows: Sequence[Window], name: str) -> "Floats | None":
    """A minimum over windows, shape (units,); None where no window has it."""
    parts = [w.fields[name] for w in windows if name in w.fields]
    return np.fmin.reduce(parts) if parts else None


def samples(windows: Sequence[Window]) -> int:
    """The sampled rows of each unit."""
    return sum(w.samples for w in windows)


def portion(mask: "Mask") -> float:
    """The share of units in a mask; 0 for a layer without units."""
    return int(np.count_nonzero(mask)) / len(mask) if len(mask) else 0.0


def records(windows: Sequence[Window]) -> int:
    """The number of recorded batches."""
    return sum(w.records for w in windows)


def last_windows(
    windows: Sequence[Window], least_samples: int, least_records: int
) -> tuple[Window, ...]:
    """The fewest last windows of so many samples and records; all of them if none are."""
    return fewest_last(
        windows, lambda part: samples(part) >= least_samples and records(part) >= least_records
    )


def fewest_last(
    windows: Sequence[Window], enough: Callable[[Sequence[Window]], bool]
) -> tuple[Window, ...]:
    """The fewest last windows, `LEAST_WINDOWS` at least, that are enough; else all of them."""
    for count in range(LEAST_WINDOWS, len(windows) + 1):
        part = tuple(windows[-count:])
        if enough(part):
            return part
    return tuple(windows)


def silent_units(site: Site, windows: Sequence[Window]) -> "Mask":
    """The units with a zero slope and no output on every sample of these windows.

    Three look-alikes are left out. A slope that is zero only by rounding (a sigmoid at 20) is
    saturation, and so is a unit on the high side (ReLU6 at 6). A unit that is clipped at a floor
    below zero (hardtanh at -1) is a constant, not silence.
    """
    active = total(windows, "active")
    if active is None or site.smooth:
        return np.zeros(site.units, dtype=bool)
    never_active: Mask = active == 0
    high = total(windows, "high")
    if high is not None:
        never_active &= high == 0
    top = highest(windows, "post_max")
    if top is not None:
        never_active &= ~(top < 0)
    return never_active


@dataclass(frozen=True, slots=True)
class DeadUnits:
    """The silent units of an act at the end of the run.

    Attributes:
        windows: the evidence: the last windows that hold enough samples.
        now: units silent throughout it, shape (units,).
        born: of these, the ones that were never active in any window.
        enough: the evidence reaches the least number of samples.
    """

    site: Site
    windows: tuple[Window, ...]
    now: "Mask"
    born: "Mask"
    enough: bool

    @property
    def died(self) -> "Mask":
        """Units that were active in an earlier window and are silent since."""
        return self.now & ~self.born

    @property
    def samples(self) -> int:
        """Rows a unit behind the claim."""
        return samples(self.windows)


def dead_units(trace: Trace, site: Site) -> DeadUnits | str:
    """The dead units of a site, or the reason why they are not known.

    With small batches the run may be too short for enough samples; then all windows count (law 10
    in docs/laws.md), and the finding states the smaller number. The same holds where many units
    died so lately that the samples since are few: waiting for more would miss them.
    """
    return trace.once(f"dead units of {site.name}", lambda: _dead_units(trace, site))


def _dead_units(trace: Trace, site: Site) -> DeadUnits | str:
    windows = trace.windows(site.name)
    if not windows:
        return "no per-unit counters were recorded"
    if len(windows) < LEAST_WINDOWS or records(windows) < DEAD_RECORDS:
        return f"only {records(windows)} records in {len(windows)} windows"
    broken = trace.series(site.name, "nonfinite_share")
    if broken is not None and len(broken) and broken.values[-1] > 0:
        return "its output is not finite"
    part, recent = (last_windows(windows, least, DEAD_RECORDS) for least in (DEAD_SAMPLES, 1))
    now, lately = silent_units(site, part), silent_units(site, recent)
    if len(now) and portion(lately) - portion(now) >= FRESH:
        part, now = recent, lately
    born = now & silent_units(site, windows)
    return DeadUnits(site, part, now, born, samples(part) >= DEAD_SAMPLES)
