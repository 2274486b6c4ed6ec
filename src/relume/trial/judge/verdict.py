"""What a trial says of an arm: paired differences over seeds, their interval, one word.

The test is the paired t-test on the differences arm - base of each seed, two-sided at 5 %,
Holm-corrected over the trial's candidates. It is the test for five pairs: signs flipped at random
(the exact test without assumptions) cannot go below 2/32 = 0.063 with five pairs, and so could
never prove anything; heavy tails make t say less, not more, which is the side to err on. Its rate
of false gains on arms that differ in nothing but their noise is measured by
`benchmarks/calibration.py`.

A fault that ruins one run in five has so heavy a tail that t would want forty pairs. Where the arm
was ahead in every pair of the choosing seeds and t would want more pairs than a trial may have, the
fresh seeds, as many as it may have but at most 20, are judged by that exact test (`flips`), which
five strikes in twenty pairs can satisfy. Which test it is, is settled before the first of them is
run.

Significance is not enough: the mean must also reach the least effect that is worth a change, so
that a difference of 0.0003 that happens to repeat is no proof of anything.

A run that diverged, crashed or gave no number loses: it is set to a value worse than any that was
seen in the trial.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special, stats

from relume.core.trial import Arm, Effect, Objective, TrialRun, Verdict

LEVEL = 0.05
SHARE = 0.1  # of the base's loss: the least gain worth a change (the founding issue: 10 % of loss)
OF_START = 0.01  # ... and of the first loss: a tenth of almost nothing is nothing
POINTS = 0.02  # of an accuracy, R2 or another number in [0, 1]: two points (ibid.)
POWER = 0.8  # with which `more_seeds` would find the effect that was seen
MOST_SEEDS = 200  # beyond that nobody runs them, and the answer is a number all the same
FLIPPED = 20  # differences whose signs are flipped in every way: a million of them
FEWEST = 3  # pairs: with two the interval is 12.7 standard errors wide

PROVEN = "proven"
SYMPTOM = "symptom gone, no measurable gain"
NO_GAIN = "no proven gain"
WORSE = "worse"
UNDECIDED = "undecided"
NOT_RUN = "not run"

Shots = Mapping[tuple[str, int], TrialRun]


@dataclass(frozen=True, slots=True)
class Pairs:
    """An arm against the base, seed by seed; differences above 0 are the arm's.

    Attributes:
        differences: in the objective's unit.
        lost: pairs in which only the arm gave no number, and in which only the base did.
        least: the least effect worth a change.
    """

    differences: tuple[float, ...]
    lost: tuple[int, int]
    least: float


def pair_runs(
    arm: str, base: str, shots: Shots, seeds: Sequence[int], objective: Objective
) -> Pairs:
    """The pairs of an arm and the base among finished shots."""
    done = [k for k in seeds if (arm, k) in shots and (base, k) in shots]
    sign = 1.0 if objective.better == "max" else -1.0
    ours = [score(shots[arm, k], sign) for k in done]
    theirs = [score(shots[base, k], sign) for k in done]
    seen = [x for x in (*ours, *theirs) if x is not None]
    starts = [s.metrics["start"] for k in done if "start" in (s := shots[base, k]).metrics]
    starts = [x for x in starts if math.isfinite(x)]
    if objective.source == "loss":  # nothing learned is the best that a run that broke can claim
        seen += [-x for x in starts]
    worst = min(seen) - 1e-3 * (max(seen) - min(seen)) if seen else 0.0
    differences = tuple(
        (worst if a is None else a) - (worst if b is None else b)
        for a, b in zip(ours, theirs, strict=True)
    )
    only_ours = sum(a is None and b is not None for a, b in zip(ours, theirs, strict=True))
    only_theirs = sum(b is None and a is not None for a, b in zip(ours, theirs, strict=True))
    known = [sign * x for x in theirs if x is not None] or [worst * sign]
    return Pairs(differences, (only_ours, only_theirs), least(known, starts, objective))


def score(shot: TrialRun, sign: float) -> float | None:
    """Larger is better; None where the shot lost."""
    if shot.diverged or shot.value is None or not math.isfinite(shot.value):
        return None
    return sign * shot.value


def least(values: Sequence[float], starts: Sequence[float], objective: Objective) -> float:
    """The least difference worth a change: a tenth of the base's loss (and a hundredth of where
    it began), or two points of a number in [0, 1]."""
    typical = float(np.median(values))
    if objective.better == "max" and all(-1.0 <= x <= 1.0 for x in values):
        return POINTS
    relative = SHARE * abs(typical)
    if objective.name not in ("training loss", "loss", "log-loss") or not starts:
        return relative
    return max(relative, OF_START * abs(float(np.median(starts))))


def effect(pairs: Pairs) -> Effect | None:
    """Mean, interval and p of the paired differences; None without any pair."""
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
    """The share of all ways to flip the signs of the differences that give a mean as far from zero:
    the p-value of "no difference" without an assumption on their distribution (Fisher 1935).

    Of more than `FLIPPED` differences the first so many are taken.

    >>> flips([1.0, 2.0, 3.0]), flips([1.0, -1.0])
    (0.25, 1.0)
    """
    d = np.asarray(differences[:FLIPPED], dtype=float)  # (pairs,)
    sums = np.zeros(1)
    for one in d:
        sums = np.concatenate((sums + one, sums - one))  # (2^pairs,) at the end
    return float((np.abs(sums) >= abs(d.sum()) * (1 - 1e-9)).mean())


def holm(ps: Sequence[float], tests: int | None = None) -> list[float]:
    """p-values corrected for having asked several questions (Holm 1979).

    Args:
        ps: one for each candidate.
        tests: how many questions there were, where some were asked before; at least `len(ps)`.

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
    """Of the two-sided paired t-test with `n` pairs, for a mean of `size` standard deviations of
    the differences.

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
    """Pairs with which an effect of `mean` would be found with a chance of `POWER`."""
    if mean == 0 or spread == 0:
        return MOST_SEEDS if mean == 0 else FEWEST
    size = abs(mean) / spread
    counts = range(FEWEST, MOST_SEEDS)  # power grows with the pairs
    return FEWEST + bisect_left(counts, POWER, key=lambda n: power(n, size, level))


def judge(
    arms: Sequence[Arm],
    base: str,
    shots: Shots,
    seeds: Sequence[int],
    objective: Objective,
    *,
    fresh: bool = False,
    tests: int | None = None,
    symptom: str = "",
    exact: bool = False,
) -> list[Verdict]:
    """A verdict on each of these arms, corrected for their number (or for `tests`).

    Args:
        arms: the candidates of one trial.
        base: name of the arm that they are compared with.
        shots: by arm and seed.
        seeds: those planned.
        objective: what is judged.
        fresh: these seeds had no part in choosing the arm.
        tests: candidates that were asked about in all, these included.
        symptom: key of the finding that should go away.
        exact: test by flipped signs, not by t.
    """
    pairs = [pair_runs(arm.name, base, shots, seeds, objective) for arm in arms]
    effects = [effect(some) for some in pairs]
    if exact:
        effects = [
            replace(e, p=flips(some.differences)) if e is not None and e.pairs > 1 else e
            for e, some in zip(effects, pairs, strict=True)
        ]
    corrected = holm([1.0 if e is None else e.p for e in effects], tests)
    verdicts: list[Verdict] = []
    for arm, some, raw, p in zip(arms, pairs, effects, corrected, strict=True):
        problem = _not_run(arm, shots, seeds)
        if problem or raw is None:
            why = problem or "no pair was finished"
            verdicts.append(Verdict(arm.name, NOT_RUN, f"{why}."))
            continue
        found = replace(raw, p_holm=p)
        level = LEVEL if found.p == 0 or p >= 1 else LEVEL * found.p / p if p else LEVEL
        gone = bool(symptom) and _gone(arm, base, shots, seeds, symptom)
        word, more = _word(found, some, level, gone=gone)
        text = sentence(word, found, some, objective, more)
        if exact:
            text = f"{text[:-1]}; by flipped signs p = {_number(found.p_holm)}."
        new = _new_findings(arm, base, shots, seeds)
        verdicts.append(Verdict(arm.name, word, text, found, fresh, more, new))
    return verdicts


def _word(found: Effect, pairs: Pairs, level: float, *, gone: bool) -> tuple[str, int | None]:
    sure = found.p_holm < LEVEL and found.pairs >= FEWEST
    if sure and found.mean >= pairs.least:
        return PROVEN, None
    if sure and found.mean <= -pairs.least:
        return WORSE, None
    if not sure and found.mean >= pairs.least:
        spread = _spread(np.asarray(pairs.differences))
        return UNDECIDED, max(1, seeds_needed(found.mean, spread, level) - found.pairs)
    return (SYMPTOM if gone else NO_GAIN), None


def _not_run(arm: Arm, shots: Shots, seeds: Sequence[int]) -> str:
    """Why the arm says nothing: its edit could not be laid in any run."""
    mine = [shots[arm.name, k] for k in seeds if (arm.name, k) in shots]
    missed = [s.problem for s in mine if s.problem.startswith("could not be laid")]
    return missed[0] if missed and len(missed) == len(mine) else ""


def _gone(arm: Arm, base: str, shots: Shots, seeds: Sequence[int], key: str) -> bool:
    """The finding stood in most of the base's runs, and no finding of its rule, wherever, stands in
    more than a fifth of the arm's: one that has moved to another site is not gone."""
    code = _code(key)
    before = [key in shots[base, k].findings for k in seeds if (base, k) in shots]
    after = [
        code in map(_code, shots[arm.name, k].findings) for k in seeds if (arm.name, k) in shots
    ]
    return bool(before and after) and sum(before) > len(before) / 2 and sum(after) <= len(after) / 5


