"""Folds the findings into trees: each root cause with the findings that it explains below it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from relume.core import NEW_ROWS, Diagnosis, Finding, NotChecked, Severity
from relume.core.plural import count


@dataclass(frozen=True, slots=True)
class CauseBranch:
    """A finding, and the findings that it is the nearest cause of.

    `also` holds findings that it explains too but that stand under another cause.
    """

    finding: Finding
    below: tuple["CauseBranch", ...] = ()
    also: tuple[Finding, ...] = ()

    def everything(self) -> tuple[Finding, ...]:
        """The finding and all below it, in the order of the report."""
        return (self.finding, *(f for branch in self.below for f in branch.everything()))

    @property
    def worst(self) -> Severity:
        """The greatest severity in the branch."""
        return max(finding.severity for finding in self.everything())


@dataclass(frozen=True, slots=True)
class CauseTree:
    """Every finding of a diagnosis exactly once: in a root's branch or among the notes."""

    roots: tuple[CauseBranch, ...]
    notes: tuple[CauseBranch, ...]

    @property
    def symptoms(self) -> int:
        """The number of findings below the roots."""
        return sum(len(branch.everything()) - 1 for branch in self.roots)


def cause_tree(diagnosis: Diagnosis) -> CauseTree:
    """Fold the findings of a diagnosis; a branch with nothing of `warning` or above is a note."""
    placed: set[str] = set()
    tops = [_grow(root, diagnosis, placed) for root in diagnosis.roots]
    # a finding whose cause is not in the diagnosis must not vanish
    tops += [_grow(f, diagnosis, placed) for f in diagnosis.findings if f.key not in placed]
    harm = tuple(top for top in tops if top.worst >= Severity.WARNING)
    return CauseTree(harm, tuple(top for top in tops if top.worst < Severity.WARNING))


def _grow(finding: Finding, diagnosis: Diagnosis, placed: set[str]) -> CauseBranch:
    placed.add(finding.key)
    below: list[CauseBranch] = []
    also: list[Finding] = []
    for symptom in diagnosis.symptoms_of(finding):
        if symptom.key in placed:
            also.append(symptom)
        elif _nearest(symptom, diagnosis) in (finding.key, ""):
            below.append(_grow(symptom, diagnosis, placed))
    within = {f.key for branch in below for f in branch.everything()}
    return CauseBranch(finding, tuple(below), tuple(f for f in also if f.key not in within))


def _nearest(symptom: Finding, diagnosis: Diagnosis) -> str:
    """The key of its last cause in the chain: with A -> B -> C and A -> C, C belongs under B.

    Empty where causes form a circle: the first branch takes the symptom.
    """
    causes = [f for f in diagnosis.findings if f.key in symptom.explained_by]
    ends = [c for c in causes if not any(c.key in other.explained_by for other in causes)]
    return ends[0].key if ends else ""


def group_by_rule(branches: Sequence[CauseBranch]) -> list[list[CauseBranch]]:
    """Group the branches by rule, in the order of each rule's first branch."""
    groups: dict[tuple[str, bool], list[CauseBranch]] = {}
    for branch in branches:
        groups.setdefault((branch.finding.code, bool(branch.below)), []).append(branch)
    return list(groups.values())


def unchecked_by_reason(
    missing: Sequence[NotChecked],
) -> list[tuple[list[str], list[str], NotChecked]]:
    """Group what was not checked by reason: the rules' names, the sites, one of the results."""
    groups: dict[tuple[str, str], tuple[list[str], list[str], NotChecked]] = {}
    for item in missing:
        names, sites, _ = groups.setdefault((item.reason, item.remedy), ([], [], item))
        label = f"{item.code} {item.name}"
        if label not in names:
            names.append(label)
        if item.site and item.site not in sites:
            sites.append(item.site)
    return list(groups.values())


def verdict(diagnosis: Diagnosis, tree: CauseTree) -> tuple[str, str]:
    """Return the verdict (``sick``, ``fine`` or ``unknown``) and the first line's claim."""
    if tree.roots:
        claim = count(len(tree.roots), "root cause")
        if tree.symptoms:
            claim += f", {count(tree.symptoms, 'symptom')}"
        names = list(dict.fromkeys(branch.finding.name for branch in tree.roots))
        claim += f": {', '.join(names)}" if len(names) <= 3 else ""
        return "sick", f"It learns, but: {claim}" if diagnosis.verdict == "learns-but" else claim
    if any(words.startswith(NEW_ROWS) for words in diagnosis.unseen):
        return "unknown", "It learns its own rows, and perhaps not new ones"
    if diagnosis.verdict:
        return CLAIMS[diagnosis.verdict]
    if not diagnosis.findings and not diagnosis.checked and not diagnosis.ruled_out:
        return "unknown", "Nothing could be checked"
    looked = {item.code for item in (*diagnosis.checked, *diagnosis.ruled_out) if item.applies}
    return "unknown", f"The {count(len(looked), 'rule')} that could look found nothing wrong"


CLAIMS = {
    "fine": ("fine", "By the training loss this looks fine"),
    "fails": ("sick", "Not learning, and no rule is sure why"),
    "learns-but": ("unknown", "It learns, but something was silenced"),
    "nothing-found": ("unknown", "Nothing was found"),
    "unseen": ("unknown", "Nothing was seen"),
}
"""How a verdict without a root cause is told: its kind, and its claim."""


def not_seen(diagnosis: Diagnosis) -> str:
    """Return what keeps a run from being called fine, as a sentence; empty where nothing does."""
    if diagnosis.unseen:
        return f"Not seen: {'; '.join(diagnosis.unseen)}."
    return _could_not_look(diagnosis) if diagnosis.verdict == "" and diagnosis.ok else ""


REASONS = 3  # why rules of a check could not look: the commonest are named, `-v` has all


def _could_not_look(diagnosis: Diagnosis) -> str:
    """Say how many rules of a check could not look, and why; empty where all could."""
    done = {item.code for item in (*diagnosis.findings, *diagnosis.checked, *diagnosis.ruled_out)}
    reasons = {item.code: item.reason.rstrip(".") for item in diagnosis.not_checked}
    missing = Counter(reason for code, reason in reasons.items() if code not in done)
    if not missing:
        return ""
    parts = [f"{reason} ({many})" for reason, many in missing.most_common(REASONS)]
    rest = missing.total() - sum(many for _, many in missing.most_common(REASONS))
    parts += [f"other reasons ({rest})"] if rest else []
    return f"{count(missing.total(), 'other rule')} could not look: {'; '.join(parts)}."
