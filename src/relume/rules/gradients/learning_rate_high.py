"""ACT605 learning-rate-high: steps that change the weights by more than they can bear.

## What it does
Finds steps that change the weights by more than a tenth of themselves, and says how many there
were; and runs that learned and lost it again while every step changed them by more than 0.03.

## Why it hurts
An update of that size leaves the region in which the gradient meant anything. It throws weights off
the data, so that rectified units die and squashing units saturate, and it can blow up the loss.

## How it is measured
Update ratio norm(W_after - W_before) / norm(W_before), the median over the layers' weights (two
dimensions or more; zero-initialised ones left out). Threshold 0.1 (from 92 faulty runs);
a ratio near 1e-3 is the rule of thumb. One step is enough evidence. A warning; an error if at least
10 % of the records are above it or a step exceeds 1; only a note if it stays below 1 and is over
within the first 5 records, unless several of them exceed it and the run fares badly, since Adam's
first steps are as large as the learning rate whatever the gradient (the step to error and to note
are reasoned, not measured). A run that broke at the edge of an operation (the logarithm of a
probability of 0) fares badly because of that.

A second form looks for a rate that is too high all the time rather than on single steps: the run
had learned and lost it again, and up to its best loss, or just after it where the updates were
already half that large, each step changed the median weight by more than 0.03 of itself, which
rewrites the weights in 33 steps. Measured up to the best loss on 44 networks on digits, with
and without warm-up (`benchmarks/learning_rate.py`): of those that kept what they had learned all
but one (accuracy 0.58) had at most 0.025 there, those that lost it at least 0.031. That form is an
error.

## Known false alarms
Adam's first steps, tensors that begin at zero, tiny initial weights (then scale-drift-at-init is
the cause), layers of very few weights.

## Fixes and their safety
Divide the learning rate by ten, or warm it up (retrain). Measured on digits with Adam at 0.1:
0.151, with a tenth of it 0.962; leaky acts 0.641, clipping 0.122, re-initialising 0.186.

## References
Bottou, Curtis and Nocedal, "Optimization methods for large-scale machine learning", SIAM Review 60,
2018, arXiv:1606.04838. Karpathy, "CS231n notes: ratio of weights to updates", 2015.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Finding, Result, Series, Severity, Trace, Value
from relume.rules.non_finite import broke_at_an_edge
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.plain_numbers import percent
from relume.rules.series_tools import align_series, curve, last_step, weights_of

if TYPE_CHECKING:
    from relume.core import Floats

PAGE = page(__doc__)

LIMIT = 0.1  # see the page; the rule of thumb is 1e-3
EXTREME = 1.0  # the weights were replaced rather than changed
OFTEN = 0.10  # of the records: no longer single steps
FIRST = 5  # records: Adam's moments need about 1 / (1 - beta1) = 10 steps to settle
SUSTAINED = 0.03  # benchmarks/learning_rate.py: up to 0.025 kept its gains, from 0.031 lost them
NEAR = 5  # records up to the best loss, and as many after it, whose medians are taken
KEPT = 0.5  # a best loss below half of both ends was learned, and lost


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the whole model."""
    names, steps, ratios = align_series(trace, weights_of(trace), "update_ratio")
    if not names:
        remedy = "record at least one optimiser step of a weight that is not all zero"
        yield PAGE.missing("no update of a weight was seen", remedy)
        return
    typical = typical_update(ratios)
    keep = np.isfinite(typical)
    steps, typical = steps[keep], typical[keep]
    over = np.flatnonzero(typical > LIMIT)
    lasting = _sustained(trace, Series(steps, typical))
    if lasting is not None:
        yield lasting
        return
    if not len(over):
        most = float(typical.max()) if len(typical) else float("nan")
        yield PAGE.clean(
            f"a step changes the weights by at most {percent(most)} of their size "
            f"({len(typical)} steps looked at, {len(names)} weights)",
            most / LIMIT,
        )
        return
    yield _finding(trace, Series(steps, typical), over, len(names))


def typical_update(ratios: "Floats") -> "Floats":
    """The median over the weights, by record, without infinite ratios (of a weight of zero)."""
    finite = np.where(np.isfinite(ratios), ratios, np.nan)
    typical = np.full(finite.shape[1], np.nan)
    some = np.isfinite(finite).any(axis=0)
    typical[some] = np.nanmedian(finite[:, some], axis=0)
    return typical


