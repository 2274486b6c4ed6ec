"""ACT605 learning-rate-high: a step changes the weights by more than a tenth of themselves.

## What it does
Finds steps whose update is large against the weights it changes, and says how many there were.

## Why it hurts
An update of that size leaves the region in which the gradient meant anything. It throws weights off
the data, so that rectified units die and squashing units saturate, and it can blow up the loss.

## How it is measured
Update ratio norm(W_after - W_before) / norm(W_before), the median over the layers' weights (two
dimensions or more; zero-initialised ones left out). Threshold 0.1 (RULES.md, from 92 faulty runs);
a ratio near 1e-3 is the rule of thumb. One step is enough evidence. A warning; an error if at least
10 % of the records are above it or a step exceeds 1; only a note if it stays below 1 and is over
within the first 5 records, since Adam's first steps are as large as the learning rate whatever the
gradient (the step to error and to note are reasoned, not measured).

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
from relume.rules._evidence import curve, last_step, together, weights_of
from relume.rules._page import page

if TYPE_CHECKING:
    from relume.core import Floats

PAGE = page(__doc__)

LIMIT = 0.1  # RULES.md 605; the rule of thumb is 1e-3
EXTREME = 1.0  # the weights were replaced rather than changed
OFTEN = 0.10  # of the records: no longer single steps
FIRST = 5  # records: Adam's moments need about 1 / (1 - beta1) = 10 steps to settle
LATE = 0.5  # of the records: quiet that long means that it is over


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the whole model."""
    names, steps, ratios = together(trace, weights_of(trace), "update_ratio")
    if not names:
        remedy = "record at least one optimiser step of a weight that is not all zero"
        yield PAGE.missing("no update of a weight was seen", remedy)
        return
    typical = typical_update(ratios)
    keep = np.isfinite(typical)
    steps, typical = steps[keep], typical[keep]
    over = np.flatnonzero(typical > LIMIT)
    if not len(over):
        most = float(typical.max()) if len(typical) else float("nan")
        yield PAGE.checked(
            f"a step changes the median weight by at most {most:.2g} of itself "
            f"({len(typical)} records, {len(names)} weights)"
        )
        return
    yield _finding(trace, Series(steps, typical), over, len(names))


def typical_update(ratios: "Floats") -> "Floats":
    """The median over the weights, by record; of an infinite ratio (from zero) nothing is kept."""
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
        "a step changes the median weight by up to {value:.2g} of itself (step {worst_step}, "
        "usually {usual:.2g}); {over} of {records} records, first at step {first_step}, are above "
        "{threshold:.2g}"
    )
    if more["learning_rate"] is not None:
        text += "; the learning rate there was {learning_rate:.3g}"
    over_at_first = bool(over[-1] < FIRST)
    return PAGE.finding(
        "",
        _severity(float(values[worst]), share, over_at_first),
        (int(series.steps[over[0]]), last_step(trace)),
        text,
        Evidence(
            "update_ratio_median", float(values[worst]), LIMIT, len(values), more, curve(series)
        ),
        cure="divide the learning rate by ten, or warm it up",
    )


def _severity(worst: float, share: float, over_at_first: bool) -> Severity:
    if over_at_first and worst < EXTREME:
        return Severity.NOTE
    if worst >= EXTREME or share >= OFTEN:
        return Severity.ERROR
    return Severity.WARNING


def _at(series: Series | None, step: int) -> float | None:
    """The value in force at a step."""
    if series is None or not len(series):
        return None
    at = max(int(np.searchsorted(series.steps, step, "right")) - 1, 0)
    return float(series.values[at])


RULE = PAGE.rule(check, explains=("ACT401", "ACT403", "ACT501", "ACT601", "ACT602"))
