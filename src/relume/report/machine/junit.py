"""Writes JUnit XML for continuous integration: a test case for each rule that ran.

A rule fails if one of its findings reaches the severity that fails the run; it is skipped if it
could check no site. Lesser and silenced findings are in the output of a case that passes.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from relume.core import Diagnosis, Finding, NotChecked, Severity
from relume.core.plural import count
from relume.report.rule_pages.pages import family_of
from relume.report.words.sanitise import clean, name, sentence, shorten
from relume.report.words.source_location import (
    cure_sentences,
    links_sentence,
    message,
    source_spot,
)

LONGEST = 4000
"""Characters of one text: readers show it in a cell of a table."""


def junit(diagnosis: Diagnosis, fail_on: Severity = Severity.WARNING) -> str:
    """Return the diagnosis as one test suite.

    Args:
        diagnosis: what to report.
        fail_on: findings of this severity or above are failures.
    """
    suites = Element("testsuites")
    suite = SubElement(suites, "testsuite")
    properties = SubElement(suite, "properties")
    meta = diagnosis.meta
    values = {
        "run": name(meta.get("run") or meta.get("path") or ""),
        "script": name(meta.get("script") or ""),
        "outcome": diagnosis.outcome_sentence,
    }
    for key, value in values.items():
        SubElement(properties, "property", name=key, value=_safe(value))
    cases = _rules(diagnosis)
    for code, called in sorted(cases.items()):
        _add_case(suite, code, called, diagnosis, fail_on)
    counts = {
        "name": "relume",
        "tests": str(len(cases)),
        "failures": str(len(suite.findall("*/failure"))),
        "errors": "0",
        "skipped": str(len(suite.findall("*/skipped"))),
        "time": "0",
    }
    suites.attrib.update(counts)
    suite.attrib.update(counts)
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, "unicode")}\n'


def _rules(diagnosis: Diagnosis) -> dict[str, str]:
    silenced = [item.finding for item in diagnosis.suppressed]
    parts = (diagnosis.findings, silenced, diagnosis.checked, diagnosis.not_checked)
    return {item.code: item.name for part in parts for item in part}


def _add_case(
    suite: Element, code: str, called: str, diagnosis: Diagnosis, fail_on: Severity
) -> None:
    group = _safe(f"relume.{code[:4]} {family_of(code)}".strip())
    case = SubElement(suite, "testcase", classname=group, name=_safe(f"{code} {called}"), time="0")
    findings = [finding for finding in diagnosis.findings if finding.code == code]
    grave = [finding for finding in findings if finding.severity >= fail_on]
    if grave:
        first = max(grave, key=lambda finding: finding.severity)
        more = f" (and {count(len(grave) - 1, 'more site')})" if len(grave) > 1 else ""
        headline = _safe(sentence(message(first)) + more)
        failure = SubElement(case, "failure", message=headline, type=str(first.severity))
        failure.text = _lines(_finding_line(finding, diagnosis) for finding in grave)
    checked = findings or any(item.code == code for item in diagnosis.checked)
    silenced = [item for item in diagnosis.suppressed if item.finding.code == code]
    missing = [item for item in diagnosis.not_checked if item.code == code]
    if missing and not checked and not silenced:
        SubElement(case, "skipped", message=_safe(_missing(missing[0])))
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
        SubElement(case, "system-out").text = _lines(output)


def _finding_line(finding: Finding, diagnosis: Diagnosis) -> str:
    where = source_spot(finding, diagnosis.meta)
    at = "" if where is None else where.file + (f":{where.line}" if where.line else "") + ": "
    cure = "".join(f" {words}" for words in cure_sentences(finding, diagnosis))
    claim = f"{finding.severity} {finding.code}: {sentence(message(finding))}"
    return f"{name(at)}{claim} {links_sentence(finding, diagnosis)}{cure}".rstrip()


def _missing(item: NotChecked) -> str:
    at = f"{name(item.site)}: " if item.site else ""
    return f"not checked: {at}{item.reason}" + (f" {sentence(item.remedy)}" if item.remedy else "")


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(_safe(text) for text in texts)


def _safe(text: object) -> str:
    """Return text that XML 1.0 can carry: `clean` leaves no control or unassigned character."""
    return clean(shorten(str(text), LONGEST))