def _finding(trace: Trace, series: Series, over: "np.ndarray", weights: int) -> Finding:
    values = series.values
    worst = int(np.argmax(values))
    share = len(over) / len(values)
    rate = trace.series("", "learning_rate")
    at = int(series.steps[worst])
    more: dict[str, Value] = {
        "weights": weights,
        "records": len(values),
        "over": len(over),
        "over_share": share,
        "worst_step": at,
        "first_step": int(series.steps[over[0]]),
        "usual": float(np.median(values)),
        "learning_rate": _at(rate, at),
    }
    text = (
        "a step changes the weights by up to {value:.0%} of their size (step {worst_step}, usually "
        "{usual:.2%}). On {over} of {records} steps looked at it was more than {threshold:.0%}, "
        "first at step {first_step}"
    )
    if more["learning_rate"] is not None:
        text += ". The learning rate there was {learning_rate:.3g}"
    over_at_first = bool(over[-1] < FIRST)
    badly = judge(trace).fares_badly and not broke_at_an_edge(trace)
    return PAGE.finding(
        "",
        _severity(float(values[worst]), share, over_at_first and not (badly and len(over) > 1)),
        (int(series.steps[over[0]]), last_step(trace)),
        text,
        Evidence(
            "update_ratio_median", float(values[worst]), LIMIT, len(values), more, curve(series)
        ),
        cure="divide the learning rate by ten, or warm it up",
    )


def _severity(worst: float, share: float, passing: bool) -> Severity:
    if passing and worst < EXTREME:
        return Severity.NOTE
    if worst >= EXTREME or share >= OFTEN:
        return Severity.ERROR
    return Severity.WARNING


def _sustained(trace: Trace, series: Series) -> Finding | None:
    """The finding on a run that learned and lost it while every step rewrote its weights."""
    outcome = judge(trace)
    numbers = [outcome.numbers.get(name) for name in ("best_step", "best", "start", "end")]
    known = [float(value) for value in numbers if isinstance(value, int | float)]
    if not outcome.fares_badly or len(known) < len(numbers):
        return None
    step, best, start, end = known
    near = int(np.searchsorted(series.steps, step))
    before = series.values[max(0, near - NEAR + 1) : near + 1]
    after = series.values[near + 1 : near + 1 + NEAR]
    if best > KEPT * min(start, end) or not len(before) or np.median(before) <= SUSTAINED / 2:
        return None  # a spike after quiet steps is the other form's
    around = max(float(np.median(part)) for part in (before, after) if len(part))
    if around <= SUSTAINED:
        return None
    first = int(series.steps[int(np.argmax(series.values > SUSTAINED))])
    more: dict[str, Value] = {
        "best": best,
        "best_step": int(step),
        "end": end,
        "turnover": round(1 / around),
        "learning_rate": _at(trace.series("", "learning_rate"), int(step)),
    }
    text = (
        "the run reached a loss of {best:.3g} at step {best_step} and lost it again ({end:.3g} at "
        "the end). Around its best every step changed the weights by {value:.1%} of their size, "
        "which rewrites them in {turnover} steps"
    )
    if more["learning_rate"] is not None:
        text += ". The learning rate there was {learning_rate:.3g}"
    return PAGE.finding(
        "",
        Severity.ERROR,
        (first, last_step(trace)),
        text,
        Evidence(
            "update_ratio_median", around, SUSTAINED, len(before) + len(after), more, curve(series)
        ),
        cure="divide the learning rate by ten, or let it decay once the loss has fallen",
    )


def _at(series: Series | None, step: int) -> float | None:
    """The value in force at a step."""
    if series is None or not len(series):
        return None
    at = max(int(np.searchsorted(series.steps, step, "right")) - 1, 0)
    return float(series.values[at])


EXPLAINS = (
    *("ACT401", "ACT402", "ACT403", "ACT501", "ACT502", "ACT503", "ACT601"),
    *(
        "ACT602",
        "ACT604",
    ),
)
RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("training",),
    figure="loss",
    from_updates=True,
    explains=(*EXPLAINS, "ACT606", "ACT607", "ACT801"),
)
