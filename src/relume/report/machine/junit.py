"""Writes JUnit XML for continuous integration: a test case for each rule that ran.

A rule fails if one of its findings reaches the severity that fails the run; it is skipped if it
could check no site. Lesser and silenced findings are in the output of a case that passes.
"""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from relume.core import Diagnosis, Finding, NotChecked, Severity
from relume.report.rule_pages.pages import family_of
from relume.report.words.sanitise import clean, count, name, sentence, shorten
from relume.report.words.source_location import links_sentence, message, source_spot

LONGEST = 4000
"""Characters of one text: readers show it in a cell of a table."""


def junit(diagnosis: Diagnosis, fail_on: Severity = Severity.WARNING) -> str:
    """Return the diagnosis as one test suite.

    Args:
        diagnosis: what to report.
        fail_on: findings of this severity or above are failures.
    """
    rules = _rules(diagnosis)
    cases = [_case(code, called, diagnosis, fail_on) for code, called in sorted(rules.items())]
    failed = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0" skipped="{skipped}" time="0"'
    run = diagnosis.meta.get("run") or diagnosis.meta.get("path") or ""
    script = diagnosis.meta.get("script") or ""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites name={_attribute('relume')} {counts}>",
        f"  <testsuite name={_attribute('relume')} {counts}>",
        "    <properties>",
        f'      <property name="run" value={_attribute(name(run))}/>',
        f'      <property name="script" value={_attribute(name(script))}/>',
        f'      <property name="outcome" value={_attribute(diagnosis.outcome.text)}/>',
        "    </properties>",
        *cases,
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _rules(diagnosis: Diagnosis) -> dict[str, str]:
    silenced = [item.finding for item in diagnosis.suppressed]
    parts = (diagnosis.findings, silenced, diagnosis.checked, diagnosis.not_checked)
    return {item.code: item.name for part in parts for item in part}


def _case(code: str, called: str, diagnosis: Diagnosis, fail_on: Severity) -> str:
    family = family_of(code)
    head = (
        f"    <testcase classname={_attribute(f'relume.{code[:4]} {family}'.strip())}"
        f' name={_attribute(f"{code} {called}")} time="0"'
    )
    findings = [finding for finding in diagnosis.findings if finding.code == code]
    grave = [finding for finding in findings if finding.severity >= fail_on]
    body: list[str] = []
    if grave:
        first = max(grave, key=lambda finding: finding.severity)
        more = f" (and {count(len(grave) - 1, 'more site')})" if len(grave) > 1 else ""
        headline = _attribute(sentence(message(first)) + more)
        text = _lines(_finding_line(finding, diagnosis) for finding in grave)
        body.append(f'      <failure message={headline} type="{first.severity}">{text}</failure>')
    checked = findings or any(item.code == code for item in diagnosis.checked)
    silenced = [item for item in diagnosis.suppressed if item.finding.code == code]
    missing = [item for item in diagnosis.not_checked if item.code == code]
    if missing and not checked and not silenced:
        body.append(f"      <skipped message={_attribute(_missing(missing[0]))}/>")
    output = [
        _finding_line(finding, diagnosis) for finding in findings if finding.severity < fail_on
    ]
    output += [
        f"silenced by {item.by}{f' ({item.reason})' if item.reason else ''}: "
        + _finding_line(item.finding, diagnosis)
        for item in silenced
    ]
    output += [item.text for item in diagnosis.checked if item.code == code]
    output += [_missing(item) for item in missing] if checked or silenced else []
    if output:
        body.append(f"      <system-out>{_lines(output)}</system-out>")
    return "\n".join([f"{head}>", *body, "    </testcase>"]) if body else f"{head}/>"


def _finding_line(finding: Finding, diagnosis: Diagnosis) -> str:
    where = source_spot(finding, diagnosis.meta)
    at = "" if where is None else where.file + (f":{where.line}" if where.line else "") + ": "
    cure = f" Try first: {sentence(finding.cure)}" if finding.cure else ""
    claim = f"{finding.severity} {finding.code}: {sentence(message(finding))}"
    return f"{name(at)}{claim} {links_sentence(finding, diagnosis)}{cure}".rstrip()


def _missing(item: NotChecked) -> str:
    at = f"{name(item.site)}: " if item.site else ""
    return f"not checked: {at}{item.reason}" + (f" {sentence(item.remedy)}" if item.remedy else "")


def _lines(texts: Iterable[str]) -> str:
    return escape("\n".join(_safe(text) for text in texts))


def _attribute(text: str) -> str:
    return quoteattr(_safe(text))


def _safe(text: object) -> str:
    """Return text that XML 1.0 can carry: `clean` leaves no control or unassigned character."""
    return clean(shorten(str(text), LONGEST))
