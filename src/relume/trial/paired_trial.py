"""One trial: candidates against the base on paired seeds, then the winner on fresh ones.

1. Base and candidates run at the seeds 0 to n - 1, the placebo (the base once more) at 0 and 1; if
   the placebo is not the base to the last bit, at all n.
2. Every candidate is judged on those pairs, Holm-corrected. The best of those that show a gain, or
   that may be one, is the winner.
3. Base and winner run at fresh seeds, from n on. Only these, which had no part in choosing it, make
   its verdict, corrected for all candidates asked about so far. How many they are is fixed before
   the first of them: n where the gain showed; where it was undecided, as many as would find it if
   it is what it seemed, and none where that is more than `MOST_FRESH` times n; but where it was
   ahead in every pair, as many as that, judged by flipped signs (`verdict.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from relume.core.trial import Arm, Objective, Trial, TrialRun, Verdict
from relume.errors import UsageError
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import fitting_objective, incomparable_arms, is_judgeable, revalue
from relume.trial.judge.verdict import FLIPPED, NOT_RUN, PROVEN, UNDECIDED, WORSE, judge
from relume.trial.scheduler import TrialRunner

BASE = Arm("base", role="base", text="the script as it is")
PLACEBO = Arm("placebo", role="placebo", text="the script as it is, once more")
SEEDS = 5
MOST_FRESH = 4  # times the seeds for choosing: a gain that needs more is small against its noise
LOOKS = 2  # runs of the placebo that show whether a repeated run is the same run


def recorded_arm(crew: TrialRunner) -> Path:
    """The recording of the program as it is.

    Raises:
        UsageError: it trained nothing, or gave none; with the last line that it printed where it
            failed, such as its complaint of an option that was meant for us.
    """
    shot = crew.first(BASE, crew.setting.folder)
    why = shot.problem or "nothing called backward()"
    if not shot.loss:
        printed = [line.strip() for line in shot.output.splitlines() if line.strip()]
        said = f" It said: {printed[-1][:200]}" if printed and shot.problem else ""
        if "unrecognized arguments" in said:
            said += " (What relume does not know goes to the script.)"
        raise UsageError(f"the script as it is trained nothing: {why}.{said}")
    if not shot.run or not Path(shot.run).is_file():
        raise UsageError(f"the script as it is gave no recording: {why}.")
    return Path(shot.run)


def first_look(crew: TrialRunner) -> None:
    """Run the script as it is, once, and see whether its arms can be judged at all.

    Raises:
        UsageError: they cannot (`objective.judgeable`).
    """
    crew.run([BASE], [0])
    is_judgeable(crew.shots[BASE.name, 0], crew.setting.objective)


def run_paired_trial(
    crew: TrialRunner,
    candidates: Sequence[Arm],
    question: str,
    *,
    base: Arm = BASE,
    seeds: int = SEEDS,
    tests: int | None = None,
    symptom: str = "",
) -> Trial:
    """Run a trial and judge it.

    Args:
        crew: fires the shots; keeps those of earlier trials.
        candidates: the arms in question.
        question: in words.
        base: what they are compared with.
        seeds: pairs for choosing, and again for proving.
        tests: candidates asked about in all so far, for the correction.
        symptom: key of the finding that should go away.
    """
    began = perf_counter()
    first = range(seeds)
    crew.run([base, *candidates], first)
    crew.run([PLACEBO], range(min(LOOKS, seeds)))
    if base.name == BASE.name and not repeatable(crew):
        crew.run([PLACEBO], first)
    objective, why = _objective(crew, [base, *candidates])
    verdicts = _judged(crew, candidates, base, first, objective, tests=tests, symptom=symptom)
    winner = best(verdicts)
    many, exact = _fresh(winner, seeds)
    if winner is not None and many:
        arm = next(arm for arm in candidates if arm.name == winner.arm)
        fresh = range(seeds, seeds + many)
        crew.run([base, arm], fresh)
        again = _judged(
            crew, [arm], base, fresh, objective, tests=tests, symptom=symptom, exact=exact
        )[0]
        verdicts = [replace(again, fresh=True) if v.arm == arm.name else v for v in verdicts]
    shots = revalue(crew.shots, objective)
    names = {base.name, PLACEBO.name, *(arm.name for arm in candidates)}
    checked = _placebo(crew, objective, seeds, base)
    if checked is not None and checked.word in (PROVEN, WORSE):
        verdicts = [_unsound(verdict) for verdict in verdicts]
    meta: dict[str, Any] = {
        "seeds": seeds,
        "why_objective": why,
        "repeatable": repeatable(crew),
        "seconds": perf_counter() - began,
        "script": crew.setting.program.target,
        "argv": list(crew.setting.program.argv),
        "steps": crew.setting.steps,
        "backend": crew.setting.where.backend,
        "kept_in": str(crew.kept_in),
        "resumed": crew.resumed,
        **versions(),
    }
    return Trial(
        question,
        objective,
        (base, PLACEBO, *candidates),
        tuple(shot for (name, _), shot in shots.items() if name in names),
        (*((checked,) if checked else ()), *verdicts),
        arm_summaries([base, *candidates], shots, objective),
        meta,
    )


@cache
def versions() -> dict[str, str]:
    """Of what a verdict depends on."""
    return {name: version(name) for name in ("relume", "torch", "scipy")}


def _objective(crew: TrialRunner, arms: Sequence[Arm]) -> tuple[Objective, str]:
    if crew.setting.objective is not None:
        return crew.setting.objective, "as asked"
    names = {arm.name for arm in arms}
    shots = {key: shot for key, shot in crew.shots.items() if key[0] in names}
    return fitting_objective(shots, arms)


def _judged(
    crew: TrialRunner,
    arms: Sequence[Arm],
    base: Arm,
    seeds: range,
    objective: Objective,
    *,
    tests: int | None = None,
    symptom: str = "",
    exact: bool = False,
) -> list[Verdict]:
    shots = revalue(crew.shots, objective)
    others = incomparable_arms(shots, arms) if objective.source == "loss" else ()
    if crew.setting.objective is not None:
        others = ()  # the user has said what is to be compared
    known = judge(
        [arm for arm in arms if arm.name not in others],
        base.name,
        shots,
        seeds,
        objective,
        tests=tests,
        symptom=symptom,
        exact=exact,
    )
    by_name = {verdict.arm: verdict for verdict in known}
    text = "Its loss is another kind of number than the base's, and there is no yardstick for both"
    text += "; name what to judge with --metric."
    return [by_name.get(arm.name) or Verdict(arm.name, NOT_RUN, text) for arm in arms]


def best(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The candidate with the greatest gain, shown before undecided; None where there is none."""
    shown = [v for v in verdicts if v.word in (PROVEN, UNDECIDED) and v.effect is not None]
    return max(shown, key=_rank, default=None)


