"""Runs one trial: candidates against the base on paired seeds, then the winner on fresh ones.

1. Base and candidates run seed by seed, at most at the seeds 0 to n - 1. A candidate that loses its
   first pairs is stopped (`judge/racing.py`). Once one candidate has won its first two pairs by the
   least effect worth a change, and leads the others, the choice is made. The placebo (the base once
   more) runs at seed 0; if it is not the base to the last bit, at all seeds.
2. Every candidate is judged on those pairs, Holm-corrected. The winner is the best of those that
   show a gain or are undecided.
3. Base and winner run at fresh seeds, from n on. Only these, which had no part in choosing it, make
   its verdict; winners that are tried on fresh seeds one after the other share the 5 %
   (`confirmation_share`). Their number is fixed before the first of them, and never below what can
   prove anything (five for the first winner, seven for the second): n where the gain showed; where
   it was undecided, as many as would find a gain of the size seen, and none where that is more than
   `MOST_FRESH` times n; but where the winner was ahead in every pair, `MOST_FRESH` times n, judged
   by flipped signs (`judge/verdict.py`).
4. Where two runs of the base at different seeds are the same to the last bit, and the winner's too,
   the seeds change nothing: no more runs are made, and nothing is proven.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from relume.core.trial import Arm, Objective, Trial, TrialRun, Verdict
from relume.errors import UsageError
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.held_out import counting, held_out_names
from relume.trial.judge.objective import (
    direction,
    fitting_objective,
    incomparable_arms,
    require_judgeable,
    revalue,
)
from relume.trial.judge.paired_tests import (
    FLIPPED,
    LEVEL,
    confirmation_share,
    fresh_pairs,
)
from relume.trial.judge.pairs import Pairs, pair_runs
from relume.trial.judge.racing import decided, hopeless
from relume.trial.judge.verdict import NOT_RUN, PROVEN, UNDECIDED, WORSE, judge
from relume.trial.scheduler import TrialRunner

BASE = Arm("base", role="base", text="the script as it is")
PLACEBO = Arm("placebo", role="placebo", text="the script as it is, once more")
SEEDS = 5
MOST_FRESH = 4  # times the choosing seeds: a gain that needs more is small against its noise
PLACEBO_RUNS = 1  # it shows whether a repeated run is the same run
Announce = Callable[[str], None]


def recorded_arm(runner: TrialRunner) -> Path:
    """Run the program as it is, and return its recording.

    Raises:
        UsageError: it trained nothing, or left no recording. The message has the last line that a
            failed program printed, such as a complaint about an option that was meant for relume.
    """
    run = runner.run_recorded(BASE, runner.setting.folder)
    why = run.problem or "nothing called backward()"
    _require_training(run)
    if not run.run or not Path(run.run).is_file():
        raise UsageError(f"the script as it is gave no recording: {why}.")
    return Path(run.run)


def _require_training(run: TrialRun) -> None:
    """Refuse a program that does not train here, before any other run is made.

    Raises:
        UsageError: with the program's own error, and the last line that it printed.
    """
    if run.loss:
        return
    why = run.problem or "nothing called backward()"
    printed = [line.strip() for line in run.output.splitlines() if line.strip()]
    message = f" It said: {printed[-1][:200]}" if printed and run.problem else ""
    if "unrecognized arguments" in message:
        message += " (What relume does not know goes to the script.)"
    if "EOFError" in f"{why}{message}":
        message += " (In a trial nobody answers: stdin is empty.)"
    raise UsageError(f"the script as it is trained nothing: {why}.{message}")


def _require_number(run: TrialRun, objective: Objective | None) -> None:
    """Refuse a metric that the program as it is does not give.

    Raises:
        UsageError: with the names that it does give.
    """
    if objective is None or run.diverged or run.value is not None or not objective.name:
        return
    if objective.source == "printed" and objective.name in run.output:
        return  # it is there, and not finite
    names = [f"validation:{name}" for name in run.held_out]
    names += [key.rpartition(":")[0] for key in run.metrics if key.startswith("reported:")]
    other = f" It gives {', '.join(names)}." if names else ""
    raise UsageError(f"the script as it is gave no {objective.name}.{other}")


def check_judgeable(runner: TrialRunner) -> None:
    """Run the script as it is once, and check that a trial can judge it.

    Raises:
        UsageError: it cannot (`objective.require_judgeable`).
    """
    runner.run([BASE], [0])
    run = runner.runs[BASE.name, 0]
    _require_training(run)
    _require_number(run, runner.setting.objective)
    require_judgeable(run, runner.setting.objective)


def run_paired_trial(
    runner: TrialRunner,
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
        runner: runs the arms, and has the runs of earlier trials.
        candidates: the arms to judge.
        question: what the trial asks, in words.
        base: the arm with which they are compared.
        seeds: pairs for choosing, and again for proving.
        tests: all candidates tried so far, for the correction of the choice; by default these.
        symptom: key of the finding that should go away.
    """
    began = perf_counter()
    first, stopped = _choose(runner, candidates, base, seeds)
    runner.run([PLACEBO], range(min(PLACEBO_RUNS, seeds)))
    if base.name == BASE.name and not repeatable(runner):
        runner.run([base, PLACEBO], range(seeds))
    objective, why = fit_objective(runner, [base, *candidates])
    verdicts = judge_arms(runner, candidates, base, first, objective, tests=tests, symptom=symptom)
    verdicts = [_told(v, stopped.get(v.arm, "")) for v in verdicts]
    winner = best([v for v in verdicts if v.arm not in stopped])
    least = fresh_pairs(seeds, runner.confirmations + 1)
    count, exact = _fresh_pairs(winner, seeds, least, early=len(first) < seeds)
    if winner is not None and count and not same_at_every_seed(runner, base.name, winner.arm):
        arm = next(arm for arm in candidates if arm.name == winner.arm)
        fresh = range(seeds, seeds + count)
        runner.confirmations += 1
        runner.run([base, arm], fresh)
        again = judge_arms(
            runner,
            [arm],
            base,
            fresh,
            objective,
            confirmation=runner.confirmations,
            symptom=symptom,
            exact=exact,
        )[0]
        verdicts = [replace(again, fresh=True) if v.arm == arm.name else v for v in verdicts]
    runs = revalue(runner.runs, objective)
    names = {base.name, PLACEBO.name, *(arm.name for arm in candidates)}
    placebo = _placebo_verdict(runner, objective, seeds, base)
    if placebo is not None and placebo.word in (PROVEN, WORSE):
        verdicts = [_unsound(verdict) for verdict in verdicts]
    meta = trial_meta(runner, seeds, why, began) | {"repeatable": repeatable(runner)}
    return Trial(
        question,
        objective,
        (base, PLACEBO, *candidates),
        tuple(run for (name, _), run in runs.items() if name in names),
        (*((placebo,) if placebo else ()), *verdicts),
        arm_summaries([base, *candidates], runs, objective),
        meta,
    )


