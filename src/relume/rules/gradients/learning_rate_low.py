"""ACT606 learning-rate-low: steps too small to get anywhere.

## What it does
Finds runs that have not learned and whose weights hardly moved: each step changes them by less than
a hundred-thousandth, or all steps together by less than a few per cent.

## Why it hurts
Learning is movement of weights. With such steps the loss stays where it began, and looks like a
network that cannot learn.

## How it is measured
Update ratio norm(W_after - W_before) / norm(W_before), the median over the layers' weights: below
1e-5 in the third and the fourth quarter of the records (4 records a quarter; the 1e-5 was tried on
80 healthy and 92 faulty runs). Or the larger of the two times the number of steps below 0.05.
Measured on digits
(`benchmarks/small_updates.py`, 60 runs): the 30 runs at 0.045 or less had all stalled, with at most
1.2 % of their loss gone; the least of the runs that learned is 0.086, the most of those that
stalled 0.13. Only where the outcome is stalled, or plateaued above 20 % of chance. A warning; an
error where the rate alone gives such steps: under Adam and its kin, which divide a gradient by its
own size, at least a tenth of rate / RMS of the weights (Adam's steps are up to three times shorter,
by noise; the tenth is reasoned).

A schedule that has ended is told apart, as an error: the largest rate of all groups is below a
thousandth of its summit for at least the last half of the run, and the loss was still falling when
it went (by the third and the fourth quarter of the steps until then, or there were fewer than ten).
That is what a decay over epochs does where it is stepped once a batch. Both limits are reasoned:
cosine schedules end at a hundredth or at zero, at the end of the run.

## Known false alarms
A warm-up that is still going on (the rate of the last quarter is over 1.5 times that of the one
before) and fine-tuning (a start below 0.8 of chance) are not judged. Small updates have other
causes too: a vanishing gradient or dead units explain this. A rate of 0 in one group, warm restarts
and a schedule that ends with the run are no ended schedule; nor is a rate that was lowered because
the loss had stopped (`ReduceLROnPlateau`), or one that is gone once the loss is low.

## Fixes and their safety
Multiply the learning rate by ten, and again, until the loss falls (retrain). Adam in place of SGD
where gradients are small (retrain). An ended schedule: step it once an epoch, or give it the number
of all batches (advice).

## References
Bottou, Curtis and Nocedal, "Optimization methods for large-scale machine learning", SIAM Review 60,
2018, arXiv:1606.04838. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
arXiv:1506.01186.
"""

import math
from collections.abc import Iterator

import numpy as np

from relume.core import Evidence, Finding, Outcome, Result, Series, Severity, Trace, Value
from relume.rules.gradients.learning_rate_high import typical_update
from relume.rules.outcome import ERRORS, FALLING, FEWEST, KNOWN, LOW, judge
from relume.rules.page import page
from relume.rules.plain_numbers import percent
from relume.rules.series_tools import (
    align_series,
    curve,
    finite_median,
    first_lasting_step,
    first_step,
    last_step,
    number,
    quarters,
    weights_of,
)

PAGE = page(__doc__)

