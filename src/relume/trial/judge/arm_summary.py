"""Summarises each arm over all its runs: the objective with its interval, and its cost."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from relume.core.trial import Arm, ArmSummary, Objective, TrialRun
from relume.trial.judge.held_out import end_of, held_out_names
from relume.trial.judge.objective import RunsByArm
from relume.trial.judge.paired_tests import LEVEL
from relume.trial.judge.pairs import score

LEARNED = 0.95  # of the loss of guessing: the outcome's `GAIN` (rules/outcome.py)
SMOOTH = 3  # points of the downsampled loss: one good batch does not reach the goal


def arm_summaries(
    arms: Sequence[Arm], runs: RunsByArm, objective: Objective, goal: float | None = None
) -> tuple[ArmSummary, ...]:
    """Summarise each arm that has run.

    Args:
        arms: the base first.
        runs: the finished runs by arm and seed.
        objective: what is judged.
        goal: a loss to reach; by default the median of the base's runs after half of their steps,
            or where that is no better than guessing the worst end of the arms that learn.
    """
    by_arm = {arm.name: _runs_of(arm.name, runs) for arm in arms}
    target = _goal(by_arm) if goal is None else goal
    names = held_out_names(runs, [arm.name for arm in arms])
    return tuple(
        _summarise(arm.name, own, objective, target, names)
        for arm in arms
        if (own := by_arm[arm.name])
    )


def _runs_of(arm: str, runs: RunsByArm) -> list[TrialRun]:
    return [runs[key] for key in sorted(runs) if key[0] == arm and not runs[key].stopped]


def _summarise(
    arm: str, runs: list[TrialRun], objective: Objective, goal: float | None, names: Sequence[str]
) -> ArmSummary:
    sign = 1.0 if objective.better == "max" else -1.0
    values = [sign * x for run in runs if (x := score(run, sign)) is not None]
    mean, low, high = interval(values)
    steps = [arrival(run, goal) for run in runs] if goal is not None else []
    reached = sorted(step for step in steps if step is not None)
    median = reached[len(steps) // 2] if len(reached) > len(steps) // 2 else None
    most = _median([float(run.bytes) or None for run in runs])
    trained = _median([run.metrics.get("parameters") for run in runs])
    return ArmSummary(
        arm=arm,
        mean=mean,
        low=low,
        high=high,
        runs=len(runs),
        broken=len(runs) - len(values),
        goal=goal,
        steps_to_goal=median,
        step_seconds=_median([s.metrics.get("step_seconds") for s in runs]),
        bytes=None if most is None else int(most),
        dead_share=_median([s.metrics.get("dead_share") for s in runs]),
        parameters=None if trained is None else int(trained),
        held_out={name: end for name in names if (end := _mean_end(runs, name)) is not None},
    )


def _mean_end(runs: Sequence[TrialRun], name: str) -> float | None:
    ends = [end for run in runs if (end := end_of(run, name)) is not None]
    return float(np.mean(ends)) if ends else None


def interval(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Return the mean and its 95 % t-interval; None without values."""
    if not values:
        return None, None, None
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, -math.inf, math.inf
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(special.stdtrit(len(values) - 1, 1 - LEVEL / 2)) * error
    return mean, mean - half, mean + half


def arrival(run: TrialRun, goal: float) -> int | None:
    """Return the first step at which the mean of `SMOOTH` loss points reaches the goal, or None."""
    for at in range(len(run.loss)):
        some = [loss for _, loss in run.loss[max(0, at - SMOOTH + 1) : at + 1]]
        if all(map(math.isfinite, some)) and sum(some) / len(some) <= goal:
            return run.loss[at][0]
    return None


def _goal(by_arm: Mapping[str, list[TrialRun]]) -> float | None:
    """Return a loss below that of guessing, which some arm reaches."""
    every = [run for runs in by_arm.values() for run in runs]
    levels = [run.metrics.get("chance", run.metrics.get("start")) for run in every]
    chance = _median(levels)
    half = _halfway(next(iter(by_arm.values()), list[TrialRun]()))
    if chance is None or (half is not None and half < LEARNED * chance):
        return half
    ends = [_median([run.metrics.get("loss") for run in runs]) for runs in by_arm.values()]
    return max((end for end in ends if end is not None and end < LEARNED * chance), default=None)


def _halfway(runs: Sequence[TrialRun]) -> float | None:
    halves: list[float] = []
    for run in runs:
        at = len(run.loss) // 2
        some = [loss for _, loss in run.loss[max(0, at - SMOOTH + 1) : at + 1]]
        halves += [sum(some) / len(some)] if some and all(map(math.isfinite, some)) else []
    return float(np.median(halves)) if halves else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.median(known)) if known else None
