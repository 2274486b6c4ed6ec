"""Diagnoses a program, tries the cures of every cause, and proves one: `relume fix`.

1. The script as it is, recorded, at its own seeds. If it learns and nothing is found, that is all.
2. Screening at seed 0: the next cure of every cause that competes, then their next rungs; for a run
   that has not learned also the closest suspects, and joint edits where single ones do not do. It
   ends with the first cure after which the run learns.
3. Proof: base and the best cure at `seeds` fresh seeds, which had no part in choosing it; after
   `GLANCE` pairs a cure that is not ahead is dropped, and the next one follows. Only the cures
   proved count for the correction.
4. The patch runs before anybody sees it (`prove_patch.py`).
5. What the trials taught is written into the diagnosis: the cured cause comes first, and a cause
   whose cures changed nothing is no cause.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from relume.core import Diagnosis, Finding, Severity, Trace
from relume.core.trial import Arm, Cure, Edit, Objective, Trial, Verdict
from relume.diagnosis import GAIN, diagnose, lessons, with_lessons
from relume.errors import UsageError
from relume.record.store import run_file
from relume.trial.fix_candidates import (
    LEARNED,
    NOT_JUDGED,
    SUSPECT,
    Cause,
    causes_of,
    in_order,
    is_poor,
    is_tried,
    joined,
    suspects_of,
    why_it_fails,
)
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import revalue
from relume.trial.judge.paired_tests import fresh_pairs
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

MOST = 24  # screening runs of a script that has not learned: every kind of cure, and joint ones
MOST_LEARNS = 8  # of one that learns: four causes, two rungs
PROOFS = 3  # cures that are proved at most, the best first
GLANCE = 2  # fresh pairs, after which a cure that is ahead in none is dropped: it cannot win
SHARE = 0.1  # of the base's value: `judge.verdict` calls less no gain
MORE = 4  # runs for a better cure, where the first does not bring the loss down to `LEARNED`
AHEAD, BEHIND = "ahead at one seed", "no gain at one seed"


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
    search = _CureSearch(runner, diagnosis, causes, seeds, announce, fails=fails)
    return search.cure()


def runs_to_prove(seeds: int) -> int:
    """Return the runs of all proofs at most: their arms, the base, the placebo and the patch."""
    proofs = [fresh_pairs(seeds, number + 1) for number in range(PROOFS)]
    return sum(proofs) + proofs[-1] + 2


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
class _CureSearch:
    runner: TrialRunner
    diagnosis: Diagnosis
    causes: list[Cause]
    seeds: int
    announce: Callable[[str], None]
    fails: str = ""
    arms: list[Arm] = field(default_factory=list[Arm])
    owner: dict[str, Cause] = field(default_factory=dict[str, Cause])
    trials: list[Trial] = field(default_factory=list[Trial])
    attempts: int = 0

    def __post_init__(self) -> None:
        self.most = MOST if self.fails else MOST_LEARNS
        roots = [f for f in self.diagnosis.roots if f.severity >= Severity.WARNING]
        self.loud = sum(cause.finding in roots for cause in self.causes)
        self.signs = sum(c.finding.evidence.stat != SUSPECT for c in self.causes)
        self.advice = tuple(_unique(e for c in self.causes for e in c.queue if not is_tried(e)))
        for cause in self.causes:
            cause.queue = in_order(cause.queue)
        self.ladders = [(cause, tuple(cause.queue)) for cause in self.causes]
        self.every = _unique(edit for cause in self.causes for edit in cause.queue)
        self.began = perf_counter()
        seconds = self.runner.runs[BASE.name, 0].seconds
        runs = self.most + runs_to_prove(self.seeds)
        self.plan = (
            f"at most {runs} runs of {seconds:.1f} s each: {self.most} to find a cure, the others "
            f"to prove it on {fresh_pairs(self.seeds, 1)} fresh seeds or more and to run its patch"
        )

    def cure(self) -> Cure:
        """Search, prove, and say what it taught."""
        self.announce(self.plan)
        self.runner.run([PLACEBO], [0])
        ranked = self._screen()
        proven = self._prove(ranked)
        self.announce("")
        if proven is None:
            taught = tuple(self._refuted(None))
            return Cure(
                _rewritten(self.diagnosis, None, taught),
                self.causes[0].finding,
                tuple(self.trials),
                advice=self.advice,
                fails=self.fails,
                taught=taught,
                plan=self.plan,
            )
        arm, verdict, objective, seeds = proven
        self.announce("running the patch")
        patch = prove_patch(self.runner, arm, seeds, objective)
        self.announce("")
        return self._cured(arm, verdict, patch)

    def _cured(self, arm: Arm, verdict: Verdict, patch: ProvenPatch) -> Cure:
        cause = self.owner[arm.name]
        taught = tuple(self._refuted(cause))
        argv = self.runner.setting.program.argv
        return Cure(
            _rewritten(self.diagnosis, cause.finding, taught),
            cause.finding,
            tuple(self.trials),
            arm.edits,
            verdict,
            self.advice,
            patch.diff,
            patch.undo,
            patch.changes,
            patch.text,
            "" if patch.patches else in_words(arm, argv),
            taught=taught,
            plan=self.plan,
        )

    # ------------------------------------------------------------------ screening

    def _screen(self) -> list[Arm]:
        """Try cures at seed 0 until one is good; return those that are ahead, the best first."""
        for causes in self._rounds():
            arms = self._next_cures(causes)
            at_once = len(arms) if causes == self.causes[: self.loud] else self._parallel()
            while arms and len(self.arms) < self.most and not self._good():
                self._try(arms[:at_once])
                arms = arms[at_once:]
            if self._good() or len(self.arms) >= self.most:
                break
        if self.fails and not self._good():
            for edits in joined(self._ahead(), self.every):
                if len(self.arms) >= self.most or self._good():
                    break
                self._try([self._arm(edits, self._cause_of(edits))])
        ranked = self._ahead()
        if self.arms:
            self.trials.append(self._screening(ranked))
        return ranked

    def _rounds(self) -> Iterable[list[Cause]]:
        """Return which causes have their turn: those of warning, then the notes with them, then
        the suspects too, until nothing is left to try."""
        if self.loud:
            yield self.causes[: self.loud]
        if len(self.causes) > self.loud:
            yield self.causes[: self.signs]
        while any(cause.queue for cause in self.causes):
            yield self.causes

    def _parallel(self) -> int:
        return max(self.runner.setting.where.count(), 1)

    def _next_cures(self, causes: Sequence[Cause]) -> list[Arm]:
        """Return the next cure of each of these causes that was not tried for another."""
        arms: list[Arm] = []
        for cause in causes:
            while cause.queue:
                edit = cause.queue.pop(0)
                if not any(_alike(edit, arm) for arm in (*self.arms, *arms)):
                    arms.append(self._arm((edit,), cause, arms))
                    break
        return arms

    def _try(self, arms: Sequence[Arm]) -> None:
        codes = ", ".join(dict.fromkeys(self.owner[arm.name].finding.code for arm in arms))
        self.announce(f"{codes}: trying {', '.join(arm.text for arm in arms)}")
        for arm in arms:
            self.owner[arm.name].tried.append(arm)
        self.arms += arms
        self.runner.run(arms, [0])

    def _arm(self, edits: tuple[Edit, ...], cause: Cause, more: Sequence[Arm] = ()) -> Arm:
        used = {arm.name for arm in (*self.arms, *more)}
        stem = name = " + ".join(edit.fix for edit in edits)
        number = 1
        while name in used:
            number += 1
            name = f"{stem}-{number}"
        text = " and ".join(edit.text or edit.fix.replace("-", " ") for edit in edits)
        arm = Arm(name, edits, text=text)
        self.owner[arm.name] = cause
        return arm

    def _cause_of(self, edits: Sequence[Edit]) -> Cause:
        """Return the cause that the diagnosis ranked first of those on whose ladders these are."""
        owners = [c for c, ladder in self.ladders if any(edit in ladder for edit in edits)]
        return owners[0] if owners else self.causes[0]

    def _gain(self, arm: Arm, objective: Objective) -> float:
        """Return the gain at seed 0 as a share of the base's value; -inf for a broken run."""
        runs = revalue(self.runner.runs, objective)
        one, base = runs[arm.name, 0], runs[BASE.name, 0]
        if one.diverged or one.value is None or one.problem or not math.isfinite(one.value):
            return -math.inf
        if base.diverged or base.value is None or not math.isfinite(base.value):
            start = base.metrics.get("start")
            if objective.source != "loss" or start is None or not math.isfinite(start):
                return 1.0
            return (start - one.value) / abs(start) if start else 1.0
        sign = 1.0 if objective.better == "max" else -1.0
        return sign * (one.value - base.value) / max(abs(base.value), 1e-12)

    def _objective(self, arms: Sequence[Arm]) -> Objective:
        return fit_objective(self.runner, [BASE, *arms])[0]

    def _ahead(self) -> list[Arm]:
        """Return the arms with a gain at seed 0, the best first: what learns, what is rid of its
        cause, what gains most."""
        gains = {arm.name: self._gain(arm, self._objective([arm])) for arm in self.arms}
        ahead = [arm for arm in self.arms if gains[arm.name] > SHARE]
        return sorted(ahead, key=lambda arm: (not self._learns(arm), -gains[arm.name]))

    def _learns(self, arm: Arm, share: float = LEARNED) -> bool:
        """Whether the arm's run at seed 0 ends below that share of chance, or of its start."""
        run, base = self.runner.runs[arm.name, 0], self.runner.runs[BASE.name, 0]
        chance = self.diagnosis.outcome.numbers.get("chance")
        end, start = run.metrics.get("loss"), run.metrics.get("start")
        if run.diverged or run.problem or end is None:
            return False
        if run.criterion == base.criterion and isinstance(chance, float) and chance > 0:
            return end < share * chance
        return start is not None and end < share * start

    def _good(self) -> bool:
        """Whether the search may end: a cure is ahead with which the run learns, or `MORE` others
        were tried since one was ahead that no longer fails."""
        ahead = self._ahead()
        if any(self._learns(arm) for arm in ahead):
            return True
        recovered = [self.arms.index(arm) for arm in ahead if self._learns(arm, 1 - GAIN)]
        return bool(recovered) and len(self.arms) > min(recovered) + MORE

    def _screening(self, ranked: Sequence[Arm]) -> Trial:
        """Return the runs at seed 0 as a trial, whose verdicts prove nothing."""
        objective, why = fit_objective(self.runner, [BASE, *self.arms])
        runs = revalue(self.runner.runs, objective)
        verdicts: list[Verdict] = []
        for arm in self.arms:
            problem = runs[arm.name, 0].problem
            word = AHEAD if arm in ranked else "not run" if problem else BEHIND
            verdicts.append(Verdict(arm.name, word, problem or "One seed proves nothing."))
        names = {BASE.name, *(arm.name for arm in self.arms)}
        return Trial(
            "which cure is worth a proof?",
            objective,
            (BASE, *self.arms),
            tuple(run for (name, seed), run in runs.items() if name in names and seed == 0),
            tuple(verdicts),
            arm_summaries(
                [BASE, *self.arms], {k: r for k, r in runs.items() if k[1] == 0}, objective
            ),
            trial_meta(self.runner, 1, why, self.began) | {"repeatable": repeatable(self.runner)},
        )

    # ------------------------------------------------------------------ proof

    def _prove(self, ranked: Sequence[Arm]) -> tuple[Arm, Verdict, Objective, range] | None:
        """Prove the best cures in turn; return the first that is proven."""
        for arm in ranked[:PROOFS]:
            self.announce(f"proving {arm.text}")
            trial, verdict, seeds = self._proof(arm)
            self.trials.append(trial)
            if verdict.word == PROVEN:
                return arm, verdict, trial.objective, seeds
        return None

    def _proof(self, arm: Arm) -> tuple[Trial, Verdict, range]:
        began = perf_counter()
        seeds = range(1, 1 + min(GLANCE, self.seeds))
        self.runner.run([BASE, arm], seeds)
        if self._wins(arm, seeds):
            self.attempts += 1
            seeds = range(1, 1 + fresh_pairs(self.seeds, self.attempts))
            self.runner.run([BASE, arm], seeds)
        verdict, objective, why = self._judged(arm, seeds)
        if verdict.word == UNDECIDED and self._wins(arm, seeds) == len(seeds) >= self.seeds:
            # A second look, at no more pairs than the gain seen needs. Its number may depend on the
            # first look: an arm that wins half of its pairs comes here once in 32 times at most.
            self.attempts += 1
            more = min(max(verdict.more_seeds or self.seeds, GLANCE), self.seeds)
            least = fresh_pairs(self.seeds, self.attempts)
            seeds = range(1, 1 + max(len(seeds) + more, least))
            self.runner.run([BASE, arm], seeds)
            verdict, objective, why = self._judged(arm, seeds)
        runs = revalue(self.runner.runs, objective)
        kept = {k: run for k, run in runs.items() if k[0] in (BASE.name, arm.name)}
        finding = self.owner[arm.name].finding
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
        symptom = self.owner[arm.name].finding.key
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

    def _wins(self, arm: Arm, seeds: range) -> int:
        objective = self._objective([arm])
        runs = revalue(self.runner.runs, objective)
        sign = 1.0 if objective.better == "max" else -1.0

        def value(name: str, seed: int) -> float:
            run = runs[name, seed]
            broken = run.diverged or run.value is None or not math.isfinite(run.value)
            return -math.inf if broken else sign * float(run.value or 0.0)

        return sum(value(arm.name, k) > value(BASE.name, k) for k in seeds)

    # ------------------------------------------------------------------ what it taught

    def _refuted(self, cured: Cause | None) -> Iterable[str]:
        """Say of every other cause that was treated what its cures did."""
        for cause in self.causes:
            tried = [arm for arm in cause.tried if arm.name in self.owner]
            if cause is cured or not tried or cause.finding.evidence.stat == SUSPECT:
                continue
            ahead = [arm for arm in tried if arm in self._ahead()]
            if not ahead:
                cures = " and ".join(f"'{arm.text}'" for arm in tried[:2])
                yield (
                    f"{cause.finding.code} {cause.finding.name} is not the cause: "
                    f"{cures} changed nothing."
                )


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


def _alike(edit: Edit, arm: Arm) -> bool:
    one = arm.edits[0] if len(arm.edits) == 1 else None
    return one is not None and (edit.fix, edit.options, edit.sites) == (
        one.fix,
        one.options,
        one.sites,
    )


def _unique(edits: Iterable[Edit]) -> list[Edit]:
    found: list[Edit] = []
    for edit in edits:
        if edit not in found:
            found.append(edit)
    return found
