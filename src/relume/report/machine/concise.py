"""Writes one short line a finding, in the order of ruff's, for editors and for `grep`."""

from relume.core import Diagnosis, Finding, Severity
from relume.report.words.made_at import code_span
from relume.report.words.paste_command import SCRIPT
from relume.report.words.sanitise import clean, first_sentence, name, place, shorten
from relume.report.words.source_location import message


def concise(diagnosis: Diagnosis) -> str:
    """Return ``file:line:column: CODE name: sentence``, a line each, roots first, without facts.

    A finding without a place in the source gets the script's beginning, as ruff gives a file's.
    Empty if there is no finding.
    """
    script = str(diagnosis.meta.get("script") or "-")
    findings = [finding for finding in diagnosis.findings if finding.severity > Severity.FACT]
    return "".join(f"{_line(finding, script)}\n" for finding in findings)


def _line(finding: Finding, script: str) -> str:
    claim, _ = first_sentence(message(finding))
    where = _place(finding, script) or f"{clean(shorten(script))}:1:1"
    return f"{where}: {finding.code} {name(finding.name)}: {claim.rstrip('.')}"


def _place(finding: Finding, script: str) -> str:
    if not finding.file:
        return ""
    act = str(finding.evidence.more.get("act", ""))
    source = script if script.endswith(SCRIPT) else ""
    code = code_span(finding.file, finding.line, site=finding.site, act=act, script=source)
    if code is None:
        return f"{place(finding.file, max(finding.line, 1))}:1"
    column = code.start + 1 if code.end else len(code.text) - len(code.text.lstrip()) + 1
    return f"{place(code.file, code.line)}:{column}"
