"""Which edits `relume fix` tries, in which order: causes, and the ladder of each.

A run that has not learned is tried whatever the diagnosis says of it: after the findings of warning
come the notes, then the suspects, which are signs that the rules checked and found on the near
side of their limit; at last edits are joined, because some faults hide each other (a deep sigmoid
network at too high a rate).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from relume.core import Diagnosis, Evidence, Finding, Outcome, Severity, Trace
from relume.core.trial import Arm, Edit, Safety, TrialRun
from relume.diagnosis import GAIN, LOW
from relume.fixes.ladder import fix_called, ladder

SUSPECT = "suspect"  # the stat of a finding that no rule made
LEARNED = 0.5  # of chance, or of the first loss where chance is not known: below, a run learns
NOT_JUDGED = ("signed", "several-losses", "balanced", "moving-targets", "no-loss")
"""Outcomes of runs whose losses alone do not tell how they fare."""
RATES = ("lower-learning-rate", "raise-learning-rate")
FLAT = (RATES[1], "matching-init", "standardise-inputs", "swap-act", RATES[0])
WILD = (RATES[0], "matching-init", "standardise-inputs", "clip-gradient", "swap-act")
"""What to suspect of a loss that stands still and of one that explodes or swings, where no rule
spoke, by its cure: the rule is the first on that cure's rungs. The rate comes first, then
initialisation, inputs and acts."""
KINDS = {
    "act": ("swap-act", "insert-act"),
    "init": ("matching-init", "he-init", "xavier-init", "lecun-init", "siren-init", "zero-bias"),
    "rate": (*RATES, "adaptive-optimiser"),
    "inputs": ("standardise-inputs",),
    "norm": ("insert-norm",),
}
"""Edits of unlike kinds are joined; a swap draws its layers anew, and needs no initialisation. The
lower rate comes first: what other acts or weights let through is mostly too much."""
ORDER = ("act", "init", "inputs", "rate", "norm")  # in which joint edits are made
CHEAPEST = ("rate", "inputs", "norm", "init", "act")  # in which they are tried: least change first


@dataclass(slots=True)
class Cause:
    """A finding that may be the cause, and the edits that may cure it, first rung first."""

    finding: Finding
    queue: list[Edit]
    tried: list[Arm] = field(default_factory=list[Arm])


def why_it_fails(diagnosis: Diagnosis, run: TrialRun) -> str:
    """Say why a run has not learned, by every loss of the trial's own run; empty where it has."""
    outcome, end, start = diagnosis.outcome, run.metrics.get("loss"), run.metrics.get("start")
    chance = outcome.numbers.get("chance")
    if run.diverged or outcome.fares_badly:
        return outcome.text if outcome.fares_badly else "its loss broke down"
    if end is None or start is None or outcome.name in NOT_JUDGED:
        return ""
    if isinstance(chance, float) and chance > 0:
        if end > chance * (1 - GAIN):
            return f"its loss ends at {end:.4g}, and guessing gives {chance:.4g}"
    elif start > 0 and end > start * (1 - GAIN):
        return f"its loss went from {start:.4g} to {end:.4g}"
    return ""


def is_poor(outcome: Outcome, run: TrialRun) -> bool:
    """Whether a run that learns is not at a low loss by its end: its notes are tried too.

    Low is a fifth of chance. Where chance is not known, as of a sum of criteria, it is half of the
    first loss: nobody can say then how low it can go.
    """
    chance, end = outcome.numbers.get("chance"), run.metrics.get("loss")
    start = run.metrics.get("start")
    if end is None or isinstance(chance, float):
        return end is not None and isinstance(chance, float) and end > LOW * chance
    judged = outcome.name not in NOT_JUDGED
    return judged and start is not None and start > 0 and end > LEARNED * start


def causes_of(diagnosis: Diagnosis, trace: Trace, *, fails: bool, poor: bool) -> list[Cause]:
    """Return the causes to be treated, first the likeliest; advice, which nothing tries, stays in
    their queues."""
    findings = [f for f in diagnosis.roots if f.severity >= Severity.WARNING]
    if fails or poor:
        rest = [f for f in diagnosis.findings if f not in findings and not f.cleared]
        rest = [f for f in rest if f.severity >= Severity.NOTE]
        findings += sorted(rest, key=lambda f: (bool(f.explained_by), -f.severity))
    return _with_ladders(findings, diagnosis, trace)


