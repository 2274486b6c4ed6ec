"""ACT304 periodic-phase: the phase of a sine wraps many times before anything is learned.

## What it does
Finds hidden layers of sines whose weights were not drawn for their frequency: from one row to the
next the phase moves by more than a whole turn, so neighbours come out as noise.

    torch.sin(30 * nn.Linear(256, 256)(h))

"the phase of 1.sine() spreads over 12.3 radians at the start, two turns: its weights were not drawn
for its frequency of 30, and the loss stays near guessing". Instead:

    nn.init.uniform_(layer.weight, -math.sqrt(6 / 256) / 30, math.sqrt(6 / 256) / 30)

## Why it hurts
A sine of a phase that spreads over several turns is a random number: two points that lie side by
side have nothing in common, so what is learned of one says nothing of the other. The training loss
may fall by memory, and between its points the network gives noise.

## How it is measured
The standard deviation over rows of what enters each hidden sine, times its frequency, in the first
window: the root of the mean over units of the variance. Biases shift a phase and spread nothing,
so means do not count. The first layer, which the data enter, is not judged: its frequencies are
those of the picture. Above pi radians a note, and a warning where the run stays near guessing. Of
the 72 networks that `benchmarks/phases.py --runs 72` draws, 36 fit what lies between their points:
none of them has a warning, six a note. Of the 36 that do not, 33 have a warning or a note; where
the training loss fell by memory, it is a note. SIREN's initialisation spreads the phase over 0.8
to 1.1 radians.

## Known false alarms
Networks with learned frequencies, and dense points on a line, may learn from a phase that wraps:
their loss leaves guessing behind, and the note stays one.

## Fixes and their safety
SIREN's initialisation, a lower frequency, or coordinates on a smaller scale (retrain).

## References
Sitzmann et al., "Implicit neural representations with periodic activation functions", NeurIPS 2020,
arXiv:2006.09661. Liu et al., "FINER", CVPR 2024, arXiv:2312.02434.
"""

import math
from collections.abc import Iterator

import numpy as np

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.outcome import judge, near_guessing
from relume.rules.page import page
from relume.rules.series_tools import first_step, last_step
from relume.rules.unit_windows import total

PAGE = page(__doc__)

PERIODIC = ("sine", "sin", "cos", "finer", "gabor")
LIMIT = math.pi  # radians; see the page


def spreads(trace: Trace) -> Iterator[tuple[Site, float]]:
    """Yield each hidden layer of sines, and the spread of its phase at the start, in radians."""
    sites = [site for site in trace.sites_of("act") if site.act in PERIODIC]
    entered = {site.layer for site in trace.sites_of("input")}
    first = min((site.order for site in trace.sites_of("act")), default=0)
    for site in sites:
        windows = trace.units.get(site.name, ())[:1]
        if site.order == first or site.layer in entered or site.max_slope is None or not windows:
            continue
        n, s, q = (total(windows, name) for name in ("pre_n", "pre_sum", "pre_sumsq"))
        if n is None or s is None or q is None or not np.any(n > 0):
            continue
        n, s, q = (part[n > 0] for part in (n, s, q))
        variance = np.maximum(q / n - (s / n) ** 2, 0.0)
        yield site, site.max_slope * float(np.sqrt(np.mean(variance)))


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each hidden layer whose phase wraps."""
    measured = list(spreads(trace))
    if not measured:
        if any(site.act in PERIODIC for site in trace.sites_of("act")):
            yield PAGE.missing("no hidden layer of sines was measured at the start", "record again")
        else:
            yield PAGE.clean("no sines in this network", applies=False)
        return
    poor = near_guessing(judge(trace))
    severity = Severity.WARNING if poor else Severity.NOTE
    wraps = [(site, spread) for site, spread in measured if spread > LIMIT]
    for site, spread in wraps:
        turns = spread / (2 * math.pi)
        text = (
            "the phase of {site} spreads over {value:.3g} radians at the start ({turns:.1f} turns)"
        )
        text += ": its weights were not drawn for its frequency of {omega:.3g}"
        text += ", and the loss stays near guessing" if poor else ""
        yield PAGE.finding(
            site,
            severity,
            (first_step(trace), last_step(trace)),
            text,
            Evidence(
                "phase_spread",
                spread,
                LIMIT,
                samples=1,
                more={"turns": turns, "omega": site.max_slope},
            ),
            cure="draw hidden weights within sqrt(6 / fan_in) / omega (SIREN), or lower omega",
        )
    if not wraps:
        largest = max(spread for _, spread in measured)
        yield PAGE.clean(f"phases spread over {largest:.2g} radians at most", largest / LIMIT)


RULE = PAGE.rule(
    check,
    severities=("note", "warning"),
    needs=("untrained",),
    symptom=False,
    from_start=True,
    explains=("ACT405", "ACT601", "ACT602", "ACT603", "ACT605", "ACT606"),
)
