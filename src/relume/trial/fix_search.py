"""Diagnoses a program, tries the cures of every cause, and proves one: `relume fix`.

1. The script as it is, recorded, at its own seeds. If it learns and nothing is found, that is all.
2. Screening at seed 0 (`cure_screening.py`): single cures, and joint ones where those do not do.
3. Proof: base and the best cure at `seeds` fresh seeds, which had no part in choosing it; after
   `GLANCE` pairs a cure that is not ahead is dropped, and the next one follows. Where a cure fails
   its proof, its rate is tried further, then what is left of the ladders, and of a script that has
   not learned the joint ones. Only the cures proved count for the correction.
4. The patch runs before anybody sees it (`prove_patch.py`).
5. What the trials taught is written into the diagnosis: the cured cause comes first, and a cause
   whose cures changed nothing is no cause.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Arm, Cure, Objective, Trial, Verdict
from relume.diagnosis import diagnose, lessons, with_lessons
from relume.errors import UsageError
from relume.record.store import run_file
from relume.trial.cure_screening import CureScreening, most_screened
from relume.trial.fix_candidates import (
    NOT_JUDGED,
    causes_of,
    is_poor,
    suspects_of,
    why_it_fails,
)
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import revalue
from relume.trial.judge.paired_tests import fresh_pairs
from relume.trial.judge.pairs import Pairs, pair_runs
from relume.trial.judge.verdict import PROVEN, UNDECIDED
from relume.trial.paired_trial import (
    BASE,
    PLACEBO,
    SEEDS,
    Announce,
    check_judgeable,
    fit_objective,
    judge_arms,
    recorded_arm,
    repeatable,
    trial_meta,
)
from relume.trial.prove_patch import ProvenPatch, in_words, prove_patch
from relume.trial.scheduler import TrialRunner

PROOFS = 3  # cures that are proved at most, the best first
GLANCE = 2  # fresh pairs, after which a cure that lost one and won none is dropped: it cannot win
LOOK = 2  # times the seeds: the pairs that a second look adds at most


def cure(
    runner: TrialRunner,
    *,
    run: Path | None = None,
    seeds: int = SEEDS,
    select: Iterable[str] | None = None,
    announce: Announce = lambda text: None,
) -> Cure:
    """Diagnose a program, try the cures of its causes, and prove one.

    Args:
        runner: runs the arms.
        run: a recorded run of the same script, instead of a new one.
        seeds: fresh pairs for the proof.
        select: treat only findings of these rules.
        announce: gets each new phase, in words.
    """
    announce("running the script as it is")
    diagnosis, trace = _diagnosed(runner, run, select)
    runner.run([BASE], [0])
    base = runner.runs[BASE.name, 0]
    fails = why_it_fails(diagnosis, base)
    poor = is_poor(diagnosis.outcome, base)
    causes = causes_of(diagnosis, trace, fails=bool(fails), poor=poor)
    if fails and select is None:
        causes += suspects_of(diagnosis, trace, causes)
    if not causes:
        return Cure(diagnosis, fails=fails)
    check_judgeable(runner)
    if diagnosis.outcome.name not in NOT_JUDGED:  # those need more than losses to be told
        runner.record_no_more()
    screening = CureScreening(runner, diagnosis, causes, announce, fails, asked=select is not None)
    return CureSearch(runner, diagnosis, screening, seeds, announce, fails).cure()


def runs_to_prove(seeds: int) -> int:
    """Return the runs of all proofs at most: their arms, the base, the placebo and the patch."""
    most = 0
    for second in range(PROOFS):  # the cure that gets the one second look
        arms, number, base = 0, 0, 0
        for proof in range(PROOFS):
            number += 1
            pairs = fresh_pairs(seeds, number)
            if proof == second:
                number += 1
                pairs = max(pairs + LOOK * seeds, fresh_pairs(seeds, number))
            arms, base = arms + pairs, max(base, pairs)
        most = max(most, arms + 2 * base)  # the patch runs where its arm did
    return most + 2


def runs_at_most(seeds: int, *, fails: bool) -> int:
    """Return the most runs with which a cure is found and proven, after the program's own."""
    return most_screened(fails=fails) + runs_to_prove(seeds)


def _diagnosed(
    runner: TrialRunner, run: Path | None, select: Iterable[str] | None
) -> tuple[Diagnosis, Trace]:
    path = run or recorded_arm(runner)
    if not path.is_file():
        raise UsageError(f"there is no run file {path}.")
    trace = run_file.read(path)
    # what earlier trials taught is left out: these trials find it out themselves
    own = {key: value for key, value in trace.meta.items() if key != "trials"}
    diagnosis = diagnose(replace(trace, meta=own), select=select)
    return replace(diagnosis, meta={**diagnosis.meta, "path": str(path)}), trace


