"""Makes a diagnosis of a trace: runs the rules, caps severities, links causes, rules out.

1. The outcome is judged from the loss alone (`rules/outcome.py`).
2. Every rule runs on its own: one that fails becomes a `NotChecked` with the reason.
3. The outcome caps the severity of symptoms (`rules/severity_policy.py` has the table and why).
4. Findings are linked and ordered by cause (`rules/cause_graph.py`).
5. Rules that could explain the findings, ran and found nothing, are listed as ruled out.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from relume.core import (
    Checked,
    Diagnosis,
    Finding,
    NotChecked,
    Outcome,
    Result,
    Rule,
    Severity,
    Trace,
)
from relume.policy.selectors import selection
from relume.registry import discover
from relume.rules.cause_graph import arrange, cause_setting
from relume.rules.non_finite import is_beside_the_origin, lasting_origin_step, speaks_after, until
from relume.rules.outcome import GAIN as GAIN
from relume.rules.outcome import LOW as LOW
from relume.rules.outcome import judge
from relume.rules.outcome import judge_losses as judge_losses
from relume.rules.run_verdict import WORST_FIRST, verdict
from relume.rules.severity_policy import drop_eclipsed, weigh
from relume.rules.trial_lessons import lessons as lessons
from relume.rules.trial_lessons import with_lessons as with_lessons

__all__ = ["all_rules", "diagnose"]

SUSPECT = 0.2  # of a rule's limit: what stays further away is no suspect
MOST_SUSPECTS = 3


def diagnose(
    trace: Trace,
    *,
    select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
) -> Diagnosis:
    """Diagnose a recorded run.

    Args:
        trace: the run.
        select: only these rules: codes (``"ACT401"``), names (``"dead-units"``) or
            the beginnings of either (``"ACT4"``, ``"dead"``), in any case; all rules if None.
        ignore: not these rules, in the same words; it wins over `select`.

    Returns:
        The diagnosis. Every rule that ran is in its findings, in `checked` or in `not_checked`.

    Raises:
        UnknownNameError: a selector that matches no rule; the message names the nearest one.
    """
    found = judge_with(trace, select_rules(all_rules(), select, ignore))
    return with_lessons(found, trace.meta.get("trials"))


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule, in the order of their codes."""
    return tuple(sorted(discover("relume.rules", Rule), key=lambda rule: rule.code))


def select_rules(
    rules: Sequence[Rule], select: Iterable[str] | None, ignore: Iterable[str] | None
) -> tuple[Rule, ...]:
    """Return the rules that `select` names, without those that `ignore` names."""
    wanted = (
        {r.code for r in rules} if select is None else set(selection(select, rules, blank=False))
    )
    unwanted = selection(ignore or (), rules, blank=False)
    return tuple(rule for rule in rules if rule.code in wanted.difference(unwanted))


def judge_with(trace: Trace, rules: Sequence[Rule]) -> Diagnosis:
    """Diagnose a trace by these rules, each of its trainings by itself."""
    every = [_judge_training(part, rules) for part in trace.trainings()]
    return every[0] if len(every) == 1 else _together(trace, every)


def _together(trace: Trace, every: Sequence[Diagnosis]) -> Diagnosis:
    """Return the diagnosis of several trainings in turn: the worst, with what else is found."""
    worst = min(every, key=lambda diagnosis: WORST_FIRST.index(diagnosis.verdict))
    findings = {finding.key: finding for finding in worst.findings}
    for diagnosis in every:
        if not diagnosis.ok:
            for finding in diagnosis.findings:
                findings.setdefault(finding.key, finding)
    names = Counter(diagnosis.outcome.name for diagnosis in every)
    parts = [f"{count} {name}" for name, count in names.most_common()]
    number = every.index(worst) + 1
    text = f"{len(every)} trainings in turn: {', '.join(parts)}. No. {number}: {worst.outcome.text}"
    return replace(
        worst,
        findings=tuple(findings.values()),
        outcome=replace(worst.outcome, text=text),
        meta=trace.meta,
        trainings=tuple(diagnosis.outcome for diagnosis in every),
    )


