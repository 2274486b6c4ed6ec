"""Writes one line a finding, for editors and for `grep`."""

from dataclasses import replace

from relume.core import Diagnosis, Finding
from relume.report.words.sanitise import clean, name, place, prose, shorten


def concise(diagnosis: Diagnosis) -> str:
    """Return ``file:line: CODE severity site message``, a line each, roots first.

    A finding without a place in the source gets the script; one of the whole model has the
    site ``(model)``. Empty if there is no finding.
    """
    script = str(diagnosis.meta.get("script") or "-")
    return "".join(f"{_line(finding, script)}\n" for finding in diagnosis.findings)


def _line(finding: Finding, script: str) -> str:
    where = place(finding.file, finding.line) or clean(shorten(script))
    site = name(finding.site) or "(model)"
    message = prose(replace(finding, site=name(finding.site)).message)
    return f"{where}: {finding.code} {finding.severity} {site} {message}"
