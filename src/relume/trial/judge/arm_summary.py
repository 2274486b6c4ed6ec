"""Where each arm stands over all its runs: the objective with its interval, and what it costs."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from relume.core.trial import Arm, ArmSummary, Objective, TrialRun
from relume.trial.judge.verdict import LEVEL, Shots, score

SMOOTH = 3  # points of the thinned loss: one good batch is no arrival


def arm_summaries(
    arms: Sequence[Arm], shots: Shots, objective: Objective, goal: float | None = None
) -> tuple[ArmSummary, ...]:
    """One for each arm that has run.

    Args:
        arms: the base first.
        shots: by arm and seed.
        objective: what is judged.
        goal: a loss; by default the one that the base's middle run had after half of its steps.
    """
    aim = _halfway(_of(arms[0].name, shots)) if goal is None and arms else goal
    return tuple(
        _standing(arm.name, mine, objective, aim) for arm in arms if (mine := _of(arm.name, shots))
    )


def _of(arm: str, shots: Shots) -> list[TrialRun]:
    return [shots[key] for key in sorted(shots) if key[0] == arm]


def _standing(
    arm: str, shots: list[TrialRun], objective: Objective, goal: float | None
) -> ArmSummary:
    sign = 1.0 if objective.better == "max" else -1.0
    values = [sign * x for shot in shots if (x := score(shot, sign)) is not None]
    mean, low, high = interval(values)
    arrived = [arrival(shot, goal) for shot in shots] if goal is not None else []
    known = sorted(step for step in arrived if step is not None)
    middle = known[len(arrived) // 2] if len(known) > len(arrived) // 2 else None
    most = _middle([float(shot.bytes) or None for shot in shots])
    trained = _middle([shot.metrics.get("parameters") for shot in shots])
    return ArmSummary(
        arm=arm,
        mean=mean,
        low=low,
        high=high,
        runs=len(shots),
        broken=len(shots) - len(values),
        goal=goal,
        steps_to_goal=middle,
        step_seconds=_middle([s.metrics.get("step_seconds") for s in shots]),
        bytes=None if most is None else int(most),
        dead_share=_middle([s.metrics.get("dead_share") for s in shots]),
        parameters=None if trained is None else int(trained),
    )


def interval(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Mean, and the 95 % t-interval of it."""
    if not values:
        return None, None, None
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, -math.inf, math.inf
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(special.stdtrit(len(values) - 1, 1 - LEVEL / 2)) * error
    return mean, mean - half, mean + half


def arrival(shot: TrialRun, goal: float) -> int | None:
    """The first step at which the mean of three points of the loss is at the goal."""
    for at in range(len(shot.loss)):
        some = [loss for _, loss in shot.loss[max(0, at - SMOOTH + 1) : at + 1]]
        if all(map(math.isfinite, some)) and sum(some) / len(some) <= goal:
            return shot.loss[at][0]
    return None


def _halfway(shots: Sequence[TrialRun]) -> float | None:
    halves: list[float] = []
    for shot in shots:
        at = len(shot.loss) // 2
        some = [loss for _, loss in shot.loss[max(0, at - SMOOTH + 1) : at + 1]]
        halves += [sum(some) / len(some)] if some and all(map(math.isfinite, some)) else []
    return float(np.median(halves)) if halves else None


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.median(known)) if known else None
