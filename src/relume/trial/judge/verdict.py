"""Judges an arm: paired differences over seeds, their interval, and a verdict in one word.

The test is the paired t-test on the differences arm - base of each seed, two-sided at 5 %,
Holm-corrected over the trial's candidates. It fits five pairs: the exact test without assumptions,
with randomly flipped signs, cannot give a p below 2/32 = 0.063 with five pairs, and so never proves
anything. Heavy tails make the t-test find fewer effects, not more, which is the safe error.
`benchmarks/calibration.py` measures its rate of false gains on arms that differ only in noise.

A fault that ruins one run in five has so heavy a tail that the t-test needs forty pairs. Where the
arm was ahead in every pair of the choosing seeds and the t-test needs more pairs than a trial may
have, the exact test (`flips`) judges the fresh seeds: as many as the trial may have, at most 20.
Five ruined runs in twenty pairs can satisfy it. The test is chosen before the first fresh run.

Significance is not enough: the mean must also reach the least effect that is worth a change, so
that a repeated difference of 0.0003 proves nothing.

A run that diverged, crashed or gave no number loses: its value is set below every other value of
the trial.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special, stats

from relume.core.trial import Arm, Effect, Objective, TrialRun, Verdict
from relume.trial.judge.objective import RunsByArm

LEVEL = 0.05
SHARE = 0.1  # of the base's loss: the least gain worth a change
OF_START = 0.01  # ... and of the first loss: a tenth of almost nothing is nothing
POINTS = 0.02  # of an accuracy, R2 or another number in [0, 1]: the least gain, two points
POWER = 0.8  # chance with which `more_seeds` would find the effect seen
MOST_SEEDS = 200  # nobody runs more; the reported number ends here
FLIPPED = 20  # differences whose signs are flipped in every way: a million ways
FEWEST = 3  # pairs: with two the interval is 12.7 standard errors wide

PROVEN = "proven"
SYMPTOM = "symptom gone, no measurable gain"
NO_GAIN = "no proven gain"
WORSE = "worse"
UNDECIDED = "undecided"
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Pairs:
    """An arm against the base, seed by seed; a difference above 0 is a win of the arm.

    Attributes:
        differences: in the objective's unit.
        lost: pairs in which only the arm gave no number, and in which only the base did.
        least: the least effect that is worth a change.
    """

    differences: tuple[float, ...]
    lost: tuple[int, int]
    least: float


def pair_runs(
    arm: str, base: str, runs: RunsByArm, seeds: Sequence[int], objective: Objective
) -> Pairs:
    """Pair the finished runs of an arm with those of the base."""
    done = [k for k in seeds if (arm, k) in runs and (base, k) in runs]
    sign = 1.0 if objective.better == "max" else -1.0
    arm_scores = [score(runs[arm, k], sign) for k in done]
    base_scores = [score(runs[base, k], sign) for k in done]
    values = [x for x in (*arm_scores, *base_scores) if x is not None]
    starts = [s.metrics["start"] for k in done if "start" in (s := runs[base, k]).metrics]
    starts = [x for x in starts if math.isfinite(x)]
    if objective.source == "loss":  # a broken run counts as no better than one that learned nothing
        values += [-x for x in starts]
    worst = min(values) - 1e-3 * (max(values) - min(values)) if values else 0.0
    differences = tuple(
        (worst if a is None else a) - (worst if b is None else b)
        for a, b in zip(arm_scores, base_scores, strict=True)
    )
    pairs = list(zip(arm_scores, base_scores, strict=True))
    arm_lost = sum(a is None and b is not None for a, b in pairs)
    base_lost = sum(b is None and a is not None for a, b in pairs)
    known = [sign * x for x in base_scores if x is not None] or [worst * sign]
    return Pairs(differences, (arm_lost, base_lost), least(known, starts, objective))


def score(run: TrialRun, sign: float) -> float | None:
    """Return the run's value so that larger is better; None where the run lost."""
    if run.diverged or run.value is None or not math.isfinite(run.value):
        return None
    return sign * run.value


def least(values: Sequence[float], starts: Sequence[float], objective: Objective) -> float:
    """Return the least difference worth a change: a tenth of the base's loss (and a hundredth of
    its first loss), or two points of a number in [0, 1]."""
    typical = float(np.median(values))
    if objective.better == "max" and all(-1.0 <= x <= 1.0 for x in values):
        return POINTS
    relative = SHARE * abs(typical)
    if objective.name not in ("training loss", "loss", "log-loss") or not starts:
        return relative
    return max(relative, OF_START * abs(float(np.median(starts))))


