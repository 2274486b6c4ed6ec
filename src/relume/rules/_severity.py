"""What the outcome allows a finding to weigh. The decisions, with their reasons:

================== ============================ =================================================
outcome            a sign may weigh              because
================== ============================ =================================================
learning,          a note                       13 of 75 published healthy trainings have half of
converged                                       a layer saturated and learn (law 8 of RULES.md)
plateaued          one step less than it said   many healthy tasks end at their noise; but a deaf
                                                network that learned its biases ends there too
stalled, diverged, what it said                 something is wrong, and this may be it
oscillating
too-short,         a note                       nobody knows how the run fares; a warning there
no-loss,                                        would be a guess, and quiet is the product
================== ============================ =================================================

Rules that are no signs (structure, output and loss, collection) keep their severity: they are
faults of the program, whatever the loss does. Non-finite numbers keep it too, under any outcome:
they are hard facts, told by a `stat` that begins with ``nonfinite``. What has cleared is a note.
"""

from dataclasses import replace

from relume.core import Finding, Outcome, Rule, Severity

HARD = "nonfinite"
LEARNS = frozenset({"learning", "converged"})
UNKNOWN = frozenset({"too-short", "no-loss", "several-losses"})
FARES_BADLY = frozenset({"stalled", "diverged", "oscillating"})


def weighed(finding: Finding, rule: Rule, outcome: Outcome) -> Finding:
    """The finding with the severity that the run's outcome allows."""
    said = finding.severity
    return replace(finding, severity=_allowed(finding, rule, outcome), raw_severity=said)


def _allowed(finding: Finding, rule: Rule, outcome: Outcome) -> Severity:
    said = finding.severity
    if finding.cleared:
        return min(said, Severity.NOTE)
    if not rule.sign or finding.evidence.stat.startswith(HARD):
        return said
    if outcome.name in LEARNS | UNKNOWN:
        return min(said, Severity.NOTE)
    if outcome.name == "plateaued" and said > Severity.NOTE:
        return Severity(said - 1)
    return said
