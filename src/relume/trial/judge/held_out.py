"""Reads what a trial's runs printed on held-out rows, and what that says against a gain."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from relume.core.trial import Objective, TrialRun
from relume.trial.judge.objective import YARDS, RunsByArm, direction
from relume.trial.judge.paired_tests import FEWEST, LEVEL, sign_share, t_interval
from relume.trial.judge.pairs import least_effect

HINT = 0.2
"""One-sided level at which held-out numbers count as worse. It is loose on purpose: to withhold a
"proven" asks for less evidence than to give one. Five of five pairs have 0.03, four 0.19."""


def no_better_than_chance(runs: Sequence[TrialRun], objective: Objective) -> str:
    """Return why a lower training loss is no success: it ends at the loss of guessing or above, or
    where that is not known above its own start; else ``""``.

    The median run counts.
    """
    if objective.source != "loss" or objective.better != "min":
        return ""
    ends = [s.value for s in runs if s.value is not None and math.isfinite(s.value)]
    if not ends:
        return ""
    end = float(np.median(ends))
    for key, words in (("chance", "guessing has"), ("start", "it began at")):
        levels = [s.metrics[key] for s in runs if math.isfinite(s.metrics.get(key, math.nan))]
        if levels:
            level = float(np.median(levels))
            return f"it ends at {end:.3g}, and {words} {level:.3g}" if end >= level else ""
    return ""


def held_out_names(runs: RunsByArm, arms: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the held-out numbers that every finished run of these arms has."""
    found = [
        set(run.held_out)
        for (name, _), run in runs.items()
        if name in arms and run.loss and not run.diverged and not run.problem and not run.stopped
    ]
    common = set[str].intersection(*found) if found else set[str]()
    order = dict.fromkeys(name for run in runs.values() for name in run.held_out)
    return tuple(name for name in order if name in common)


def end_of(run: TrialRun, name: str) -> float | None:
    """Return the last value of a held-out number; None without a finite one."""
    values = run.held_out.get(name, ())
    return values[-1] if values and math.isfinite(values[-1]) else None


def worse_held_out(
    arm: str, base: str, runs: RunsByArm, seeds: Sequence[int], objective: Objective
) -> str:
    """Return which held-out number the arm makes worse, with its values; ``""`` if none.

    Worse than the base's: by the least effect worth a change and by one row's worth, with a
    one-sided p below `HINT`. A
    loss that is worse is excused where an accuracy is better, by the least effect and with a p
    below 0.05: a network that is sure of its few mistakes has a high loss. Worse than its own
    start: the same, of its first value and its last; of the numbers that count (`counting`).
    """
    if objective.source in ("validation", "printed", "reported", "returned"):
        return ""  # the number was chosen
    own = {k: runs[arm, k] for k in seeds if (arm, k) in runs}
    other = {k: runs[base, k] for k in seeds if (base, k) in runs}
    names = held_out_names(runs, (arm, base)) or held_out_names(runs, (arm,))
    changes = [_Change.of(name, _ends(other, name), _ends(own, name)) for name in names]
    excused = any(one.better and direction(one.name) == "max" for one in changes)
    for one in changes:
        if one.worse and not (excused and direction(one.name) == "min"):
            return f"{one}, with the script as it is {one.before:.3g}"
    for name in counting(names):
        one = _Change.of(name, _firsts(own, name), _ends(own, name))
        if one.worse:
            return f"{one}, at its start {one.before:.3g}"
    return ""


def worse_predictions(
    arm: str, base: str, runs: RunsByArm, seeds: Sequence[int], objective: Objective
) -> str:
    """Return which yardstick of the network's predictions the arm makes worse; `""` if none.

    Asked where both losses come from one criterion, and another act stands before it: the loss then
    says how the criterion reads what it gets, and may fall although what is predicted gets worse.
    """
    own = {k: runs[arm, k] for k in seeds if (arm, k) in runs}
    other = {k: runs[base, k] for k in seeds if (base, k) in runs}
    criteria = {run.criterion for run in (*own.values(), *other.values())} - {""}
    if objective.source != "loss" or len(criteria) < 2:
        return ""
    for name in YARDS:
        before, after = (
            {
                k: run.metrics[key]
                for k, run in some.items()
                if (key := f"yard:{name}") in run.metrics
            }
            for some in (other, own)
        )
        one = _Change.of(name, before, after)
        if one.worse:
            return f"{one}, with the script as it is {one.before:.3g}"
    return ""


def counting(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that count: those of which more is better, or else all.

    >>> counting(["val loss", "val accuracy"]), counting(["val loss"])
    (('val accuracy',), ('val loss',))
    """
    return tuple(name for name in names if direction(name) == "max") or tuple(names)


def _ends(runs: Mapping[int, TrialRun], name: str) -> dict[int, float]:
    return {k: value for k, run in runs.items() if (value := end_of(run, name)) is not None}


def _firsts(runs: Mapping[int, TrialRun], name: str) -> dict[int, float]:
    several = {
        k: run.held_out[name] for k, run in runs.items() if len(run.held_out.get(name, ())) > 1
    }
    return {k: values[0] for k, values in several.items() if math.isfinite(values[0])}


def _grain(name: str, before: Sequence[float], after: Iterable[float]) -> float:
    """The least distance between two values of a share of rows: one row, as far as it shows.

    On 30 held-out rows an accuracy moves in steps of 0.033, and a mean over five runs that is lower
    by 0.01 is one row of one or two runs.
    """
    if direction(name) != "max":
        return 0.0
    values = np.unique(np.round([*before, *after], 9))
    return 0.999 * float(np.diff(values).min()) if len(values) > 1 else 0.0  # rounded


@dataclass(frozen=True, slots=True)
class _Change:
    """A held-out number before and after, pair by pair."""

    name: str
    before: float = math.nan
    after: float = math.nan
    worse: bool = False
    better: bool = False

    def __str__(self) -> str:
        return f"{self.name} is worse: {self.after:.3g}"

    @classmethod
    def of(cls, name: str, before: Mapping[int, float], after: Mapping[int, float]) -> "_Change":
        both = [k for k in after if k in before]
        if not both:
            return cls(name)
        sign = 1.0 if direction(name) == "max" else -1.0
        d = [sign * (after[k] - before[k]) for k in both]
        firsts = [before[k] for k in both]
        least = least_effect(firsts, (), Objective(name, direction(name), "validation"))
        mean, _, _, p = t_interval(d)
        losses, wins = sum(x < 0 for x in d), sum(x > 0 for x in d)
        hint = len(d) < FEWEST or p / 2 < HINT or sign_share(losses, wins) < HINT
        return cls(
            name,
            float(np.mean(firsts)),
            float(np.mean([after[k] for k in both])),
            mean < 0 and mean <= -max(least, _grain(name, firsts, after.values())) and hint,
            mean > 0 and mean >= least and p / 2 < LEVEL,
        )