def effect(pairs: Pairs) -> Effect | None:
    """Return mean, interval and p of the paired differences; None without a pair."""
    d = np.asarray(pairs.differences, dtype=float)
    n = len(d)
    if n == 0:
        return None
    mean, spread = float(d.mean()), _spread(d)
    if n < 2:
        low, high, p = -math.inf, math.inf, 1.0
    elif spread == 0.0:
        low = high = mean
        p = 1.0 if mean == 0 else 0.0
    else:
        error = spread / math.sqrt(n)
        half = float(special.stdtrit(n - 1, 1 - LEVEL / 2)) * error
        low, high = mean - half, mean + half
        p = float(2 * special.stdtr(n - 1, -abs(mean) / error))
    return Effect(
        mean, low, high, p, p, int((d > 0).sum()), n, float(d.min()), 1 - LEVEL, pairs.lost
    )


def _spread(d: Any) -> float:
    return float(d.std(ddof=1)) if len(d) > 1 else 0.0


def flips(differences: Sequence[float]) -> float:
    """Return the share of all sign flips of the differences with a mean at least as far from zero:
    the p-value of "no difference" without an assumption on their distribution (Fisher 1935).

    Only the first `FLIPPED` differences count.

    >>> flips([1.0, 2.0, 3.0]), flips([1.0, -1.0])
    (0.25, 1.0)
    """
    d = np.asarray(differences[:FLIPPED], dtype=float)  # (pairs,)
    sums = np.zeros(1)
    for one in d:
        sums = np.concatenate((sums + one, sums - one))  # (2^pairs,) at the end
    return float((np.abs(sums) >= abs(d.sum()) * (1 - 1e-9)).mean())


