"""Defines the nouns of treating and proving: frozen dataclasses, standard library only.

A fix treats a `Finding`: it applies an `Edit` to a live run. An `Arm` is the user's training with
some edits, a `TrialRun` one run of an arm at one seed, a `Trial` all runs with the `Verdict` on
every arm. All of it is plain data: an edit travels to other processes and machines as JSON, and a
finished run comes back the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from relume.core import Diagnosis, Finding, Value
from relume.core.jsonable import printable

UNLAID = "could not be laid"
Options = Mapping[str, Value | tuple[Value, ...]]


class Safety(StrEnum):
    """What must be proven before a fix may be advised.

    `EXACT`: the model computes the same function, so it may be applied at once. `RETRAIN`: it
    changes the function or its training, and needs a won trial. `ADVICE`: words only.
    """

    EXACT = "exact"
    RETRAIN = "retrain"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Edit:
    """What a fix does to a live run, as plain data.

    Attributes:
        fix: name of the fix that applies it (``"lower-learning-rate"``).
        options: its numbers and words (``{"factor": 0.1}``); JSON can carry them.
        sites: names of act sites, heads or layers, as recorded; empty: everywhere.
        text: the edit in words for a person: ``"learning rate times 0.1"``.
        file, line: the place in the user's source that its patch changes, if known.
    """

    fix: str
    options: Options = field(default_factory=dict[str, Any])
    sites: tuple[str, ...] = ()
    text: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant of the user's training.

    Attributes:
        name: unique in a trial: ``"base"``, ``"placebo"``, ``"lower-learning-rate"``, ``"gelu"``.
        edits: applied together, as one transaction; none for base and placebo.
        role: ``"base"``, ``"placebo"`` (the base once more) or ``"candidate"``.
        text: in words for a person.
        sources: absolute paths of the user's files, and the text that runs in place of each.
    """

    name: str
    edits: tuple[Edit, ...] = ()
    role: str = "candidate"
    text: str = ""
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TrialRun:
    """One run of one arm at one seed.

    Attributes:
        arm, seed: the arm's name, and the number of the repetition (0, 1, ...), which shifts the
            script's own seeds (0 leaves them).
        value: the objective; None where the run gave none.
        diverged: whether it ended with a loss that is not finite, or far above its start or chance:
            then it loses against any arm that did not.
        loss: ``(step, loss)``, thinned to at most 200 points.
        steps: optimiser steps taken; `seconds` of wall time; `bytes` of memory at its peak.
        findings: keys of the findings of `warning` or above (``"ACT401@relu()"``).
        symptoms: by key of a finding of `note` or above, the measured value of its evidence.
        laid: each edit in words as it was applied, with counts.
        problem: why it gave no value, or why an edit could not be applied, in a sentence.
        metrics: what else was measured, by name: ``loss``, ``start`` (the first loss),
            ``step_seconds``, ``dead_share``, ``parameters`` (how many numbers are trained),
            ``chance`` (the loss of the best constant guess), ``opposed`` (1: a loss goes through a
            model that another loss trains, as in a GAN), the yardsticks at the criterion
            (``yard:accuracy``) and what the script reported (``reported:NAME``).
        criterion: the loss function (``"cross_entropy of a softmax"``): losses of arms that differ
            in it cannot be compared.
        sources: the user's files that it ran, with a digest of each.
        output: the end of what it printed, where it failed or on request.
        run: the run file, if it was kept.
        held_out: what the script printed or logged on held-out rows, by name (``"val loss"``), in
            order, thinned to at most 50 values.
        stopped: why something outside the training ended the run (a signal, no memory, a full
            disk, a port in use, the time limit): such a run is no evidence.
    """

    arm: str
    seed: int
    value: float | None = None
    diverged: bool = False
    loss: tuple[tuple[int, float], ...] = ()
    steps: int = 0
    seconds: float = 0.0
    bytes: int = 0
    findings: tuple[str, ...] = ()
    symptoms: Mapping[str, float] = field(default_factory=dict[str, float])
    laid: tuple[str, ...] = ()
    problem: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    criterion: str = ""
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    output: str = ""
    run: str = ""
    held_out: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, Any])
    stopped: str = ""

    @property
    def unlaid(self) -> bool:
        """Whether an edit of the arm found nothing to change."""
        return self.problem.startswith(UNLAID)


@dataclass(frozen=True, slots=True)
class Objective:
    """What is judged: its `name`, whether ``"min"`` or ``"max"`` is better, and where it comes
    from: ``"loss"``, ``"yardstick"`` (computed from what reaches the criterion), ``"reported"``,
    ``"printed"``, ``"validation"`` (printed or logged on held-out rows), or the ``pkg:fn`` that
    computes it."""

    name: str = "loss"
    better: str = "min"
    source: str = "loss"