LIMIT = 1e-5  # of the weights, a step (see the page)
WHOLE = 0.05  # of the weights, in the whole run: benchmarks/small_updates.py
LEAST = 4  # records a quarter
EXPLAINED = 0.1  # of what the rate alone gives: Adam's steps are up to three times shorter (noise)
ADAPTIVE = frozenset({"Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Lion"})
SPENT = 1e-3  # of the summit of the rate: below, the schedule has ended
ENDED = 0.5  # of the run: a schedule that ends later was meant to
RISING = 1.5  # times the rate of the quarter before: a warm-up that is not over


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the whole model."""
    names, steps, ratios = align_series(trace, weights_of(trace), "update_ratio")
    typical = typical_update(ratios) if names else np.zeros(0)
    keep = np.isfinite(typical)
    series = Series(steps[keep], typical[keep])
    third, fourth = quarters(series)
    if len(third) < LEAST or len(fourth) < LEAST:
        yield PAGE.missing(f"the updates were seen in {len(series)} records only", "train longer")
        return
    outcome = judge(trace)
    rate = max(finite_median(third), finite_median(fourth))
    count = last_step(trace) - first_step(trace) + 1
    whole = rate * count
    if rate >= LIMIT and whole >= WHOLE:
        near = max(LIMIT / rate, WHOLE / whole) if rate > 0 else 1.0
        yield PAGE.clean(f"a step changes the weights by {percent(rate)} of their size", near)
    elif (why := _excused(trace, outcome)) is not None:
        yield PAGE.clean(why, 0.5)
    elif (end := _schedule_end(trace, outcome)) is not None:
        yield _ended(trace, outcome, series, end)
    else:
        yield _finding(trace, series, rate, whole, count)


def _excused(trace: Trace, outcome: Outcome) -> str | None:
    """Why small steps are no fault in this run, or None."""
    names = ("start", "end", "chance")
    start, end, chance = (number(outcome.numbers.get(name)) for name in names)
    if outcome.name not in ("stalled", "plateaued"):
        return f"steps are small, and the run is {outcome.name}"
    if start is not None and chance is not None and start < KNOWN * chance:
        return f"fine-tuning: the loss began at {start:.3g}, chance is {chance:.3g}"
    reference = chance or start
    if end is not None and reference is not None and end <= LOW * reference:
        return f"steps are small, and the loss has fallen to {end / reference:.0%} of its reference"
    rate = trace.series("", "learning_rate")
    if rate is not None and len(rate) >= 4:
        before, after = (finite_median(part) for part in quarters(rate))
        if after > RISING * before > 0:
            return "the learning rate is still rising"
    return None


def _schedule_end(trace: Trace, outcome: Outcome) -> int | None:
    """The step from which on the rate was gone, where the loss was still falling then."""
    rate, loss = trace.series("", "learning_rate"), trace.series("", "loss")
    if rate is None or loss is None or not len(rate):
        return None
    used = np.flatnonzero(rate.values >= SPENT * rate.values.max())
    if not rate.values.max() > 0 or used[-1] == len(rate) - 1:
        return None
    end = int(rate.steps[used[-1] + 1])
    count = int(np.searchsorted(loss.steps, end))
    if last_step(trace) - end + 1 < ENDED * (last_step(trace) - first_step(trace) + 1):
        return None
    before = Series(loss.steps[:count], loss.values[:count])
    return end if len(before) < FEWEST or _fell(before, outcome) else None


def _fell(loss: Series, outcome: Outcome) -> bool:
    """Whether a loss still fell over the second half of its steps, by more than its noise."""
    third, fourth = (part[np.isfinite(part)] for part in quarters(loss))
    noise = number(outcome.numbers.get("noise")) or 0.0
    error = noise * (2 / max(len(fourth), 1)) ** 0.5
    scale = abs(float(loss.values[0]))
    return bool(third.mean() - fourth.mean() > max(FALLING * scale, ERRORS * error))


def _ended(trace: Trace, outcome: Outcome, series: Series, end: int) -> Finding:
    rate = trace.series("", "learning_rate")
    values = np.zeros(1) if rate is None else rate.values
    span = last_step(trace) - first_step(trace) + 1
    more: dict[str, Value] = {
        "ended": end,
        "steps": span,
        "summit": float(values.max()),
        "learning_rate": float(values[-1]),
        "loss": number(outcome.numbers.get("end")),
    }
    text = "the learning rate is {learning_rate:.3g} from step {ended} of {steps} on, after "
    text += (
        "{summit:.3g} at most: the schedule has ended, and the loss stays at {loss:.4g}. It was "
    )
    text += "still falling. A decay over epochs that is stepped once a batch does that"
    spent = (last_step(trace) - end + 1) / span
    return PAGE.finding(
        "",
        Severity.ERROR,
        (end, last_step(trace)),
        text,
        Evidence("spent_schedule_share", spent, ENDED, len(series), more, curve(rate)),
        cure="step the schedule once an epoch, or give it the number of all batches",
    )


def _by_rate(trace: Trace, rate: float | None) -> float | None:
    """The update ratio that the rate alone gives, where gradients are divided by their own size."""
    if rate is None or rate <= 0 or str(trace.meta.get("optimizer", "")) not in ADAPTIVE:
        return None
    shapes = {f.site: f.data.get("shape") or () for f in trace.facts_of("parameter")}
    ratios: list[float] = []
    for name in weights_of(trace):
        norm = trace.series(name, "weight_norm")
        if norm is not None and len(norm) and norm.values[-1] > 0:
            ratios.append(rate * math.prod(shapes[name]) ** 0.5 / float(norm.values[-1]))
    return finite_median(np.array(ratios)) if ratios else None


def _finding(trace: Trace, series: Series, rate: float, whole: float, count: int) -> Finding:
    used = trace.series("", "learning_rate")
    learning_rate = finite_median(used.values) if used is not None and len(used) else None
    more: dict[str, Value] = {
        "whole": whole,
        "steps": count,
        "rate": rate,
        "a_step": percent(rate),
        "in_all": percent(whole),
        "learning_rate": learning_rate,
    }
    text = "a step changes the weights by {a_step} of their size, so {steps} steps can move them "
    text += "by {in_all}. The loss has not moved either"
    if learning_rate is not None:
        text += ". The learning rate is {learning_rate:.3g}"
    expected = _by_rate(trace, learning_rate)
    if expected is not None and rate >= EXPLAINED * expected:
        more["by_rate"] = expected
        more["alone"] = percent(expected)
        text += ", which alone moves them by {alone} a step under {optimizer}"
        more["optimizer"] = str(trace.meta.get("optimizer"))
    by_step = rate < LIMIT
    since = first_lasting_step(series.steps, series.values < max(LIMIT, WHOLE / count))
    value, threshold = (rate, LIMIT) if by_step else (whole, WHOLE)
    stat = "update_ratio_median" if by_step else "update_ratio_times_steps"
    cure = "multiply the learning rate by ten, and again, until the loss falls"
    if learning_rate == 0:
        cure = "set a learning rate: it is zero"
    return PAGE.finding(
        "",
        Severity.ERROR if "by_rate" in more else Severity.WARNING,
        (since, last_step(trace)),
        text,
        Evidence(stat, value, threshold, len(series), more, curve(series)),
        cure=cure,
    )


RULE = PAGE.rule(check, severities=("warning", "error"), needs=("training",), figure="updates")