def _choose(
    runner: TrialRunner, candidates: Sequence[Arm], base: Arm, seeds: int
) -> tuple[range, dict[str, str]]:
    """Run pairs until the choice is made; return the seeds of the pairs, and why candidates that
    were stopped were stopped, by name."""
    running, stopped = list(candidates), dict[str, str]()
    for seed in range(seeds):
        runner.run([base, *running], [seed])
        objective, _ = fit_objective(runner, [base, *candidates])
        runs = revalue(runner.runs, objective)
        done = range(seed + 1)

        pairs = partial(
            pair_runs,
            runs=runs,
            seeds=done,
            objective=objective,
            least=runner.setting.least,
        )
        leader = max(running, key=lambda arm: _standing(pairs(arm.name, base.name)))
        for arm in [one for one in running if one is not leader or len(running) == 1]:
            own, behind = pairs(arm.name, base.name), pairs(arm.name, leader.name)
            if hopeless(own.wins, own.losses):
                stopped[arm.name] = f"stopped after {own.count} pairs, all but {own.wins} lost"
            elif arm is not leader and hopeless(behind.wins, behind.losses):
                stopped[arm.name] = f"stopped after {own.count} pairs, behind {leader.text}"
        running = [arm for arm in running if arm.name not in stopped]
        if not running or (seed >= 1 and same_at_every_seed(runner, base.name, leader.name)):
            return done, stopped
        ahead = pairs(leader.name, base.name)
        large = [d >= ahead.least and d > 0 for d in ahead.differences] + [True] * ahead.lost[1]
        if decided([*large, *[False] * (ahead.count - len(large))]):
            return done, stopped | {
                arm.name: f"stopped after {seed + 1} pairs, behind {leader.text}"
                for arm in running
                if arm is not leader
            }
    return range(seeds), stopped


def _standing(pairs: Pairs) -> tuple[int, float]:
    """Rank a candidate: by the pairs in which it did not break down, then by its mean gain."""
    mean = sum(pairs.differences) / len(pairs.differences) if pairs.differences else 0.0
    return pairs.lost[1] - pairs.lost[0], mean


def _told(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, text=f"{verdict.text[:-1]}; {why}.") if why else verdict


def same_at_every_seed(runner: TrialRunner, *arms: str) -> bool:
    """Whether all runs of each of these arms have the same losses to the last bit: their seeds
    change nothing, so that no repetition is evidence."""
    for arm in arms:
        losses = [
            repr(run.loss) for (name, _), run in runner.runs.items() if name == arm and run.loss
        ]
        if len(losses) < 2 or len(set(losses)) > 1:
            return False
    return True


def trial_meta(runner: TrialRunner, seeds: int, why: str, began: float) -> dict[str, Any]:
    """Return what a trial reports about itself: conditions, versions, and its seconds so far."""
    return {
        "seeds": seeds,
        "why_objective": why,
        "seconds": perf_counter() - began,
        "script": runner.setting.program.target,
        "argv": list(runner.setting.program.argv),
        "steps": runner.setting.steps,
        "backend": runner.setting.where.backend,
        "kept_in": str(runner.cache_file),
        "resumed": runner.resumed,
        "executed": runner.executed,
        **versions(),
    }