def _new_findings(arm: Arm, base: str, shots: Shots, seeds: Sequence[int]) -> tuple[str, ...]:
    """What most of the arm's runs have, of rules that found nothing in the base's."""
    old = {_code(key) for k in seeds if (base, k) in shots for key in shots[base, k].findings}
    mine = [shots[arm.name, k].findings for k in seeds if (arm.name, k) in shots]
    keys = dict.fromkeys(key for some in mine for key in some if _code(key) not in old)
    return tuple(key for key in keys if sum(key in some for some in mine) > len(mine) / 2)


def _code(key: str) -> str:
    return key.partition("@")[0]


_CLAIMS: Mapping[str, Callable[[str], str]] = {
    PROVEN: lambda unit: f"better by {unit}",
    WORSE: lambda unit: f"worse by {unit}",
}


def sentence(word: str, found: Effect, pairs: Pairs, objective: Objective, more: int | None) -> str:
    """The verdict in one sentence, with its numbers."""
    size = abs(found.mean) if word in _CLAIMS else found.mean
    unit = f"{_number(size)} of {objective.name}" if objective.name else _number(size)
    claim = _CLAIMS.get(word, lambda unit: f"a difference of {unit}")(unit)
    ends = (found.low, found.high) if word != WORSE else (-found.high, -found.low)
    interval = f"95 % interval {_number(ends[0])} to {_number(ends[1])}"
    wins = f"the arm is ahead in {found.wins} of {found.pairs} pairs"
    text = f"{claim} on average ({interval}); {wins}"
    ours, theirs = found.diverged
    if theirs:
        text += f"; the base broke down in {theirs} of them"
    if ours:
        text += f"; the arm broke down in {ours} of them"
    if word == NO_GAIN and found.high < pairs.least:
        text += f"; a gain of {_number(pairs.least)}, the least worth a change, is ruled out"
    if word == UNDECIDED and more is not None:
        seeds = f"{more} more seed{'s' * (more != 1)}"
        text += f"; {'over ' if more >= MOST_SEEDS - found.pairs else ''}{seeds} would decide it"
    return text[0].upper() + text[1:] + "."


def _number(value: float) -> str:
    return f"{value:.3g}"
