"""Caps the severity of findings by the outcome of the run. The decisions, with their reasons:

================== ============================ =================================================
outcome            a symptom may have            because
================== ============================ =================================================
learning, above    one step less than it said   most of the way is still before it, and what
half of chance                                  was measured may be in it (law 9b)
learning,          a note                       13 of 75 published healthy trainings have half of
converged,                                      a layer saturated and learn (docs/laws.md, 8)
balanced
plateaued          one step less than stated    many healthy tasks end at their noise; but one
                                                that learned only its biases ends there too
stalled, diverged, what was stated              something is wrong, and this may be it
oscillating,
one-sided
too-short,         a note                       the outcome is not known; a warning there would
no-loss,                                        be a guess, and quiet is the product
================== ============================ =================================================

A layer without a single live unit stays a `warning` in a run that learns: it is measured, not
inferred, and the run learns around it (law 9c).

Rules that are no symptoms (structure, output and loss, wiring, collection) keep their severity:
they are faults of the program, whatever the loss does. Non-finite numbers keep it too, under any
outcome: they are exact, and their `stat` begins with ``nonfinite``. What has cleared is a note. So
is a symptom of initialisation or input in a run that had lost a fifth of its loss before it
failed: what was there all the time did not prevent that, and cannot explain what came later.

Where one root is an error, a root that is a mere symptom of `warning` becomes a note
(`drop_eclipsed`): one cause is enough, and the second shows its worth when the first is cured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from relume.core import Rule, Severity
from relume.core.finding import FARES_BADLY, LEARNS, Finding, Outcome
from relume.rules.series_tools import number

HARD = "nonfinite"
ALL = frozenset({"dead_unit_share", "never_active_unit_share", "died_unit_share"})
"""Shares that say at 1 that a whole layer passes nothing: no falling loss demotes that."""
LASTED = 0.2  # of the run that it got better before it failed (reasoned)
LEARNED = 0.2  # of the loss gone at its best, four times what counts as a gain (`outcome.GAIN`)
HALF = 0.5  # of chance: while a loss that learns is above, its symptoms may still be in its way
UNKNOWN = frozenset({"too-short", "no-loss", "several-losses", "signed", "moving-targets"})


def weigh(finding: Finding, rule: Rule, outcome: Outcome) -> Finding:
    """Return the finding with the severity that the run's outcome allows."""
    stated = finding.severity
    if is_refuted(finding, rule, outcome):
        stated = min(stated, Severity.NOTE)
        finding = replace(finding, severity=stated)
    return replace(finding, severity=_allowed(finding, rule, outcome), raw_severity=stated)


def is_refuted(finding: Finding, rule: Rule, outcome: Outcome) -> bool:
    """Whether the symptom was there from the start, in a run that learned before it failed."""
    if not rule.symptom or not rule.from_start:
        return False
    names = ("start", "chance", "best", "end", "best_step", "steps")
    start, chance, best, end, at, steps = (number(outcome.numbers.get(name)) for name in names)
    if outcome.name not in FARES_BADLY or start is None or best is None or end is None:
        return False
    reference = min(start, chance) if chance is not None else start
    lasted = at is not None and steps is not None and at - finding.steps[0] >= LASTED * steps
    return lasted and best <= (1 - LEARNED) * reference <= end


def _allowed(finding: Finding, rule: Rule, outcome: Outcome) -> Severity:
    stated = finding.severity
    if finding.cleared:
        return min(stated, Severity.NOTE)
    if not rule.symptom or finding.evidence.stat.startswith(HARD):
        return stated
    if _is_whole_layer(finding):
        return min(stated, Severity.WARNING) if outcome.learns else stated
    if outcome.learns and _above_half_of_chance(outcome):
        return Severity(stated - 1) if stated > Severity.NOTE else stated
    if outcome.name in LEARNS | UNKNOWN:
        return min(stated, Severity.NOTE)
    if outcome.name == "plateaued" and stated > Severity.NOTE:
        return Severity(stated - 1)
    return stated


def _is_whole_layer(finding: Finding) -> bool:
    value = number(finding.evidence.value)
    return finding.evidence.stat in ALL and value is not None and value >= 1


def _above_half_of_chance(outcome: Outcome) -> bool:
    """Whether a run that learns still has most of the way before it: its errors stay warnings."""
    end, chance = (number(outcome.numbers.get(name)) for name in ("end", "chance"))
    return end is not None and chance is not None and chance > 0 and end > HALF * chance


def drop_eclipsed(findings: Sequence[Finding], rules: Mapping[str, Rule]) -> tuple[Finding, ...]:
    """Return the findings, with roots that are symptoms of `warning` as notes beside an error."""
    roots = {f.key for f in findings if not f.explained_by}
    if not any(f.key in roots and f.severity == Severity.ERROR for f in findings):
        return tuple(findings)
    return tuple(
        replace(f, severity=Severity.NOTE)
        if f.severity == Severity.WARNING and f.key in roots and rules[f.code].symptom
        else f
        for f in findings
    )