def holm(ps: Sequence[float], tests: int | None = None) -> list[float]:
    """Correct p-values for several tests (Holm 1979).

    Args:
        ps: one for each candidate.
        tests: the number of tests, earlier ones included; at least `len(ps)`.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    count = max(len(ps), tests or 0)
    corrected, running = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        running = max(running, min(1.0, (count - rank) * ps[at]))
        corrected[at] = running
    return corrected


def power(n: int, size: float, level: float = LEVEL) -> float:
    """Return the power of the two-sided paired t-test with `n` pairs, for a mean of `size`
    standard deviations of the differences.

    >>> round(power(5, 2.0), 2), round(power(5, 1.0), 2), round(power(10, 1.0), 2)
    (0.91, 0.4, 0.8)
    """
    if n < 2:
        return 0.0
    edge, shift = float(special.stdtrit(n - 1, 1 - level / 2)), size * math.sqrt(n)
    above = float(stats.nct.sf(edge, n - 1, shift))
    below = float(stats.nct.cdf(-edge, n - 1, shift))
    return (above if math.isfinite(above) else 1.0) + (below if math.isfinite(below) else 0.0)


def seeds_needed(mean: float, spread: float, level: float = LEVEL) -> int:
    """Return the number of pairs that finds an effect of `mean` with a chance of `POWER`."""
    if mean == 0 or spread == 0:
        return MOST_SEEDS if mean == 0 else FEWEST
    size = abs(mean) / spread
    counts = range(FEWEST, MOST_SEEDS)  # power grows with the pairs
    return FEWEST + bisect_left(counts, POWER, key=lambda n: power(n, size, level))


def judge(
    arms: Sequence[Arm],
    base: str,
    runs: RunsByArm,
    seeds: Sequence[int],
    objective: Objective,
    *,
    fresh: bool = False,
    tests: int | None = None,
    symptom: str = "",
    exact: bool = False,
) -> list[Verdict]:
    """Return a verdict on each of these arms, corrected for their number (or for `tests`).

    Args:
        arms: the candidates of one trial.
        base: name of the arm with which they are compared.
        runs: the finished runs by arm and seed.
        seeds: the planned seeds.
        objective: what is judged.
        fresh: whether these seeds had no part in choosing the arm.
        tests: all candidates tried so far, these included.
        symptom: key of the finding that should go away.
        exact: test by flipped signs instead of t.
    """
    pairs = [pair_runs(arm.name, base, runs, seeds, objective) for arm in arms]
    effects = [effect(some) for some in pairs]
    if exact:
        effects = [
            replace(e, p=flips(some.differences)) if e is not None and e.pairs > 1 else e
            for e, some in zip(effects, pairs, strict=True)
        ]
    corrected = holm([1.0 if e is None else e.p for e in effects], tests)
    verdicts: list[Verdict] = []
    for arm, some, raw, p in zip(arms, pairs, effects, corrected, strict=True):
        problem = _not_run(arm, runs, seeds)
        if problem or raw is None:
            why = problem or "no pair was finished"
            verdicts.append(Verdict(arm.name, NOT_RUN, f"{why}."))
            continue
        size = replace(raw, p_holm=p)
        level = LEVEL if size.p == 0 or p >= 1 else LEVEL * size.p / p if p else LEVEL
        gone = bool(symptom) and _gone(arm, base, runs, seeds, symptom)
        word, more = _word(size, some, level, gone=gone)
        text = sentence(word, size, some, objective, more)
        if exact:
            text = f"{text[:-1]}; by flipped signs p = {_number(size.p_holm)}."
        new = _new_findings(arm, base, runs, seeds)
        verdicts.append(Verdict(arm.name, word, text, size, fresh, more, new))
    return verdicts


def _word(size: Effect, pairs: Pairs, level: float, *, gone: bool) -> tuple[str, int | None]:
    sure = size.p_holm < LEVEL and size.pairs >= FEWEST
    if sure and size.mean >= pairs.least:
        return PROVEN, None
    if sure and size.mean <= -pairs.least:
        return WORSE, None
    if not sure and size.mean >= pairs.least:
        spread = _spread(np.asarray(pairs.differences))
        return UNDECIDED, max(1, seeds_needed(size.mean, spread, level) - size.pairs)
    return (SYMPTOM if gone else NO_GAIN), None


def _not_run(arm: Arm, runs: RunsByArm, seeds: Sequence[int]) -> str:
    """Return why the arm has no result: its edit could not be applied in any run; else ``""``."""
    own = [runs[arm.name, k] for k in seeds if (arm.name, k) in runs]
    missed = [s.problem for s in own if s.problem.startswith("could not be laid")]
    return missed[0] if missed and len(missed) == len(own) else ""


def _gone(arm: Arm, base: str, runs: RunsByArm, seeds: Sequence[int], key: str) -> bool:
    """Whether most of the base's runs had the finding, and at most a fifth of the arm's have one of
    its rule at any site: a finding that moved to another site is not gone."""
    code = _code(key)
    before = [key in runs[base, k].findings for k in seeds if (base, k) in runs]
    after = [code in map(_code, runs[arm.name, k].findings) for k in seeds if (arm.name, k) in runs]
    return bool(before and after) and sum(before) > len(before) / 2 and sum(after) <= len(after) / 5


def _new_findings(arm: Arm, base: str, runs: RunsByArm, seeds: Sequence[int]) -> tuple[str, ...]:
    """Return the findings in most of the arm's runs of rules without a finding in the base's."""
    old = {_code(key) for k in seeds if (base, k) in runs for key in runs[base, k].findings}
    own = [runs[arm.name, k].findings for k in seeds if (arm.name, k) in runs]
    keys = dict.fromkeys(key for some in own for key in some if _code(key) not in old)
    return tuple(key for key in keys if sum(key in some for some in own) > len(own) / 2)


def _code(key: str) -> str:
    return key.partition("@")[0]


_CLAIMS: Mapping[str, Callable[[str], str]] = {
    PROVEN: lambda unit: f"better by {unit}",
    WORSE: lambda unit: f"worse by {unit}",
}


def sentence(word: str, size: Effect, pairs: Pairs, objective: Objective, more: int | None) -> str:
    """Return the verdict in one sentence, with its numbers."""
    mean = abs(size.mean) if word in _CLAIMS else size.mean
    unit = f"{_number(mean)} of {objective.name}" if objective.name else _number(mean)
    claim = _CLAIMS.get(word, lambda unit: f"a difference of {unit}")(unit)
    ends = (size.low, size.high) if word != WORSE else (-size.high, -size.low)
    interval = f"95 % interval {_number(ends[0])} to {_number(ends[1])}"
    wins = f"the arm is ahead in {size.wins} of {size.pairs} pairs"
    text = f"{claim} on average ({interval}); {wins}"
    arm_lost, base_lost = size.diverged
    if base_lost:
        text += f"; the base broke down in {base_lost} of them"
    if arm_lost:
        text += f"; the arm broke down in {arm_lost} of them"
    if word == NO_GAIN and size.high < pairs.least:
        text += f"; a gain of {_number(pairs.least)}, the least worth a change, is ruled out"
    if word == UNDECIDED and more is not None:
        seeds = f"{more} more seed{'s' * (more != 1)}"
        text += f"; {'over ' if more >= MOST_SEEDS - size.pairs else ''}{seeds} would decide it"
    return text[0].upper() + text[1:] + "."


def _number(value: float) -> str:
    return f"{value:.3g}"
