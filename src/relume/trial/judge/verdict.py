"""Judges an arm: one word on paired runs, and the sentence with its numbers.

**Numbers.** The test is the paired t-test on the differences arm - base of each seed, two-sided at
5 %, Holm-corrected over the trial's candidates. It fits five pairs: the exact test without
assumptions, with randomly flipped signs, cannot give a p below 2/32 = 0.063 with five pairs, and so
never proves anything. But t speaks of means, and where an arm's results are shaped unlike the
base's (a long tail, two levels) a few pairs show means badly. So a gain must also pass the sign
test: more wins than a fair coin gives (one-sided 5 %: 5 of 5 pairs, 9 of 10, 15 of 20), by Holm's
correction too; pairs that differ by next to nothing (`pairs.EVEN`) are even, and count for neither.
That bounds the rate of false gains of a whole trial at 5 % for every shape of noise in either arm,
where a false gain is one for an arm that wins no more pairs than it loses. So one candidate needs
five pairs, six candidates need seven, and three or four pairs prove nothing. Winners that are
confirmed one after the other share the 5 % (`confirmation_share`). What a few pairs cannot show is
a failure that is rare: one run in five stays unseen in five runs with a chance of 33 %.
`benchmarks/calibration.py` measures the rates.

**Breakdowns.** A run that diverged, crashed or gave no number ranks below every number, in the sign
test too. How often the arms break down is compared by Fisher's exact test. Where runs broke down
there are two tests, of numbers and of breakdowns, and the smaller p counts twice (Bonferroni).

**Rare faults.** A fault that ruins one run in five has so heavy a tail that the t-test needs forty
pairs. Where the arm was ahead in every pair of the choosing seeds and the t-test needs more pairs
than a trial may have, the exact test (`flips`) judges the fresh seeds: as many as the trial may
have, at most 20. The test is chosen before the first fresh run.

**What a gain is.** Significance is not enough. The mean must reach the least effect that is worth a
change; a training loss must end below the loss of guessing, or where that is not known below its
own start; and no number on held-out rows that the script prints may get worse (`held_out.py`).
Where the act before the criterion is another one, what the network predicts may not get worse too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from relume.core.trial import Arm, Effect, Objective, Verdict
from relume.trial.judge.held_out import (
    no_better_than_chance,
    worse_held_out,
    worse_predictions,
)
from relume.trial.judge.objective import RunsByArm
from relume.trial.judge.paired_tests import (
    FEWEST,
    LEVEL,
    broken_needed,
    fisher,
    flips,
    holm,
    power,
    seeds_needed,
    sign_needed,
    sign_share,
    spread_of,
    t_interval,
    visible,
)
from relume.trial.judge.pairs import Pairs, pair_runs
from relume.trial.judge.sentence import sentence

PROVEN = "proven"
SYMPTOM = "symptom gone, no measurable gain"
NO_GAIN = "no proven gain"
WORSE = "worse"
UNDECIDED = "undecided"
TRAINING_ONLY = "better on training only"
CHANCE = "no better than chance"
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Tested:
    """The tests of one arm.

    Attributes:
        pairs: seed by seed.
        effect: with the p of t, or of Fisher's test where more was broken in one arm.
        broken_decide: that p is Fisher's.
        against: the other test points the other way.
        ahead, behind: p of the sign test, that a fair coin wins or loses so many pairs.
    """

    pairs: Pairs
    effect: Effect
    broken_decide: bool
    against: bool
    ahead: float
    behind: float


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
    least: float | None = None,
    share: float = 1.0,
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
        least: the least effect worth a change, in the objective's unit; None: by the base's runs.
        share: of the 5 % that these verdicts may spend (`paired_tests.confirmation_share`).
    """
    tested = [
        _tested(pair_runs(arm.name, base, runs, seeds, objective, least), exact=exact)
        for arm in arms
    ]
    count = max(len(arms), tests or 0)
    corrected = zip(
        holm([one.effect.p for one in tested], count),
        holm([one.ahead / share for one in tested], count),
        holm([one.behind / share for one in tested], count),
        strict=True,
    )
    verdicts: list[Verdict] = []
    for arm, raw, (p, ahead, behind) in zip(arms, tested, corrected, strict=True):
        problem = _not_run(arm, base, runs, seeds)
        if problem or not raw.pairs.count:
            why = problem or "no pair was finished"
            verdicts.append(Verdict(arm.name, NOT_RUN, f"{why.removesuffix('.')}."))
            continue
        effect = replace(raw.effect, p_holm=p)
        one = replace(raw, effect=effect, ahead=ahead, behind=behind)
        level = LEVEL * one.effect.p / p if 0 < p < 1 else LEVEL
        gone = bool(symptom) and _gone(arm, base, runs, seeds, symptom)
        word, more = _word(one, level, LEVEL * share / count, gone=gone)
        why = ""
        if word == PROVEN:
            own = [runs[arm.name, k] for k in seeds if (arm.name, k) in runs]
            why = no_better_than_chance(own, objective)
            word = CHANCE if why else word
        if word == PROVEN:
            why = worse_held_out(arm.name, base, runs, seeds, objective)
            word = TRAINING_ONLY if why else word
        if word == PROVEN:
            why = worse_predictions(arm.name, base, runs, seeds, objective)
            word = NO_GAIN if why else word
        seen, chance = _seen(one.pairs, LEVEL / count, LEVEL * share / count)
        verdicts.append(
            Verdict(
                arm.name,
                word,
                sentence(word, one.effect, one.pairs, objective, more, why, exact=exact),
                one.effect,
                fresh,
                more,
                _new_findings(arm, base, runs, seeds),
                one.pairs.least,
                seen,
                chance,
            )
        )
    return verdicts


