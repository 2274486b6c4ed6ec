"""ACT402 dormant-units: units of a smooth act that no longer say or learn anything.

## What it does
Finds units of GELU, SiLU, tanh and the like whose slope stays near zero on all the data and whose
output hardly varies: the smooth counterpart of dead units.

## Why it hurts
A GELU never has a slope of exactly zero, so nothing is "dead" by the letter; but a unit at -5
outputs a millionth and passes a millionth of the gradient. It takes part in nothing.

## How it is measured
Both must hold on all the samples of the last two or more windows, 3000 samples over 8 records: the
largest abs slope of the unit below 1 % of the act's largest (in recordings of older versions: below
5 % on every sample), and the standard deviation of its output, times the norm of its outgoing
weights, below 0.001 of the layer's median (of the median spread of the layer's input, where the
whole layer is silent). The norms are those of the last records that read in full; where the output
goes through a norm layer, a pool or a product of two signals first, they are not asked for, and the
spread counts alone. The 1 % and the 0.001 are starting definitions, tried on 80 healthy and 92
faulty runs. Layer: note at 10 % of units, warning at 25 %, error at 50 %, as in dead-units, where
these shares and the 3000 come from.
Printed as a fact beside it: the ReDo score, the unit's mean abs output over the layer's mean, below
0.025, the threshold of Sokar et al. for Atari agents.

## Known false alarms
Rare features, as in dead-units: "at most 3/n". Units that saturate are reported by saturated-units,
which then explains this.

## Fixes and their safety
As for dead-units: the learning rate if it was high, recycling the units in place (exact for the
function), the bias from the quantile of the margin (retrain), a norm layer (retrain).

## References
Sokar, Agarwal, Castro and Evci, "The dormant neuron phenomenon in deep reinforcement learning",
ICML 2023, arXiv:2302.12902. Lyle et al., "Understanding plasticity in neural networks", ICML 2023,
arXiv:2303.01486.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Finding, Result, Severity, Site, Trace, Value, Window
from relume.rules.dead_layers import NOTE, severity_of_share
from relume.rules.page import page
from relume.rules.plain_numbers import one_in
from relume.rules.series_tools import (
    CONFIDENCE,
    DEAD_RECORDS,
    DEAD_SAMPLES,
    RULE_OF_THREE,
    acts_of,
    last_step,
    layers,
)
from relume.rules.unit_windows import (
    LEAST_WINDOWS,
    highest,
    last_windows,
    portion,
    records,
    samples,
    total,
)

if TYPE_CHECKING:
    from relume.core import Floats
    from relume.rules.unit_windows import Mask

PAGE = page(__doc__)

SLOPE = 0.01  # of the act's largest slope (see the page)
VARIES = 1e-3  # of the layer's median (see the page)
MOST = 0.5  # of the units that are dormant in the end: from then on the layer was going
REDO = 0.025  # the threshold of Sokar et al. for Atari agents


@dataclass(frozen=True, slots=True)
class DormantUnits:
    """The dormant units of a layer."""

    site: Site
    windows: tuple[Window, ...]
    units: "Mask"
    redo: float
    limit: float

    @property
    def samples(self) -> int:
        """Rows a unit behind the claim."""
        return samples(self.windows)


def check(trace: Trace) -> Iterator[Result]:
    """One finding per smooth act with enough dormant units."""
    sites = acts_of(trace)
    if not sites:
        yield PAGE.missing("no act in a hidden layer was seen")
        return
    smooth = [site for site in sites if site.smooth]
    if not smooth:
        yield PAGE.clean(
            "no smooth act in a hidden layer; dead-units judges the others", applies=False
        )
    fine: list[DormantUnits] = []
    for site in smooth:
        dormant = dormant_units(trace, site)
        if isinstance(dormant, str):
            yield PAGE.missing(dormant, "train for more steps, or look more often", site.name)
        elif (severity := severity_of_share(portion(dormant.units))) is not None:
            yield _finding(trace, dormant, severity)
        else:
            fine.append(dormant)
    if fine:
        worst, least = max(portion(f.units) for f in fine), min(f.samples for f in fine)
        where = f"in {layers(len(fine))} at most {worst:.0%} of the units are dormant"
        yield PAGE.clean(f"{where} (at least {least} samples a unit)")


def dormant_units(trace: Trace, site: Site) -> DormantUnits | str:
    """The dormant units of a site, or why they are not known."""
    windows = [w for w in trace.windows(site.name) if "post_sumsq" in w.fields]
    part = last_windows(windows, DEAD_SAMPLES, DEAD_RECORDS)
    rows = samples(part)
    if len(part) < LEAST_WINDOWS or records(part) < DEAD_RECORDS or rows < DEAD_SAMPLES:
        return f"only {rows} samples a unit over {records(part)} records in {len(part)} windows"
    varies = _spread(part, "post", rows)
    if varies is None or not len(varies):
        return "the spread of its output was not recorded"
    outgoing = _outgoing(windows)
    effect = varies if outgoing is None else varies * outgoing
    still, limit = _flat(part, rows)
    mute: Mask = still & (effect <= VARIES * _usual(part, varies, outgoing, rows))
    # the mean of abs h is at most its RMS, which is at hand
    size = np.sqrt(np.maximum(_sum(part, "post_sumsq", varies) / rows, 0.0))
    mean = float(size.mean())
    redo = float(np.mean(size <= REDO * mean)) if mean > 0 else 1.0
    return DormantUnits(site, part, mute, redo, limit)


def _outgoing(windows: Sequence[Window]) -> "Floats | None":
    """The norms of the outgoing weights in the last window that has them."""
    for window in reversed(windows):
        norms = window.fields.get("out_norm")
        if norms is not None and bool(np.isfinite(norms).all()):
            return norms
    return None


def _flat(windows: Sequence[Window], rows: int) -> "tuple[Mask, float]":
    """Units with a small slope on every sample, and how small."""
    largest = highest(windows, "slope_max")
    if largest is not None:
        return largest < SLOPE, SLOPE
    low, high = total(windows, "low"), total(windows, "high")
    if low is None or high is None:
        return np.zeros(0, dtype=bool), 0.05
    return low + high >= rows, 0.05


def _usual(
    windows: Sequence[Window], varies: "Floats", outgoing: "Floats | None", rows: int
) -> float:
    """The usual effect of a unit of this layer: the median, or what its input would allow."""
    scale = float(np.median(outgoing)) if outgoing is not None else 1.0
    middle = float(np.median(varies if outgoing is None else varies * outgoing))
    pre_counts = total(windows, "pre_n")
    count = int(pre_counts.max()) if pre_counts is not None and len(pre_counts) else 0
    before = _spread(windows, "pre", count) if count else None
    return max(middle, scale * float(np.median(before)) if before is not None else 0.0)


def _spread(windows: Sequence[Window], side: str, rows: int) -> "Floats | None":
    """Standard deviation by unit of the act's output or input."""
    s, q = total(windows, f"{side}_sum"), total(windows, f"{side}_sumsq")
    if s is None or q is None or not rows:
        return None
    return np.sqrt(np.maximum(q / rows - (s / rows) ** 2, 0.0))


