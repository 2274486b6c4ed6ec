"""Pairs the runs of an arm with those of the base, seed by seed.

A run that diverged, crashed or gave no number broke down. A breakdown has no size: it ranks below
every number, and `verdict.py` counts breakdowns by an exact test instead of giving them a value.
Runs that ended for a reason outside the training (`TrialRun.stopped`) are no evidence: their pair
is left out.

Two repetitions whose losses are the same to the last bit, in both arms, are one repetition: the
seed changed nothing, and counting them twice would make evidence of nothing (pseudo-replication,
Hurlbert 1984).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from relume.core.trial import Objective, TrialRun
from relume.trial.judge.objective import RunsByArm, is_bounded, is_loss

SHARE = 0.1  # of the base's loss: the least gain worth a change
OF_START = 0.01  # ... and of the first loss, or guessing: a tenth of almost nothing is nothing
POINTS = 0.02  # of an accuracy or another number up to 1: the most that is asked for, two points
LEAST_POINTS = 0.001  # ... and the least: one row in a thousand
EVEN = 0.1
"""Of the least effect: a pair that differs by less is even, and counts for neither side, as ties do
in the sign test (Dixon and Mood 1946). It is a hundredth of the base's loss. Where a fault spoils
three runs in five, the two others may be won by a thousandth of what the three lost."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """An arm against the base, seed by seed; a difference above 0 is a win of the arm.

    Attributes:
        differences: of the pairs in which both gave a number, in the objective's unit.
        broken: runs of the arm and of the base that broke down.
        lost: pairs in which only the arm broke down, and in which only the base did.
        count: different pairs.
        repeats: pairs that were left out because they repeat another one to the last bit.
        least: the least effect that is worth a change.
    """

    differences: tuple[float, ...]
    broken: tuple[int, int]
    lost: tuple[int, int]
    count: int
    repeats: int
    least: float

    @property
    def wins(self) -> int:
        """Pairs in which the arm is ahead; a number is ahead of a breakdown."""
        return sum(d > EVEN * self.least for d in self.differences) + self.lost[1]

    @property
    def losses(self) -> int:
        """Pairs in which the base is ahead."""
        return sum(d < -EVEN * self.least for d in self.differences) + self.lost[0]

    @property
    def even(self) -> int:
        """Pairs in which neither is ahead."""
        return self.count - self.wins - self.losses

    def more_to_win(self, fewest: int) -> int:
        """Return how many more pairs bring `fewest` that are not even, if as many are as so far."""
        telling = self.wins + self.losses
        needed = math.ceil(fewest * self.count / telling) if telling else fewest
        return max(1, needed - self.count)

    def ranked(self) -> tuple[float, ...]:
        """Return the differences, with a breakdown as larger than any of them."""
        most = 2 * max((abs(d) for d in self.differences), default=0.5)
        return (*self.differences, *[-most] * self.lost[0], *[most] * self.lost[1])


def pair_runs(
    arm: str,
    base: str,
    runs: RunsByArm,
    seeds: Sequence[int],
    objective: Objective,
    least: float | None = None,
) -> Pairs:
    """Pair the finished runs of an arm with those of the base; `least` overrides the least effect
    worth a change."""
    finished = [
        (runs[arm, k], runs[base, k]) for k in seeds if {(arm, k), (base, k)} <= runs.keys()
    ]
    finished = [pair for pair in finished if not any(run.stopped for run in pair)]
    pairs = _different(finished)
    sign = 1.0 if objective.better == "max" else -1.0
    scores = [(score(one, sign), score(other, sign)) for one, other in pairs]
    starts = [start for _, run in pairs if math.isfinite(start := _start(run))]
    known = [sign * b for _, b in scores if b is not None] or [
        sign * a for a, _ in scores if a is not None
    ]
    return Pairs(
        tuple(a - b for a, b in scores if a is not None and b is not None),
        (sum(a is None for a, _ in scores), sum(b is None for _, b in scores)),
        (
            sum(a is None and b is not None for a, b in scores),
            sum(b is None and a is not None for a, b in scores),
        ),
        len(pairs),
        len(finished) - len(pairs),
        least_effect(known, starts, objective) if least is None else least,
    )


def _start(run: TrialRun) -> float:
    """Return the first loss, or that of guessing where the first is above: weights drawn too wide
    begin at hundreds of it, and a hundredth of that is more than there is to gain."""
    levels = (run.metrics.get(name, math.nan) for name in ("start", "chance"))
    return min((level for level in levels if math.isfinite(level)), default=math.nan)


def _different(pairs: Sequence[tuple[TrialRun, TrialRun]]) -> list[tuple[TrialRun, TrialRun]]:
    """Return the pairs without those that repeat another to the last bit."""
    kept: dict[str, tuple[TrialRun, TrialRun]] = {}
    for one, other in pairs:
        losses = repr((one.loss, one.value, other.loss, other.value)) if one.loss else ""
        kept.setdefault(losses or str(one.seed), (one, other))  # NaN is NaN in a text
    return list(kept.values())


def score(run: TrialRun, sign: float) -> float | None:
    """Return the run's value so that larger is better; None where the run broke down."""
    if run.diverged or run.value is None or not math.isfinite(run.value):
        return None
    return sign * run.value


def least_effect(values: Sequence[float], starts: Sequence[float], objective: Objective) -> float:
    """Return the least difference worth a change, from the base's values.

    A tenth of the base's loss, and a hundredth of its first loss. Of a number that ends at 1 (or at
    100, in per cent) a tenth of what is missing, two points at most.
    """
    if not values:
        return 0.0
    typical = float(np.median(values))
    unit = is_bounded(objective, values)
    if unit:
        return unit * min(POINTS, max(LEAST_POINTS, SHARE * (1 - typical / unit)))
    relative = SHARE * abs(typical)
    if not is_loss(objective) or not starts:
        return relative
    return max(relative, OF_START * abs(float(np.median(starts))))
