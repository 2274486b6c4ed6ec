"""ACT102 acting-linear: an act that bends nothing on the values it receives.

## What it does
Finds layers whose act is straight over all the inputs it gets: nearly every unit keeps nearly all
samples on one straight piece, or a curved act works where it is as good as a line.

## Why it hurts
Where the act is a line, the two layers around it are one affine map (see missing-nonlinearity):
the depth is paid for and not used.

## How it is measured
Acts of straight pieces (ReLU, leaky ReLU, hardtanh): a unit is straight if at least 99 % of its
samples lie on one piece that passes them on, or on the piece that gives nothing (leaky acts: on one
side of the kink, in recordings of older versions all samples); at least 99 % of the units must be
straight and at least half of them pass (the rest would be dead-units). Curved acts: what the best
straight line through (pre, post) of a unit leaves over, as a share of the variance of post (1 - R
squared), below 1e-5. Counted over the last two or more windows until there are 3000 samples a unit.
The shares were tried on 80 healthy and 92 faulty runs; the 1e-5 is measured
(`benchmarks/straight_acts.py`): three layers of tanh(a z) / a on two interleaved half-circles reach
0.888, as a straight line does, for every a at which no layer leaves more than 1.4e-6 to the line,
and 0.999 where the straightest layer leaves 3.0e-5 and more.

## Known false alarms
An act behind another that leaves it nothing to bend (ReLU of a sigmoid) is not judged:
act-after-act reports that. A layer that only carries a signal through: the last one before a linear
read-out, a network that was told to start as the identity.

## Fixes and their safety
Standardise what enters the layer, or re-initialise it with the act's gain and a zero bias
(retrain). Remove the act (exact where it passes everything): the network was linear there anyway.

## References
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010. Montufar, Pascanu, Cho and Bengio, "On the number of linear regions of deep neural
networks", NIPS 2014, arXiv:1402.1869.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relume.core import Evidence, Finding, Result, Severity, Site, Trace, Window
from relume.rules.page import page
from relume.rules.plain_numbers import percent
from relume.rules.series_tools import DEAD_SAMPLES, acts_of, curve, finite_median, last_step, layers
from relume.rules.unit_windows import (
    LEAST_WINDOWS,
    highest,
    last_windows,
    lowest,
    portion,
    samples,
    total,
)

if TYPE_CHECKING:
    from relume.rules.unit_windows import Mask

PAGE = page(__doc__)

SIDE = 0.99  # of a unit's samples on one piece (see the page)
UNITS = 0.99  # of a layer's units that are straight (see the page)
PASSING = 0.5  # of them pass the signal on: else the layer is silent, which dead-units reports
STRAIGHT = 1e-5  # of the variance of post that no line explains: benchmarks/straight_acts.py
RECENT = 8  # records whose median counts, as many as a dead unit needs
UNREAD = "what a straight line leaves over of its output was not measured"


@dataclass(frozen=True, slots=True)
class StraightUnits:
    """The straight units of a layer: all of them, and those that pass their input on."""

    share: float
    passing: float
    samples: int


def check(trace: Trace) -> Iterator[Result]:
    """One finding per hidden act that is straight on all it receives."""
    sites = acts_of(trace)
    if not sites:
        yield PAGE.missing("no act in a hidden layer was seen")
    unread = [s.name for s in sites if s.smooth and trace.series(s.name, RESIDUAL) is None]
    if unread:
        reason = f"{UNREAD} at {layers(len(unread))} ({', '.join(unread[:3])})"
        remedy = "nothing inside an unrolled layer (GRU, LSTM); otherwise record the run again"
        yield PAGE.missing(reason, remedy)
    clean: list[str] = []
    idle = {fact.site for fact in trace.facts_of("act-pair") if _idle(fact.data)}
    for site in (site for site in sites if site.name not in idle):
        windows = [w for w in trace.windows(site.name) if "active" in w.fields]
        part = last_windows(windows, DEAD_SAMPLES, LEAST_WINDOWS)
        if site.name in unread:
            continue
        if len(part) < LEAST_WINDOWS or samples(part) < DEAD_SAMPLES:
            reason = f"only {samples(part)} samples a unit in {len(part)} windows"
            yield PAGE.missing(reason, "train for more steps, or look more often", site.name)
        elif (finding := (_curved if site.smooth else _pieces)(trace, site, part)) is not None:
            yield finding
        else:
            clean.append(site.name)
    if clean:
        yield PAGE.clean(f"{layers(len(clean))} bend what they receive")


def _idle(pair: Mapping[str, Any]) -> bool:
    """A rectifier behind an act that is never negative."""
    first, second = (
        Site.of_act(str(pair.get(which, "")), pair.get(f"{which}_traits"))
        for which in ("first", "second")
    )
    return first.low >= 0 and not second.smooth and (second.cuts or second.leaks)


RESIDUAL = "affine_residual_share"


def straight_units(site: Site, windows: Sequence[Window]) -> StraightUnits:
    """Which units of an act of straight pieces stay on one of them."""
    rows, active = samples(windows), total(windows, "active")
    if active is None or not rows or not len(active):
        return StraightUnits(0.0, 0.0, rows)
    if site.leaks:
        passing = _one_sign(windows, rows)
        return StraightUnits(portion(passing), 1.0, rows)
    passing = active >= SIDE * rows
    either = passing | (active <= (1 - SIDE) * rows)
    share = portion(either)
    return StraightUnits(share, portion(passing) / share if share else 0.0, rows)


def _one_sign(windows: Sequence[Window], rows: int) -> "Mask":
    """Units with nearly all samples above, or below, the kink of a leaky act."""
    above = total(windows, "above")
    if above is not None:
        return (above >= SIDE * rows) | (above <= (1 - SIDE) * rows)
    low, high = lowest(windows, "post_min"), highest(windows, "post_max")
    if low is None or high is None:
        return np.zeros(0, dtype=bool)
    return (low >= 0) | (high <= 0)


def _pieces(trace: Trace, site: Site, windows: Sequence[Window]) -> Finding | None:
    units = straight_units(site, windows)
    if units.share < UNITS or units.passing < PASSING:
        return None
    text = (
        "{place} is a straight line on all it receives. {value:.0%} of its units keep at least "
        "{side:.0%} of {samples} samples on one side of the kink"
    )
    more = {"act": site.act, "side": SIDE, "passing": units.passing}
    evidence = Evidence("one_sided_unit_share", units.share, UNITS, units.samples, more)
    return _finding(trace, site, windows, text, evidence)


def _curved(trace: Trace, site: Site, windows: Sequence[Window]) -> Finding | None:
    series = trace.series(site.name, RESIDUAL)
    if series is None or not len(series):
        return None
    value = finite_median(series.values[-RECENT:])
    if not value < STRAIGHT:
        return None
    text = (
        "{place} is as good as a straight line on all it receives: a line misses {missed} of the "
        "variance of its output"
    )
    more = {"act": site.act, "missed": percent(value)}
    evidence = Evidence(RESIDUAL, value, STRAIGHT, samples(windows), more, curve(series))
    return _finding(trace, site, windows, text, evidence)


def _finding(
    trace: Trace, site: Site, windows: Sequence[Window], text: str, evidence: Evidence
) -> Finding:
    layer = site.layer or f"the layer before {site.name}"
    return PAGE.finding(
        site,
        Severity.WARNING,
        (windows[0].first, last_step(trace)),
        text,
        evidence,
        cure=f"re-initialise {layer} with the gain of {site.act} and a zero bias",
    )


RULE = PAGE.rule(check, severities=("warning",), needs=("batches",))