def _judge_training(trace: Trace, rules: Sequence[Rule]) -> Diagnosis:
    """Diagnose one training by these rules."""
    outcome = judge(trace)
    results = _results(trace, rules)
    by_code = {rule.code: rule for rule in rules}
    every = [result for part in results.values() for result in part]
    weighed = [weigh(r, by_code[r.code], outcome) for r in every if isinstance(r, Finding)]
    findings = drop_eclipsed(arrange(weighed, cause_setting(trace, rules)), by_code)
    if not trace.sites and not findings:  # nothing was seen, so nothing has been ruled out
        every = [_not_looked_at(r) if isinstance(r, Checked) else r for r in every]
    checked = tuple(r for r in every if isinstance(r, Checked))
    out = _ruled_out(findings, checked, rules, outcome)
    word, unseen = verdict(trace, outcome, findings)
    return Diagnosis(
        findings=findings,
        checked=checked,
        not_checked=tuple(r for r in every if isinstance(r, NotChecked)),
        outcome=outcome,
        ruled_out=out,
        meta=trace.meta,
        verdict=word,
        unseen=unseen,
        suspects=_suspects(findings, out) if _undetermined(findings, outcome) else (),
    )


def _not_looked_at(result: Checked) -> NotChecked:
    return NotChecked(result.code, result.name, "", "nothing was recorded", "train under relume")


def _results(trace: Trace, rules: Sequence[Rule]) -> dict[str, list[Result]]:
    """Run the rules; after the first value that is not finite, only those that say why."""
    step = lasting_origin_step(trace)
    if step is None:
        return {rule.code: run_rule(rule, trace) for rule in rules}
    seen, results = until(trace, step), dict[str, list[Result]]()
    for rule in rules:
        if speaks_after(rule):
            results[rule.code] = run_rule(rule, trace)
            continue
        found = [] if is_beside_the_origin(rule, trace) else run_rule(rule, seen)
        kept = [r for r in found if not isinstance(r, Finding) or r.steps[0] < max(step, 1)]
        reason = f"nothing is finite after step {step}"
        results[rule.code] = kept or [NotChecked(rule.code, rule.name, "", reason)]
    return results


def run_rule(rule: Rule, trace: Trace) -> list[Result]:
    """Run a rule and return its results, also where it fails; one finding a key, the gravest."""
    try:
        results = list(rule.check(trace))
        # a message that cannot be written is the rule's failure too, and shows only here
        for result in results:
            if isinstance(result, Finding):
                _ = result.message
    except Exception as error:  # any failure of a rule is a result, never a crash
        reason = f"the rule failed: {type(error).__name__}: {error}"
        return [NotChecked(rule.code, rule.name, "", reason, "report this as a bug of relume")]
    if not results:
        reason = "the rule gave no result"
        return [NotChecked(rule.code, rule.name, "", reason, "report this as a bug of relume")]
    findings: dict[str, Finding] = {}
    for result in results:
        if isinstance(result, Finding):
            other = findings.get(result.key)
            if other is None or result.severity > other.severity:
                findings[result.key] = result
    return [*findings.values(), *(r for r in results if not isinstance(r, Finding))]


def _ruled_out(
    findings: Sequence[Finding],
    checked: Sequence[Checked],
    rules: Sequence[Rule],
    outcome: Outcome,
) -> tuple[Checked, ...]:
    """Return the clean results of rules that could explain a finding."""
    fired = {finding.code for finding in findings}
    # what was recorded is no cause of anything
    facts = {rule.code for rule in rules if rule.family == "collection"}
    clean = [c for c in checked if c.code not in fired | facts]
    if _undetermined(findings, outcome):
        return tuple(clean)
    suspects = {f.code for f in findings if f.severity >= Severity.NOTE}
    able = {rule.code for rule in rules if suspects & set(rule.explains)}
    return tuple(item for item in clean if item.code in able)


def _undetermined(findings: Sequence[Finding], outcome: Outcome) -> bool:
    harm = any(finding.severity >= Severity.WARNING for finding in findings)
    return outcome.fares_badly and not harm


def _suspects(findings: Sequence[Finding], out: Sequence[Checked]) -> tuple[str, ...]:
    """Return the likeliest causes: symptoms that are notes, then rules that were near a limit."""
    notes = [f for f in findings if f.severity == Severity.NOTE and not f.explained_by]
    notes.sort(key=lambda finding: -(finding.raw_severity or Severity.NOTE))
    named = {finding.name: f"{finding.name} ({finding.message.rstrip('.')})" for finding in notes}
    for item in sorted(out, key=lambda item: -item.near):
        if item.near >= SUSPECT:
            named.setdefault(item.name, f"{item.name} ({item.text}; {item.near:.0%} of its limit)")
    return tuple(named.values())[:MOST_SUSPECTS]