def _rank(verdict: Verdict) -> tuple[bool, float]:
    return verdict.word == PROVEN, verdict.effect.mean if verdict.effect is not None else 0.0


def _fresh(winner: Verdict | None, seeds: int) -> tuple[int, bool]:
    """How many fresh pairs the winner gets, and whether they are judged by flipped signs."""
    if winner is None or winner.effect is None:
        return 0, False
    if winner.word == PROVEN:
        return seeds, False
    needed = max(seeds, winner.effect.pairs + (winner.more_seeds or 0))
    if needed <= MOST_FRESH * seeds:
        return needed, False
    ahead = winner.effect.wins == winner.effect.pairs
    return (min(MOST_FRESH * seeds, FLIPPED), True) if ahead else (0, False)


def repeatable(crew: TrialRunner) -> bool:
    """Whether the placebo gave the base's losses to the last bit, wherever both have run."""
    both = [k for name, k in crew.shots if name == PLACEBO.name and (BASE.name, k) in crew.shots]
    return all(_same(crew.shots[BASE.name, k], crew.shots[PLACEBO.name, k]) for k in both)


def _same(one: TrialRun, other: TrialRun) -> bool:
    return repr(one.loss) == repr(other.loss)  # NaN is NaN here


def _placebo(crew: TrialRunner, objective: Objective, seeds: int, base: Arm) -> Verdict | None:
    if base.name != BASE.name:
        return None
    shots = revalue(crew.shots, objective)
    found = judge([PLACEBO], BASE.name, shots, range(seeds), objective)
    return found[0] if found else None


def _unsound(verdict: Verdict) -> Verdict:
    """Where the base beats itself, nothing else that it is compared with is proof."""
    if verdict.word != PROVEN:
        return verdict
    text = f"{verdict.text} But so is the placebo: runs of this script differ by themselves."
    return replace(verdict, word=UNDECIDED, text=text)
