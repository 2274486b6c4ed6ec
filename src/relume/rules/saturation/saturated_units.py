"""ACT501 saturated-units: units that sit where their act is flat.

## What it does
Finds layers whose acts work on their flat ends: a sigmoid beyond 4.36, a tanh beyond 2.18, an ELU
below -3, a ReLU6 at its ceiling. Low and high side are counted apart.

## Why it hurts
Where the slope is near zero the gradient that passes is near zero: the unit has made up its mind
and no error reaches it or anything before it.

## How it is measured
r = abs slope over the act's largest slope; flat is r < 0.05. A unit is saturated if it was flat on
at least 90 % of its samples. Layer: at least 50 % of all entries flat, or at least 25 % of the
units saturated. These shares were tried on 80 healthy and 92 faulty runs; the slope of 0.05 is that
of the card's flat intervals. Counted over the last two or more windows until there are 1000 samples
a unit, by which a share of 90 % is known within 2 %; over 4 records where so many were out of
reach. Warning; an error from 90 % of entries or 75 % of units on (reasoned). The zero side of
rectifiers (ReLU, and GELU, SiLU, softplus) is silence, not saturation, and belongs to dead-units.

## Known false alarms
Output heads, attention weights and gates are not judged. 13 of 75 published healthy trainings have
at least half of a layer saturated and learn: there it is a note. A converged classifier saturates.

## Fixes and their safety
Standardise the inputs (retrain); re-initialise or rescale the weights to the target RMS (retrain);
a norm layer before the act (retrain); another act with its initialisation (retrain). Swapping the
act without re-initialising does not cure it: measured 0.083 against 0.954 with He initialisation.

## References
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010. LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from relume.core import Evidence, Finding, Result, Severity, Site, Trace, Window
from relume.rules.init_advice import init_for
from relume.rules.page import page
from relume.rules.series_tools import FLAT_SAMPLES, acts_of, curve, last_step, layers
from relume.rules.unit_windows import LEAST_WINDOWS, last_windows, lowest, records, samples, total

PAGE = page(__doc__)

UNIT = 0.90  # of a unit's samples flat (see the page)
ENTRIES, ENTRIES_ERROR = 0.50, 0.90  # of a layer's entries; the step to error is reasoned
UNITS, UNITS_ERROR = 0.25, 0.75  # of a layer's units; the step to error is reasoned
EXACT = 0.999  # of flat entries with slope exactly zero: then the act is flat by its formula
FLOOR = -1e-6  # an act whose flat low end gives less than this is clipped there, not silent
RECORDS = 4  # of other batches, where 1000 samples were out of reach (law 10 in docs/laws.md)


@dataclass(frozen=True, slots=True)
class FlatShares:
    """How flat a layer is: shares of entries and of units."""

    entries: float
    low: float
    high: float
    units: float
    samples: int

    @property
    def severity(self) -> Severity | None:
        """The severity of these shares; None where they are no finding."""
        if self.entries >= ENTRIES_ERROR or self.units >= UNITS_ERROR:
            return Severity.ERROR
        if self.entries >= ENTRIES or self.units >= UNITS:
            return Severity.WARNING
        return None


def check(trace: Trace) -> Iterator[Result]:
    """One finding per act site that is flat now, or was and no longer is."""
    sites = acts_of(trace)
    if not sites:
        yield PAGE.missing("no act in a hidden layer was seen")
    worst: list[FlatShares] = []
    for site in sites:
        windows = [w for w in trace.windows(site.name) if "low" in w.fields and w.samples]
        if len(windows) < LEAST_WINDOWS or records(windows) < RECORDS:
            reason = f"only {records(windows)} records in {len(windows)} windows"
            yield PAGE.missing(reason, "train for more steps, or look more often", site.name)
            continue
        silence = _silent_below(site, windows)
        now = flatness(last_windows(windows, FLAT_SAMPLES, RECORDS), silence)
        if now.severity is not None:
            yield _finding(trace, site, now, _since(windows, silence), cleared=False)
            continue
        worst.append(now)
        if (past := _past(windows, silence)) is not None:
            yield _finding(trace, site, past[0], past[1], cleared=True)
    if worst:
        entries, units = max(f.entries for f in worst), max(f.units for f in worst)
        yield PAGE.clean(
            f"in {layers(len(worst))} at most {entries:.0%} of entries are flat and at most "
            f"{units:.0%} of units saturated",
            max(entries / ENTRIES, units / UNITS),
        )


def flatness(windows: Sequence[Window], silent_below: bool) -> FlatShares:
    """How flat a site is over these windows; its low side left out where that is silence."""
    rows = samples(windows)
    low, high = total(windows, "low"), total(windows, "high")
    if low is None or high is None or not rows or not len(low):
        return FlatShares(0.0, 0.0, 0.0, 0.0, rows)
    if silent_below:
        low = np.zeros_like(low)
    flat = (low + high) / rows
    units = len(flat)  # sums and counts: np.mean costs several times as much on a few units
    share = [float(part.sum()) / units / rows for part in (low, high)]
    saturated = int(np.count_nonzero(flat >= UNIT)) / units
    return FlatShares(float(flat.sum()) / units, share[0], share[1], saturated, rows)


def _silent_below(site: Site, windows: Sequence[Window]) -> bool:
    """Whether the act's flat low end is silence: a rectifier's zero, seen in the counters as
    a slope of exactly zero on all that is flat, with an output that is not below zero."""
    if site.rectifies:
        return True
    active, low, high = (total(windows, name) for name in ("active", "low", "high"))
    if site.smooth or active is None or low is None or high is None:
        return False
    zero = samples(windows) * len(active) - float(active.sum())
    bottom = lowest(windows, "post_min")
    clipped = bottom is not None and bool(np.any(bottom < FLOOR))
    return zero >= EXACT * float((low + high).sum()) and not clipped


def _since(windows: Sequence[Window], silent_below: bool) -> int:
    """The first step of the unbroken stretch of flat windows that reaches the end."""
    begin = windows[-1].first
    for window in reversed(windows):
        if flatness([window], silent_below).severity is None:
            break
        begin = window.first
    return begin


def _past(windows: Sequence[Window], silent_below: bool) -> tuple[FlatShares, int] | None:
    """The first two consecutive flat windows with enough samples, and their step, or None."""
    flats = [flatness([w], silent_below).severity is not None for w in windows]
    for at in range(len(windows) - LEAST_WINDOWS + 1):
        part = windows[at : at + LEAST_WINDOWS]
        if samples(part) >= FLAT_SAMPLES and all(flats[at : at + LEAST_WINDOWS]):
            return flatness(part, silent_below), part[0].first
    return None


def _finding(trace: Trace, site: Site, flat: FlatShares, since: int, *, cleared: bool) -> Finding:
    text = (
        "{place} {is_flat} on {value:.0%} of its entries ({low:.0%} at the low end, {high:.0%} at "
        "the high one). {units:.0%} of its units are so on at least {unit_limit:.0%} of {samples} "
        "samples"
    )
    side = "high" if flat.high >= flat.low else "low"
    rms = trace.series(site.name, "pre_rms")
    return PAGE.finding(
        site,
        flat.severity or Severity.NOTE,
        (since, last_step(trace)),
        text,
        Evidence(
            "flat_share",
            flat.entries,
            ENTRIES,
            samples=flat.samples,
            more={
                "act": site.act,
                "is_flat": "was flat for a while" if cleared else "is flat",
                "low": flat.low,
                "high": flat.high,
                "units": flat.units,
                "unit_limit": UNIT,
                "pre_rms": float(rms.values[-1]) if rms is not None and len(rms) else None,
            },
            curve=curve(trace.series(site.name, f"flat_share_{side}")),
        ),
        cure=f"re-initialise {site.layer or 'the layer before it'} with {init_for(site)}, "
        "after standardising the inputs",
        cleared=cleared,
    )


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("batches",),
    figure="flat",
    explains=("ACT402", "ACT601", "ACT603", "ACT606", "ACT801"),
)