def _tested(pairs: Pairs, *, exact: bool) -> Tested:
    d = pairs.differences
    mean, low, high, p = t_interval(d)
    arm_broken, base_broken = pairs.broken
    if exact:
        p = flips(pairs.ranked())
    decide = False
    if arm_broken != base_broken and not exact:
        broken = fisher(arm_broken, base_broken, pairs.count)
        decide = len(d) < FEWEST or broken < p
        p = broken if len(d) < FEWEST else min(1.0, 2 * min(broken, p))
    elif len(d) < 2 and not exact:
        p = 1.0
    against = (arm_broken > base_broken and mean > 0) or (arm_broken < base_broken and mean < 0)
    worst = min(d, default=0.0) if not pairs.lost[0] else float("-inf")
    effect = Effect(
        mean, low, high, p, p, pairs.wins, pairs.count, worst, 1 - LEVEL, pairs.lost, pairs.broken
    )
    ahead, behind = sign_share(pairs.wins, pairs.losses), sign_share(pairs.losses, pairs.wins)
    return Tested(pairs, effect, decide, against, ahead, behind)


def _seen(pairs: Pairs, level: float, signs: float) -> tuple[float | None, float | None]:
    """Return the effect that these pairs would have shown, and the chance that they would have
    shown the least effect; None where they are too few to prove, or to tell their spread."""
    n, spread = len(pairs.differences), spread_of(pairs.differences)
    if pairs.count < sign_needed(signs) or n < FEWEST:
        return None, None
    chance = power(n, pairs.least / spread, level, signs) if spread else 1.0
    return visible(n, spread, level, signs), chance


def _word(one: Tested, level: float, signs: float, *, gone: bool) -> tuple[str, int | None]:
    """Return the word, and the pairs that would decide; levels of t or Fisher, and of the signs."""
    size, pairs = one.effect, one.pairs
    fewest = sign_needed(signs)
    arm_broken, base_broken = pairs.broken
    sure = size.p_holm < LEVEL and pairs.count >= FEWEST
    if one.broken_decide:
        if sure and arm_broken > base_broken and one.behind <= LEVEL:
            return WORSE, None
        if sure and one.ahead <= LEVEL and not (one.against and abs(size.mean) >= pairs.least):
            return PROVEN, None
        if arm_broken < base_broken:
            shares = arm_broken / pairs.count, base_broken / pairs.count
            needed = max(broken_needed(*shares, level), fewest)
            return UNDECIDED, max(1, needed - pairs.count)
        return (SYMPTOM if gone else NO_GAIN), None
    if sure and size.mean <= -pairs.least and one.behind <= LEVEL:
        return WORSE, None
    if sure and size.mean >= pairs.least and size.mean > 0:
        if arm_broken > base_broken:  # better where it does not break down
            shares = arm_broken / pairs.count, base_broken / pairs.count
            return UNDECIDED, max(1, broken_needed(*shares, level) - pairs.count)
        if one.ahead <= LEVEL:
            return PROVEN, None
        more = pairs.more_to_win(fewest)
        return UNDECIDED, more if not pairs.losses else max(pairs.count, more)
    if not sure and size.mean >= pairs.least and size.mean > 0:
        if pairs.count < 2:
            return UNDECIDED, None
        needed = max(fewest, seeds_needed(size.mean, spread_of(pairs.differences), level, signs))
        return UNDECIDED, max(1, needed - pairs.count)
    return (SYMPTOM if gone else NO_GAIN), None


def _not_run(arm: Arm, base: str, runs: RunsByArm, seeds: Sequence[int]) -> str:
    """Return why the arm has no result: its edit could not be applied in any run, or something
    outside the training ended its runs; else ``""``."""
    own = [runs[arm.name, k] for k in seeds if (arm.name, k) in runs]
    missed = [s.problem for s in own if s.unlaid]
    if missed and len(missed) == len(own):
        return missed[0]
    stopped = [s.stopped for s in own if s.stopped]
    return stopped[0] if stopped and len(stopped) == len(own) else ""


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