@cache
def versions() -> dict[str, str]:
    """Return the versions of the packages on which a verdict depends."""
    return {name: version(name) for name in ("relume", "torch", "scipy")}


def fit_objective(runner: TrialRunner, arms: Sequence[Arm]) -> tuple[Objective, str]:
    """Return the objective of these arms, and why: as asked, or as fits their runs."""
    names = {arm.name for arm in arms}
    asked = runner.setting.objective
    if asked is not None and asked.source == "validation" and not asked.name:
        return _printed_objective(runner, names), "as asked"
    if asked is not None:
        return asked, "as asked"
    runs = {key: run for key, run in runner.runs.items() if key[0] in names}
    return fitting_objective(runs, arms)


def _printed_objective(runner: TrialRunner, arms: set[str]) -> Objective:
    """Return the held-out number that counts, of those that the script prints or logs.

    Raises:
        UsageError: it prints none.
    """
    asked = runner.setting.objective or Objective()
    names = counting(held_out_names(runner.runs, [*arms]))
    if not names:
        raise UsageError(
            "--metric validation: the script prints and logs no number on held-out rows that "
            "relume knows; name it with --metric printed:WORDS."
        )
    return Objective(names[0], asked.better or direction(names[0]), "validation")


def judge_arms(
    runner: TrialRunner,
    arms: Sequence[Arm],
    base: Arm,
    seeds: range,
    objective: Objective,
    *,
    tests: int | None = None,
    symptom: str = "",
    exact: bool = False,
    confirmation: int = 0,
) -> list[Verdict]:
    """Judge arms against the base on these seeds; those with a loss of another kind are not run.

    `confirmation` is the number of this winner among those tried on fresh seeds; the other options
    are those of `judge.verdict.judge`.
    """
    runs = revalue(runner.runs, objective)
    incomparable = incomparable_arms(runs, arms) if objective.source == "loss" else ()
    if runner.setting.objective is not None:
        incomparable = ()  # the user chose what to compare
    verdicts = judge(
        [arm for arm in arms if arm.name not in incomparable],
        base.name,
        runs,
        seeds,
        objective,
        tests=tests,
        symptom=symptom,
        exact=exact,
        least=runner.setting.least,
        share=confirmation_share(confirmation) if confirmation else 1.0,
    )
    by_name = {verdict.arm: verdict for verdict in verdicts}
    text = "Its loss is another kind of number than the base's, and there is no yardstick for both"
    text += "; name what to judge with --metric."
    return [by_name.get(arm.name) or Verdict(arm.name, NOT_RUN, text) for arm in arms]


def best(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the candidate with the largest gain, proven before undecided; None without one."""
    gains = [v for v in verdicts if v.word in (PROVEN, UNDECIDED) and v.effect is not None]
    return max(gains, key=_rank, default=None)


def _rank(verdict: Verdict) -> tuple[bool, float]:
    return verdict.word == PROVEN, verdict.effect.mean if verdict.effect is not None else 0.0


def _fresh_pairs(
    winner: Verdict | None, seeds: int, least: int, *, early: bool
) -> tuple[int, bool]:
    """Return how many fresh pairs the winner gets, `least` or more, and whether flipped signs judge
    them; `early`: its first pairs were won so clearly that the choice needed no more."""
    if winner is None or winner.effect is None:
        return 0, False
    ahead = winner.effect.wins == winner.effect.pairs
    if winner.word == PROVEN or early or (ahead and winner.effect.p_holm < LEVEL):
        return least, False
    needed = max(least, winner.effect.pairs + (winner.more_seeds or 0))
    if needed <= max(least, MOST_FRESH * seeds):
        return needed, False
    return (max(least, min(MOST_FRESH * seeds, FLIPPED)), True) if ahead else (0, False)


def repeatable(runner: TrialRunner) -> bool:
    """Whether the placebo's losses are the base's to the last bit at every seed of both."""
    both = [k for name, k in runner.runs if name == PLACEBO.name and (BASE.name, k) in runner.runs]
    return all(_same(runner.runs[BASE.name, k], runner.runs[PLACEBO.name, k]) for k in both)


def _same(one: TrialRun, other: TrialRun) -> bool:
    return repr(one.loss) == repr(other.loss)  # NaN is NaN here


def _placebo_verdict(
    runner: TrialRunner, objective: Objective, seeds: int, base: Arm
) -> Verdict | None:
    if base.name != BASE.name:
        return None
    runs = revalue(runner.runs, objective)
    return next(iter(judge([PLACEBO], BASE.name, runs, range(seeds), objective)), None)


def _unsound(verdict: Verdict) -> Verdict:
    """Make a proof undecided: where the placebo differs from the base, no gain is proved."""
    if verdict.word != PROVEN:
        return verdict
    text = f"{verdict.text} But so is the placebo: runs of this script differ by themselves."
    return replace(verdict, word=UNDECIDED, text=text)