def suspects_of(diagnosis: Diagnosis, trace: Trace, known: Iterable[Cause]) -> list[Cause]:
    """Return the closest suspects of a run that has not learned: signs short of their limit."""
    codes = {cause.finding.code for cause in known}
    near = {one.code: one for one in (*diagnosis.checked, *diagnosis.ruled_out)}
    fixes = WILD if diagnosis.outcome.name in ("diverged", "oscillating") else FLAT
    wanted = [next(iter(fix_called(name).rungs)) for name in fixes]
    ranked = sorted(wanted, key=lambda code: -near[code].near if code in near else 0.0)
    found: list[Finding] = []
    for code in ranked:
        if code in codes:
            continue
        name = near[code].name if code in near else code
        evidence = Evidence(SUSPECT, near[code].near if code in near else 0.0)
        found.append(Finding(code, name, Severity.NOTE, "", (0, 0), "A suspect.", evidence))
    return _with_ladders(found, diagnosis, trace)


def _with_ladders(findings: Sequence[Finding], diagnosis: Diagnosis, trace: Trace) -> list[Cause]:
    causes: list[Cause] = []
    for finding in findings:
        queue = list(ladder(finding, diagnosis, trace))
        if all(c.finding.code != finding.code for c in causes):
            causes.append(Cause(finding, queue))
    return causes


def in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Return a ladder with the edits that can be written into the source before the others."""
    tried = [edit for edit in edits if is_tried(edit)]
    return sorted(tried, key=lambda edit: fix_called(edit.fix).patch is None)


def is_tried(edit: Edit) -> bool:
    """Whether a trial can apply the edit: advice is words."""
    return fix_called(edit.fix).safety is not Safety.ADVICE


def kind_of(edit: Edit) -> str:
    """Return the kind of an edit for joining; empty where it is joined to nothing."""
    return next((kind for kind, fixes in KINDS.items() if edit.fix in fixes), "")


def joined(best: Sequence[Arm], every: Sequence[Edit]) -> list[tuple[Edit, ...]]:
    """Return joint edits, first those that add to the best arm, then those of an act or an
    initialisation with inputs and a rate, then the other pairs.

    Args:
        best: the arms of single edits, the best first.
        every: all edits of the ladders.
    """
    tops = [arm.edits[0] for arm in best if len(arm.edits) == 1]
    by_kind = {kind: _of_kind(kind, (*tops, *every)) for kind in ORDER}
    found: dict[tuple[tuple[str, str], ...], tuple[Edit, ...]] = {}

    def join(*edits: Edit) -> None:
        kinds = [kind_of(edit) for edit in edits]
        clash = "" in kinds or len(set(kinds)) < len(kinds) or {"act", "init"} <= set(kinds)
        if not clash and len(edits) > 1:
            ordered = tuple(sorted(edits, key=lambda edit: ORDER.index(kind_of(edit))))
            found.setdefault(tuple((e.fix, str(e.options)) for e in ordered), ordered)

    others = [edit for kind in CHEAPEST for edit in by_kind[kind]]
    for other in others if tops else ():
        join(tops[0], other)
    for first in ("act", "init"):
        for rate in by_kind["rate"]:
            join(*by_kind[first][:1], rate)
            join(*by_kind[first][:1], *by_kind["inputs"][:1], rate)
    for anchor in others:
        for other in others:
            join(anchor, other)
    return list(found.values())


def _of_kind(kind: str, edits: Iterable[Edit]) -> list[Edit]:
    """Return the first edit of a kind, and of a rate the first of each fix: lower, higher, Adam."""
    first: dict[str, Edit] = {}
    for edit in edits:
        if kind_of(edit) == kind:
            first.setdefault(edit.fix if kind == "rate" else kind, edit)
    return sorted(first.values(), key=lambda edit: KINDS[kind].index(edit.fix))
