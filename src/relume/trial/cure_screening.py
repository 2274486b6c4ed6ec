"""Tries cures at one seed, and ranks them: which is worth a proof?

1. Single edits: the next cure of every cause that competes, then their next rungs; for a run that
   has not learned also the closest suspects. It ends with the first cure with which the run learns.
2. Joint edits, of a run that has not learned and that no single edit makes learn, at the first seed
   or at the fresh ones of its proof: an act that needs other weights, and these another rate. Where
   a single one only brings the loss off the level of guessing, two joint ones.
3. A rate is first known to a power of ten: the best one is tried a third of a power further, and
   after a proof that failed two whole powers.

A run that learns and of which no rule warns is healthy: nothing is offered for it unless it halves
the loss, or the user has selected the rule.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

from relume.core import Diagnosis, Severity
from relume.core.trial import Arm, Edit, Objective, Trial, Verdict
from relume.diagnosis import GAIN
from relume.trial.fix_candidates import (
    LEARNED,
    RATES,
    SUSPECT,
    Cause,
    in_order,
    is_tried,
    joined,
)
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import kind_of, revalue
from relume.trial.paired_trial import BASE, fit_objective, repeatable, trial_meta
from relume.trial.scheduler import TrialRunner

MOST = 24  # single cures of a script that has not learned: every kind of them
MOST_JOINT = 8  # joint ones, after them: the best cure with a norm, inputs, two rates, Adam; others
RECOVERED_JOINT = 2  # of them where a single cure helps, but the run does not learn well with it
MOST_LEARNS = 8  # single cures of one that learns: four causes, two rungs
SHARE = 0.1  # of the base's value: `judge.verdict` calls less no gain
MORE = 4  # runs for a better cure, where the first does not bring the loss down to `LEARNED`
THIRD = {RATES[0]: 0.3, RATES[1]: 3.0}  # the next of 1, 3, 10 in the direction of the rate's fix
POWER = {RATES[0]: 0.1, RATES[1]: 10.0}
POWERS = 2  # of ten, that a rate is tried further after its proof has failed
FURTHER = 1 + 2 * POWERS  # runs of a rate further: one, and these after all proofs but the last
AHEAD, BEHIND = "ahead at one seed", "no gain at one seed"


def most_screened(*, fails: bool) -> int:
    """Return the most runs at one seed: single cures, joint ones, rates further."""
    return (MOST + MOST_JOINT if fails else MOST_LEARNS) + FURTHER


@dataclass
class CureScreening:
    """The cures that were tried at one seed."""

    runner: TrialRunner
    diagnosis: Diagnosis
    causes: list[Cause]
    announce: Callable[[str], None]
    fails: str = ""
    asked: bool = False  # the user has selected what is to be treated
    arms: list[Arm] = field(default_factory=list[Arm])
    owner: dict[str, Cause] = field(default_factory=dict[str, Cause])
    refuted: list[Arm] = field(default_factory=list[Arm])  # by a proof at fresh seeds

    def __post_init__(self) -> None:
        roots = [f for f in self.diagnosis.roots if f.severity >= Severity.WARNING]
        self.loud = sum(cause.finding in roots for cause in self.causes)
        self.signs = sum(c.finding.evidence.stat != SUSPECT for c in self.causes)
        self.advice = tuple(_unique(e for c in self.causes for e in c.queue if not is_tried(e)))
        for cause in self.causes:
            cause.queue = in_order(cause.queue)
        self.ladders = [(cause, tuple(cause.queue)) for cause in self.causes]
        self.every = _unique(edit for cause in self.causes for edit in cause.queue)
        self.began = perf_counter()
        healthy = not (self.fails or self.loud or self.asked)
        self.least = LEARNED if healthy else SHARE  # the gain at one seed that is worth a proof

    def run(self) -> None:
        """Try single cures, and joint ones where those do not do."""
        self._try_single()
        self._try_joint()
        best = self.next_best()
        if best is not None:
            self._try_further(best, THIRD)

    def next_best(self) -> Arm | None:
        """Return the best arm that is ahead and was not refuted; None where there is none."""
        return next((arm for arm in self.ahead() if arm not in self.refuted), None)

    def try_again(self, refuted: Arm) -> None:
        """After a proof that failed: try its rate further, what is left of the ladders, and joint
        edits."""
        if any(edit.fix in RATES for edit in refuted.edits):
            rates = [arm for arm in self.arms if _same_but_rate(arm, refuted)]
            furthest = max(rates, key=_decades)
            for _ in range(POWERS):
                further = self._try_further(furthest, POWER)
                furthest = further or furthest
        self._try_single()
        self._try_joint()

    def _try_joint(self) -> None:
        """Try joint edits of a run that has not learned, until it learns with one."""
        most = RECOVERED_JOINT if self._good() else MOST_JOINT
        for edits in joined(self.ahead(), self.every) if self.fails else ():
            if self._learned() or sum(len(arm.edits) > 1 for arm in self.arms) >= most:
                break
            known = any(edits == arm.edits for arm in self.arms)
            if not known and not any(self._unlaid(edit) for edit in edits):
                self._try([self._arm(edits, self._cause_of(edits))])

    def _unlaid(self, edit: Edit) -> bool:
        """Whether the edit found nothing to change when it was tried by itself."""
        alone = [arm for arm in self.arms if _alike(edit, arm)]
        return any(self.runner.runs[arm.name, 0].unlaid for arm in alone)

    # ------------------------------------------------------------------ which, in which order

    def _try_single(self) -> None:
        most = MOST if self.fails else MOST_LEARNS
        for causes in self._rounds():
            arms = self._next_cures(causes)[: max(most - len(self.arms), 0)]
            at_once = len(arms) if causes == self.causes[: self.loud] else self._parallel()
            while arms and not self._good():
                self._try(arms[:at_once])
                arms = arms[at_once:]
            if self._good() or len(self.arms) >= most:
                break

    def _try_further(self, arm: Arm, by: Mapping[str, float]) -> Arm | None:
        """Try the arm with its rate further in its own direction; return what was tried."""
        edits = tuple(_further(edit, by) for edit in arm.edits)
        if edits == arm.edits or any(edits == other.edits for other in self.arms):
            return None
        further = self._arm(edits, self.owner[arm.name])
        self._try([further])
        return further

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

    # ------------------------------------------------------------------ how they did

    def ahead(self) -> list[Arm]:
        """Return the arms with a gain at seed 0, the best first: what learns, what gains most."""
        gains = {arm.name: self._gain(arm) for arm in self.arms}
        ahead = [arm for arm in self.arms if gains[arm.name] > self.least]
        return sorted(ahead, key=lambda arm: (not self._learns(arm), -gains[arm.name]))

    def _gain(self, arm: Arm) -> float:
        """Return the gain at seed 0 as a share of the base's value; -inf for a broken run."""
        objective = self.objective([arm])
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

    def objective(self, arms: Sequence[Arm]) -> Objective:
        """Return what the base and these arms are judged by."""
        return fit_objective(self.runner, [BASE, *arms])[0]

    def _learns(self, arm: Arm, share: float = LEARNED) -> bool:
        """Whether the arm's run at seed 0 ends below that share of chance, or of its start."""
        run, base = self.runner.runs[arm.name, 0], self.runner.runs[BASE.name, 0]
        chance = self.diagnosis.outcome.numbers.get("chance")
        end, start = run.metrics.get("loss"), run.metrics.get("start")
        if run.diverged or run.problem or end is None:
            return False
        if (
            kind_of(run.criterion) == kind_of(base.criterion)
            and isinstance(chance, float)
            and chance > 0
        ):
            return end < share * chance
        return start is not None and end < share * start

    def _good(self) -> bool:
        """Whether the search may end: a cure is ahead with which the run learns, or `MORE` others
        were tried since one was ahead that no longer fails."""
        ahead = [arm for arm in self.ahead() if arm not in self.refuted]
        if self._learned():
            return True
        recovered = [self.arms.index(arm) for arm in ahead if self._learns(arm, 1 - GAIN)]
        return bool(recovered) and len(self.arms) > min(recovered) + MORE

    def _learned(self) -> bool:
        """Whether the run learns with a cure that is ahead."""
        return any(self._learns(arm) for arm in self.ahead() if arm not in self.refuted)

    def as_trial(self) -> Trial:
        """Return the runs at seed 0 as a trial, whose verdicts prove nothing."""
        objective, why = fit_objective(self.runner, [BASE, *self.arms])
        runs = revalue(self.runner.runs, objective)
        verdicts: list[Verdict] = []
        for arm in self.arms:
            problem = runs[arm.name, 0].problem
            word = "not run" if problem else AHEAD if self._gain(arm) > SHARE else BEHIND
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

    def refutations(self, cured: Cause | None) -> Iterable[str]:
        """Say of every other cause that was treated what its cures did."""
        for cause in self.causes:
            if cause is cured or not cause.tried or cause.finding.evidence.stat == SUSPECT:
                continue
            if all(self._unlaid(edit) for arm in cause.tried for edit in arm.edits):
                continue  # nothing was tried
            if not any(self._gain(arm) > SHARE for arm in cause.tried):
                cures = " and ".join(f"'{arm.text}'" for arm in cause.tried[:2])
                yield (
                    f"{cause.finding.code} {cause.finding.name} is not the cause: "
                    f"{cures} changed nothing."
                )


def _further(edit: Edit, by: Mapping[str, float]) -> Edit:
    """Return the edit with its rate further by this; others as they are."""
    factor = edit.options.get("factor")
    if edit.fix not in by or not isinstance(factor, float):
        return edit
    factor = float(f"{factor * by[edit.fix]:g}")
    options = {**edit.options, "factor": factor}
    return replace(edit, options=options, text=f"learning rate times {factor:g}")


def _same_but_rate(one: Arm, other: Arm) -> bool:
    return [(e.fix, e.sites) for e in one.edits] == [(e.fix, e.sites) for e in other.edits]


def _decades(arm: Arm) -> float:
    """Return how far the arm moves the rate, in either direction."""
    factors = [edit.options.get("factor") for edit in arm.edits if edit.fix in RATES]
    return sum(abs(math.log10(f)) for f in factors if isinstance(f, float) and f > 0)


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
