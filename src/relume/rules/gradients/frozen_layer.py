"""ACT603 frozen-layer: a layer that stands still while the others learn.

## What it does
Finds weights whose optimiser steps change nothing while other weights of the run move, and
trainable weights that no optimiser holds.

## Why it hurts
A layer that does not move is the random one it began as; what it throws away is lost to all layers
behind it.

## How it is measured
Update ratio norm(W_after - W_before) / norm(W_before) a step, by weight: median below 1e-6 in the
third and in the fourth quarter of the records (two windows, at least 4 records each), and the
median over the weights at least ten times that (reasoned: then something else in the run does
move). The 1e-6 was tried on 80 healthy and 92 faulty runs. The rule reads the update and not the
gradient, since Adam rescales small gradients. A weight that has a gradient and no optimiser is
reported at once; only a note unless the run fares badly, since fine-tuning often does so on
purpose.

## Known false alarms
Frozen parameters (`requires_grad` off) are not judged, nor are zero-initialised weights, runs that
have converged or learned, and steps with a learning rate of zero. Embeddings of rare words.

## Fixes and their safety
Give the parameters to the optimiser (retrain). Cure what holds the gradient back: dead units,
a vanishing gradient (retrain).

## References
Raghu, Gilmer, Yosinski and Sohl-Dickstein, "SVCCA", NIPS 2017, arXiv:1706.05806: layers freeze from
the bottom up in healthy training too.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Finding, Result, Series, Severity, Site, Trace
from relume.rules.outcome import judge, learned_loss_share
from relume.rules.page import page
from relume.rules.plain_numbers import percent
from relume.rules.series_tools import curve, finite_median, last_step, quarters, weights_of

if TYPE_CHECKING:
    from relume.core import Floats

PAGE = page(__doc__)

STILL = 1e-6  # of the weight, a step (see the page)
MOVES = 10.0  # times STILL: then something else in the run does move
LEAST = 4  # records a quarter


def check(trace: Trace) -> Iterator[Result]:
    """One finding per weight that stands still, one for weights without an optimiser."""
    left = _left_out(trace)
    if left is not None:
        yield left
    names = [n for n in weights_of(trace) if _long_enough(trace.series(n, "update_ratio"))]
    if len(names) < 2:
        yield PAGE.missing("the updates of fewer than two weights were seen often enough")
        return
    if (low := learned_loss_share(trace)) is not None:
        yield PAGE.clean(f"the loss has fallen to {low:.0%} of its reference")
        return
    if judge(trace).name == "converged":
        yield PAGE.clean("the run has converged")
        return
    if _resting(trace):
        yield PAGE.missing("the learning rate was zero in the later half")
        return
    rates = {n: _rates(trace, n) for n in names}
    usual = float(np.median([max(pair) for pair in rates.values()]))
    still = [n for n in names if max(rates[n]) < STILL]
    if still and usual >= MOVES * STILL:
        for name in still:
            yield _finding(trace, name, max(rates[name]), usual)
    elif left is None:
        least = min(max(pair) for pair in rates.values())
        yield PAGE.clean(f"of {len(names)} weights the slowest changes by {percent(least)} a step")


def _long_enough(series: Series | None) -> bool:
    return series is not None and all(len(part) >= LEAST for part in quarters(series))


def _rates(trace: Trace, name: str) -> tuple[float, float]:
    series = trace.series(name, "update_ratio")
    assert series is not None  # _long_enough has seen it
    first, second = (_median_or_infinite(part) for part in quarters(series))
    return first, second


def _median_or_infinite(values: "Floats") -> float:
    """The median; what was never finite counts as moving."""
    median = finite_median(values)
    return median if np.isfinite(median) else float("inf")


def _resting(trace: Trace) -> bool:
    rate = trace.series("", "learning_rate")
    return rate is not None and len(rate) > 0 and finite_median(rate.values[len(rate) // 2 :]) == 0


def _finding(trace: Trace, name: str, value: float, usual: float) -> Finding:
    series = trace.series(name, "update_ratio")
    assert series is not None
    over = np.flatnonzero(series.values >= STILL)
    begin = int(series.steps[min(int(over[-1]) + 1, len(series) - 1)]) if len(over) else None
    since = int(series.steps[0]) if begin is None else begin
    more = {"usual": usual, "a_step": percent(value), "most_do": percent(usual)}
    return PAGE.finding(
        trace.site(name) or Site(name, "parameter"),
        Severity.WARNING,
        (since, last_step(trace)),
        "{site} stands still: a step changes it by {a_step} of itself, the median weight by "
        "{most_do}",
        Evidence("update_ratio", value, STILL, len(series), more, curve(series)),
        cure="find what holds its gradient back, or whether its learning rate is its own",
    )


def _left_out(trace: Trace) -> Finding | None:
    """The finding on weights in the graph that no optimiser holds."""
    optimised = {fact.site for fact in trace.facts_of("parameter")}
    if not optimised or trace.facts_of("wiring"):  # what is exact: parameter-not-optimized
        return None
    names = [s.name for s in trace.sites_of("parameter") if s.name not in optimised]
    names = [n for n in names if trace.series(n, "update_ratio") is None and _weight(n)]
    if not names:
        return None
    site = trace.site(names[0]) or Site(names[0], "parameter")
    text = "{site} is trainable and no optimiser was given it ({value:.0f} such weights: {names})"
    badly = judge(trace).fares_badly
    return PAGE.finding(
        site,
        Severity.WARNING if badly else Severity.NOTE,
        (_first_gradient(trace, names), last_step(trace)),
        text,
        Evidence("weights_without_optimizer", len(names), 0, 1, {"names": ", ".join(names[:3])}),
        cure=f"add the parameters of {site.layer or site.name} to the optimiser, or freeze them",
    )


def _weight(name: str) -> bool:
    return name.rpartition(".")[2].startswith("weight")


def _first_gradient(trace: Trace, names: Sequence[str]) -> int:
    series = [s for n in names if (s := trace.series(n, "grad_norm")) is not None and len(s)]
    return min((int(s.steps[0]) for s in series), default=0)


RULE = PAGE.rule(
    check,
    severities=("note", "warning"),
    needs=("training",),
    figure="updates",
    explains=("ACT606",),
)
