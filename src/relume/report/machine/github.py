"""Writes workflow commands of GitHub Actions: each finding at its line in the changed files.

A root cause keeps its severity; a symptom is a `notice` that names its cause, so that one fault is
one annotation to act on. Facts are left out. A command is one line, so the text is escaped as
the runner unescapes it: ``%``, carriage return and newline everywhere, ``:`` and ``,`` in the
properties.
"""

from relume.core import Diagnosis, Finding, Severity
from relume.report.words.sanitise import name, sentence
from relume.report.words.source_location import cure_sentences, links_sentence, message, source_spot

COMMANDS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}


def github(diagnosis: Diagnosis) -> str:
    """Return the findings as workflow commands, a line each, roots first; empty if none."""
    findings = [f for f in diagnosis.findings if f.severity > Severity.FACT]
    return "".join(f"{_command(finding, diagnosis)}\n" for finding in findings)


def _command(finding: Finding, diagnosis: Diagnosis) -> str:
    command = "notice" if finding.explained_by else COMMANDS[finding.severity]
    where = source_spot(finding, diagnosis.meta)
    properties = {
        "file": name(where.file, 1000) if where else "",
        "line": str(where.line) if where and where.line else "",
        "title": f"{finding.code} {finding.name}",
    }
    head = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    lines = [sentence(message(finding)), links_sentence(finding, diagnosis)]
    lines += cure_sentences(finding, diagnosis)
    return f"::{command} {head}::{_data(chr(10).join(line for line in lines if line))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