@dataclass(frozen=True, slots=True)
class Effect:
    """A paired effect over seeds. Differences are signed so that above 0 the arm is better.

    Attributes:
        mean: of the differences of the pairs in which both gave a number, in the objective's unit.
        low, high: its interval at `level`; infinite with fewer than two such pairs.
        p, p_holm: of "no difference", one test and corrected over the trial's candidates.
        wins, pairs: pairs in which the arm was better, and all of them.
        worst: the least difference of a pair; -inf where only the arm broke down.
        diverged: pairs lost because the arm broke down, and pairs in which only the base did.
        broken: runs of the arm and of the base that broke down.
    """

    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    wins: int
    pairs: int
    worst: float
    level: float = 0.95
    diverged: tuple[int, int] = (0, 0)
    broken: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The trial's judgement on an arm.

    Attributes:
        arm: its name.
        word: ``"proven"``, ``"symptom gone, no measurable gain"``, ``"no proven gain"``,
            ``"worse"`` or ``"undecided"``; ``"better on training only"`` where a held-out number
            gets worse; ``"no better than chance"``; ``"not run"`` where its edit could not be
            applied.
        text: one sentence with the numbers.
        effect: None where no pair was finished.
        fresh: whether it was judged on seeds that had no part in choosing it.
        more_seeds: how many more pairs would decide it, where it is undecided.
        new_findings: keys of findings that the arm has and the base has not.
        least: the least effect worth a change, in the objective's unit.
        visible: the smallest effect that these pairs would have shown with a chance of 80 %.
        power: the chance with which they would have shown the least effect.
    """

    arm: str
    word: str
    text: str
    effect: Effect | None = None
    fresh: bool = False
    more_seeds: int | None = None
    new_findings: tuple[str, ...] = ()
    least: float | None = None
    visible: float | None = None
    power: float | None = None


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """An arm's figures over all its runs.

    Attributes:
        arm: its name.
        mean, low, high: the objective over the runs that gave one, and the 95 % interval of that
            mean; None where no run gave one, infinite ends where only one did.
        runs, broken: finished ones, and how many of them diverged or gave no number.
        goal: the loss to be reached, for `steps_to_goal`.
        steps_to_goal: optimiser steps until the loss reaches `goal`, in the median run; None where
            most runs never reached it.
        step_seconds, bytes, dead_share: of the median run; None where not measured.
        parameters: how many numbers are trained, in the median run; None where not measured.
        held_out: the mean of the last value of what is printed on held-out rows, by name.
    """

    arm: str
    mean: float | None
    low: float | None
    high: float | None
    runs: int
    broken: int = 0
    goal: float | None = None
    steps_to_goal: int | None = None
    step_seconds: float | None = None
    bytes: int | None = None
    dead_share: float | None = None
    parameters: int | None = None
    held_out: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Trial:
    """All runs of several arms over several seeds, and the verdicts.

    Attributes:
        question: in words: ``"does a lower learning rate cure ACT605?"``.
        objective: the quantity that was judged.
        arms: the base first.
        shots: every finished run, in no order that matters.
        verdicts: one for each arm but the base.
        standings: one for each arm.
        meta: script, argv, seeds planned, steps, versions, seconds, backend.
    """

    question: str
    objective: Objective
    arms: tuple[Arm, ...]
    shots: tuple[TrialRun, ...]
    verdicts: tuple[Verdict, ...] = ()
    standings: tuple[ArmSummary, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def shots_of(self, arm: str) -> tuple[TrialRun, ...]:
        """The arm's runs in the order of their seeds."""
        return tuple(sorted((s for s in self.shots if s.arm == arm), key=lambda s: s.seed))

    def verdict(self, arm: str) -> Verdict | None:
        """The verdict on the arm, or None."""
        return next((v for v in self.verdicts if v.arm == arm), None)

    def __str__(self) -> str:
        """The question, and each verdict in a line."""
        lines = [self.question, *(f"{v.arm}: {v.word}. {v.text}" for v in self.verdicts)]
        return "\n".join(printable(line) for line in lines)

    def standing(self, arm: str) -> ArmSummary | None:
        """The summary of the arm, or None."""
        return next((s for s in self.standings if s.arm == arm), None)


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A file of the user before and after a patch.

    Attributes:
        file: its path below the folder to which the diff is relative.
        before, after: its whole text.
    """

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Cure:
    """The result of treating a run.

    Attributes:
        diagnosis: of the unchanged script, with what the trials taught about its causes.
        root: the finding whose cure is proven, else the first that was treated; None where there
            was nothing to fix.
        trials: what was tried, in order.
        edits, verdict: the proven edits, applied together, and their verdict; none: leave the
            script as it is.
        advice: edits of the ladder that only a person can make.
        diff, undo: the edits as a patch of the user's source, and the patch that reverts it; empty
            where no patch has run and given what the edits gave.
        changes: the same patch as whole files.
        patch_text: how the patched source ran, in a sentence.
        by_hand: what to do instead of a patch, in sentences, where that is known.
        fails: why the run counts as one that has not learned; empty where it has.
        taught: what the trials taught about the causes, a sentence each.
        plan: how many runs there were to be at most, and for how long, as it was said beforehand.
    """

    diagnosis: Diagnosis
    root: Finding | None = None
    trials: tuple[Trial, ...] = ()
    edits: tuple[Edit, ...] = ()
    verdict: Verdict | None = None
    advice: tuple[Edit, ...] = ()
    diff: str = ""
    undo: str = ""
    changes: tuple[SourceChange, ...] = ()
    patch_text: str = ""
    by_hand: str = ""
    fails: str = ""
    taught: tuple[str, ...] = ()
    plan: str = ""

    @property
    def text(self) -> str:
        """The proven edits in words."""
        return " and ".join(edit.text or edit.fix for edit in self.edits)

    @property
    def word(self) -> str:
        """``"nothing to fix"``, ``"proven"``, ``"not cured"`` (it has not learned, and nothing
        helped) or ``"leave it"`` (it learns, and no repair shows a gain)."""
        if self.edits:
            return "proven"
        if self.fails:
            return "not cured"
        return "nothing to fix" if self.root is None else "leave it"