def _sum(windows: Sequence[Window], name: str, like: "Floats") -> "Floats":
    summed = total(windows, name)
    return np.zeros_like(like) if summed is None else summed


def _since(trace: Trace, dormant: DormantUnits) -> int:
    """The first window from which most of the dormant units had no sample with a fair slope."""
    begin = dormant.windows[0].first
    for window in reversed(trace.windows(dormant.site.name)):
        low, high = window.fields.get("low"), window.fields.get("high")
        if low is None or high is None:
            break
        if np.mean((low + high)[dormant.units] >= window.samples) < MOST:
            break
        begin = min(begin, window.first)
    return begin


def _finding(trace: Trace, dormant: DormantUnits, severity: Severity) -> Finding:
    text = (
        "{dormant} of the {units} units of {place} are dormant: their slope stayed below "
        "{slope:.0%} of the largest on all {samples} samples looked at. Their output does not vary "
        "({confidence:.0%} sure: each says something on fewer than {seldom})"
    )
    more: dict[str, Value] = {
        "units": len(dormant.units),
        "dormant": int(dormant.units.sum()),
        "act": dormant.site.act,
        "slope": dormant.limit,
        "redo_share": dormant.redo,
        "bound": min(1.0, RULE_OF_THREE / dormant.samples),
        "seldom": one_in(min(1.0, RULE_OF_THREE / dormant.samples)),
        "confidence": CONFIDENCE,
    }
    share = portion(dormant.units)
    layer = dormant.site.layer or f"the layer before {dormant.site.name}"
    return PAGE.finding(
        dormant.site,
        severity,
        (_since(trace, dormant), last_step(trace)),
        text,
        Evidence("dormant_unit_share", share, NOTE, dormant.samples, more),
        cure=f"lower the learning rate if it was high; else recycle the dormant units of {layer}",
    )


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("batches",),
    figure="silent",
    explains=("ACT601", "ACT603", "ACT606"),
)
