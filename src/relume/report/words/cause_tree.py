"""The findings as a person reads them: each root with what it explains folded under it."""

from collections.abc import Sequence
from dataclasses import dataclass

from relume.core import Diagnosis, Finding, NotChecked, Severity

GOOD = {"learning", "converged", "balanced"}
BAD = {"stalled", "diverged", "oscillating", "one-sided"}


@dataclass(frozen=True, slots=True)
class CauseBranch:
    """A finding, and the findings that it is the nearest cause of.

    `also` are findings that it explains too, and that are told under another cause.
    """

    finding: Finding
    below: tuple["CauseBranch", ...] = ()
    also: tuple[Finding, ...] = ()

    def everything(self) -> tuple[Finding, ...]:
        """The finding and all below it, in the order of telling."""
        return (self.finding, *(f for branch in self.below for f in branch.everything()))

    @property
    def worst(self) -> Severity:
        """The greatest severity in the branch."""
        return max(finding.severity for finding in self.everything())


@dataclass(frozen=True, slots=True)
class CauseTree:
    """Every finding of a diagnosis exactly once: in a root's branch, or among the notes."""

    roots: tuple[CauseBranch, ...]
    notes: tuple[CauseBranch, ...]

    @property
    def symptoms(self) -> int:
        """How many findings stand below the roots."""
        return sum(len(branch.everything()) - 1 for branch in self.roots)


def cause_tree(diagnosis: Diagnosis) -> CauseTree:
    """Fold the findings; a branch with nothing of `warning` or above is a note."""
    told: set[str] = set()
    tops = [_grow(root, diagnosis, told) for root in diagnosis.roots]
    # a finding that says it is explained by one that is not here must not vanish
    tops += [_grow(f, diagnosis, told) for f in diagnosis.findings if f.key not in told]
    harm = tuple(top for top in tops if top.worst >= Severity.WARNING)
    return CauseTree(harm, tuple(top for top in tops if top.worst < Severity.WARNING))


def _grow(finding: Finding, diagnosis: Diagnosis, told: set[str]) -> CauseBranch:
    told.add(finding.key)
    below: list[CauseBranch] = []
    also: list[Finding] = []
    for symptom in diagnosis.symptoms_of(finding):
        if symptom.key in told:
            also.append(symptom)
        elif _nearest(symptom, diagnosis) in (finding.key, ""):
            below.append(_grow(symptom, diagnosis, told))
    within = {f.key for branch in below for f in branch.everything()}
    return CauseBranch(finding, tuple(below), tuple(f for f in also if f.key not in within))


def _nearest(symptom: Finding, diagnosis: Diagnosis) -> str:
    """The last of its causes in the chain: with A -> B -> C and A -> C, C belongs under B.

    Empty where causes form a circle, so that whoever comes first tells it.
    """
    causes = [f for f in diagnosis.findings if f.key in symptom.explained_by]
    ends = [c for c in causes if not any(c.key in other.explained_by for other in causes)]
    return ends[0].key if ends else ""


def alike(branches: Sequence[CauseBranch]) -> list[list[CauseBranch]]:
    """Branches that are one rule's at many sites, together, in the order of first sight."""
    groups: dict[tuple[str, bool], list[CauseBranch]] = {}
    for branch in branches:
        groups.setdefault((branch.finding.code, bool(branch.below)), []).append(branch)
    return list(groups.values())


def gaps(missing: Sequence[NotChecked]) -> list[tuple[list[str], list[str], NotChecked]]:
    """What could not be checked, by reason: the rules' names, the sites, one of the results."""
    groups: dict[tuple[str, str], tuple[list[str], list[str], NotChecked]] = {}
    for item in missing:
        names, sites, _ = groups.setdefault((item.reason, item.remedy), ([], [], item))
        label = f"{item.code} {item.name}"
        if label not in names:
            names.append(label)
        if item.site and item.site not in sites:
            sites.append(item.site)
    return list(groups.values())


def verdict(diagnosis: Diagnosis, told: CauseTree) -> tuple[str, str]:
    """How it stands in a word (``sick``, ``fine``, ``unknown``), and the first line's claim."""
    if told.roots:
        roots = len(told.roots)
        claim = f"{roots} root cause{'s' if roots > 1 else ''}"
        if told.symptoms:
            claim += f", {told.symptoms} symptom{'s' if told.symptoms > 1 else ''}"
        names = list(dict.fromkeys(branch.finding.name for branch in told.roots))
        return "sick", claim + (f": {', '.join(names)}" if len(names) <= 3 else "")
    if not diagnosis.findings and not diagnosis.checked and not diagnosis.ruled_out:
        return "unknown", "Nothing could be checked"
    if diagnosis.outcome.name in BAD:
        return "unknown", "No cause found"
    if diagnosis.outcome.name in GOOD:
        return "fine", "This looks fine"
    # too few steps or no loss: that nothing was found is no sign of health
    known = diagnosis.outcome.name == "plateaued"
    return "fine" if known else "unknown", "Nothing wrong was found"