@dataclass
class CureSearch:
    """The search of one `fix`: screening, proofs, and the patch of what is proven."""

    runner: TrialRunner
    diagnosis: Diagnosis
    screening: CureScreening
    seeds: int
    announce: Callable[[str], None]
    fails: str = ""
    proofs: list[Trial] = field(default_factory=list[Trial])
    attempts: int = 0
    looked_twice: bool = False

    def __post_init__(self) -> None:
        seconds = self.runner.runs[BASE.name, 0].seconds
        runs = runs_at_most(self.seeds, fails=bool(self.fails))
        share = max(self.runner.setting.where.count(), 1)
        screened = most_screened(fails=bool(self.fails))
        self.plan = (
            f"at most {runs} runs of {seconds:.1f} s each, {runs * seconds / share / 60:.1f} min "
            f"in all: {screened} to find a cure, the others to prove it on "
            f"{fresh_pairs(self.seeds, 1)} fresh seeds or more and to run its patch; the first "
            "cure that is proven ends it"
        )

    def cure(self) -> Cure:
        """Search, prove, and say what it taught."""
        self.announce(self.plan)
        self.runner.run([PLACEBO], [0])
        self.screening.run()
        proven = self.prove()
        self.announce("")
        if proven is None:
            taught = tuple(self.screening.refutations(None))
            return Cure(
                _rewritten(self.diagnosis, None, taught),
                self.screening.causes[0].finding,
                self._trials(),
                advice=self.screening.advice,
                fails=self.fails,
                taught=taught,
                plan=self.plan,
            )
        arm, verdict, objective, seeds = proven
        self.announce("running the patch")
        patch = prove_patch(self.runner, arm, seeds, objective)
        self.announce("")
        return self._cured(arm, verdict, patch)

    def _trials(self) -> tuple[Trial, ...]:
        if not self.screening.arms:
            return ()
        *first, last = (self.screening.as_trial(), *self.proofs)
        made = {"executed": self.runner.executed, "resumed": self.runner.resumed}
        return (*first, replace(last, meta={**last.meta, **made}))

    def _cured(self, arm: Arm, verdict: Verdict, patch: ProvenPatch) -> Cure:
        cause = self.screening.owner[arm.name]
        taught = tuple(self.screening.refutations(cause))
        argv = self.runner.setting.program.argv
        return Cure(
            _rewritten(self.diagnosis, cause.finding, taught),
            cause.finding,
            self._trials(),
            arm.edits,
            verdict,
            self.screening.advice,
            patch.diff,
            patch.undo,
            patch.changes,
            patch.text,
            "" if patch.patches else in_words(arm, argv),
            taught=taught,
            plan=self.plan,
        )

    def prove(self) -> tuple[Arm, Verdict, Objective, range] | None:
        """Prove the best cures in turn; return the first that is proven."""
        refuted = self.screening.refuted
        while len(refuted) < PROOFS and (arm := self.screening.next_best()) is not None:
            self.announce(f"proving {arm.text}")
            trial, verdict, seeds = self._proof(arm)
            self.proofs.append(trial)
            if verdict.word == PROVEN:
                return arm, verdict, trial.objective, seeds
            refuted.append(arm)
            if len(refuted) < PROOFS:
                self.screening.try_again(arm)
        return None

    def _proof(self, arm: Arm) -> tuple[Trial, Verdict, range]:
        began = perf_counter()
        seeds = range(1, 1 + min(GLANCE, self.seeds))
        self.runner.run([BASE, arm], seeds)
        glance = self._pairs(arm, seeds)
        if glance.wins or not glance.losses:
            self.attempts += 1
            seeds = range(1, 1 + fresh_pairs(self.seeds, self.attempts))
            self.runner.run([BASE, arm], seeds)
        verdict, objective, why = self._judged(arm, seeds)
        seen = self._pairs(arm, seeds)
        ahead = not seen.losses and seen.wins > seen.even and len(seeds) >= self.seeds
        if verdict.word == UNDECIDED and ahead and not self.looked_twice:
            # A second look, at no more pairs than the gain seen needs. Its number may depend on the
            # first look: an arm that loses as often as it wins comes here once in 15 times at most.
            self.looked_twice = True
            self.attempts += 1
            least = fresh_pairs(self.seeds, self.attempts)
            more = max(verdict.more_seeds or 0, seen.more_to_win(least), GLANCE)
            seeds = range(1, 1 + max(len(seeds) + min(more, LOOK * self.seeds), least))
            self.runner.run([BASE, arm], seeds)
            verdict, objective, why = self._judged(arm, seeds)
        runs = revalue(self.runner.runs, objective)
        kept = {k: run for k, run in runs.items() if k[0] in (BASE.name, arm.name)}
        finding = self.screening.owner[arm.name].finding
        trial = Trial(
            f"does it cure {finding.code} {finding.name}: {arm.text}?",
            objective,
            (BASE, PLACEBO, arm),
            tuple(kept.values()),
            (verdict,),
            arm_summaries([BASE, arm], kept, objective),
            trial_meta(self.runner, len(seeds), why, began)
            | {"repeatable": repeatable(self.runner)},
        )
        return trial, verdict, seeds

    def _judged(self, arm: Arm, seeds: range) -> tuple[Verdict, Objective, str]:
        objective, why = fit_objective(self.runner, [BASE, arm])
        symptom = self.screening.owner[arm.name].finding.key
        judged = judge_arms(
            self.runner,
            [arm],
            BASE,
            seeds,
            objective,
            symptom=symptom,
            confirmation=max(1, self.attempts),
        )[0]
        return replace(judged, fresh=True), objective, why

    def _pairs(self, arm: Arm, seeds: range) -> Pairs:
        objective = self.screening.objective([arm])
        runs = revalue(self.runner.runs, objective)
        return pair_runs(arm.name, BASE.name, runs, seeds, objective, self.runner.setting.least)


def _rewritten(diagnosis: Diagnosis, cured: Finding | None, taught: Sequence[str]) -> Diagnosis:
    """Return the diagnosis with the cured cause first, and the refuted ones last; the run file gets
    the same, for later looks at the run."""
    if cured is None and not taught:
        return diagnosis
    refuted = [sentence.split(" ", 1)[0] for sentence in taught]
    learned = lessons(cured.key if cured else "", refuted, taught)
    run_file.add_meta(Path(str(diagnosis.meta["path"])), "trials", learned)
    if cured is not None and all(f.key != cured.key for f in diagnosis.findings):  # a suspect
        shown = replace(cured, text="The trials show it: its cure is proven.")
        diagnosis = replace(diagnosis, findings=(*diagnosis.findings, shown))
    return with_lessons(diagnosis, learned)
