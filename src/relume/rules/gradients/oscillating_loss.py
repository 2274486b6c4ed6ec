"""ACT607 oscillating-loss: a loss that swings around a level it had reached.

## What it does
Finds runs whose loss goes up and down by more than the noise of its batches, and says whether the
updates turn back on themselves, step after step.

## Why it hurts
Steps longer than the valley is wide jump from one of its walls to the other: the loss stays at a
height from which a shorter step would fall.

## How it is measured
From the loss: its swings in the later half exceed 20 % of its scale and three times what its noise
explains, with at least four crossings of its own level in twenty blocks, or they alternate from
step to step with a correlation below -0.7 (the outcome `oscillating`; at least three windows). The
20 % is reasoned; noise has a correlation of 0 within 0.2 over 25 steps, and a period of two has -1.
It is a warning where the loss alternates so, or where each update turns back on the one before:
cosine below -0.5, the median over weights and the later records. Otherwise a note, since data that
come in order make a loss swing too. Measured on digits (`benchmarks/swinging.py`, 65 runs): without
momentum runs that learn reach down to -0.28, so a small negative cosine proves nothing; momentum
and Adam keep it above 0.89 at every rate and hide what the loss shows; two of the thirteen runs on
data in the order of their labels end as oscillating.

## Known false alarms
Data that are not shuffled, cyclic schedules, several tasks in turn. Dropout and small batches make
noise, which is not counted; models trained against each other (a GAN) swing by nature, and are
not judged by it.

## Fixes and their safety
Divide the learning rate by ten, or let it decay (retrain); a larger batch (retrain); shuffle the
data (retrain).

## References
LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 5. Cohen, Kaur, Li, Kolter and
Talwalkar, "Gradient descent on neural networks typically occurs at the edge of stability", ICLR
2021, arXiv:2103.00065.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Finding, Outcome, Result, Severity, Trace, Value
from relume.rules.outcome import BOUNCE, SWING, judge
from relume.rules.page import page
from relume.rules.series_tools import (
    align_series,
    curve,
    finite_median,
    last_step,
    number,
    weights_of,
)

if TYPE_CHECKING:
    from relume.core import Floats

PAGE = page(__doc__)

TURNS = -0.5  # cosine of successive updates: healthy runs go down to -0.28 (swinging.py)
LEAST = 4  # records in the later half


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the whole model."""
    outcome = judge(trace)
    if outcome.name in ("no-loss", "too-short", "several-losses", "moving-targets"):
        yield PAGE.missing(outcome.text.rstrip("."), "train for more steps")
    elif outcome.name == "oscillating":
        yield _finding(trace, outcome)
    else:
        yield PAGE.clean(f"the loss does not swing by more than its noise ({outcome.name})")


def _turning(trace: Trace) -> float | None:
    """The median cosine between one update and the next, None where it was not recorded."""
    names, steps, cosines = align_series(trace, weights_of(trace), "update_cosine")
    late = cosines[:, len(steps) // 2 :] if names else np.zeros((0, 0))
    return finite_median(late) if late.shape[-1] >= LEAST and np.isfinite(late).any() else None


def _finding(trace: Trace, outcome: Outcome) -> Finding:
    loss = trace.series("", str(outcome.numbers.get("series", "loss")))
    assert loss is not None  # or it would not be known to swing
    half = len(loss) // 2
    late = loss.values[half:]
    late = late[np.isfinite(late)]
    low, high = (float(q) for q in np.quantile(late, (0.1, 0.9)))
    numbers, turning = outcome.numbers, _turning(trace)
    reference = number(numbers.get("chance")) or number(numbers.get("start")) or high
    more: dict[str, Value] = {"low": low, "high": high, "turning": turning}
    more |= {"noise": numbers.get("noise"), "best": numbers.get("best")}
    text = "the loss swings between {low:.3g} and {high:.3g} in the later half (its best was "
    text += "{best:.3g}, its noise from batch to batch is {noise:.2g})"
    bounce = more["bounce"] = _bounce(late)
    turns = turning is not None and turning < TURNS
    if turns:
        text += ". Each update turns back on the one before (cosine {turning:.2f})"
    elif bounce < BOUNCE:
        text += ". It goes up and down from step to step (correlation {bounce:.2f})"
    else:
        text += ". It does not alternate, and no updates were seen to turn back: look at the order "
        text += "of the data too"
    turns = turns or bounce < BOUNCE
    return PAGE.finding(
        "",
        Severity.WARNING if turns else Severity.NOTE,
        (int(loss.steps[half]), last_step(trace)),
        text,
        Evidence(
            "loss_swing_share", (high - low) / abs(reference), SWING, len(late), more, curve(loss)
        ),
        cure="divide the learning rate by ten, or let it decay"
        if turns
        else "shuffle the data; else divide the learning rate by ten",
    )


def _bounce(late: "Floats") -> float:
    """Correlation of the loss, without its trend, with itself one step later."""
    at = np.arange(len(late))
    around = late - np.polyval(np.polyfit(at, late, 1), at)
    spread = float(np.mean(around**2))
    return float(np.mean(around[1:] * around[:-1])) / spread if spread > 0 else 0.0


RULE = PAGE.rule(check, severities=("note", "warning"), needs=("training",), figure="loss")
