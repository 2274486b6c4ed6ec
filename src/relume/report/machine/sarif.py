"""Writes SARIF 2.1.0, which code hosts and editors read to show findings in the source."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from relume import __version__
from relume.core import Diagnosis, Finding, NotChecked, Severity, Silenced, plain
from relume.report.rule_pages.pages import PageText, family_of
from relume.report.words.sanitise import clean, name, sentence
from relume.report.words.source_location import (
    cure_sentences,
    links_sentence,
    message,
    source_spot,
)

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "SRCROOT"
LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
    Severity.FACT: "none",
}
Object = dict[str, Any]


def sarif(diagnosis: Diagnosis, pages: Sequence[PageText] = ()) -> str:
    """Return the diagnosis as a SARIF log with one run.

    Silenced findings are results with `suppressions`. A rule that could not check is a
    notification of the tool. With a baseline each result has its state.

    Args:
        diagnosis: what to report.
        pages: the rules' pages, for titles and help.
    """
    rules = _rules(diagnosis, {page.code: page for page in pages})
    index = {rule["id"]: at for at, rule in enumerate(rules)}
    fresh = [_result(finding, diagnosis, index, None) for finding in diagnosis.findings]
    silent = [_result(item.finding, diagnosis, index, item) for item in diagnosis.suppressed]
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "relume", "version": __version__, "rules": rules},
                },
                "originalUriBaseIds": {ROOT: {"uri": _working_directory()}},
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            _notification(item, index) for item in diagnosis.not_checked
                        ],
                    }
                ],
                "results": [*fresh, *silent],
                "columnKind": "unicodeCodePoints",
                "properties": {
                    "outcome": plain(diagnosis.outcome),
                    "gone": plain(_baseline(diagnosis).get("gone", ())),
                },
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"


def _working_directory() -> str:
    try:
        return Path.cwd().as_uri().rstrip("/") + "/"
    except OSError:  # the working directory is gone
        return "file:///"


def _baseline(diagnosis: Diagnosis) -> Mapping[str, Any]:
    return diagnosis.meta.get("baseline") or {}


def _rules(diagnosis: Diagnosis, pages: Mapping[str, PageText]) -> list[Object]:
    silenced = [item.finding for item in diagnosis.suppressed]
    parts = (diagnosis.findings, silenced, diagnosis.checked, diagnosis.not_checked)
    names = {item.code: item.name for part in parts for item in part}
    return [_rule(code, called, pages.get(code)) for code, called in sorted(names.items())]


def _rule(code: str, called: str, page: PageText | None) -> Object:
    rule: Object = {"id": clean(code), "name": clean(called)}
    if page is None:
        return rule
    text = page.text.replace("``", "`")
    return rule | {
        "shortDescription": {"text": sentence(page.summary)},
        "fullDescription": {"text": sentence(page.summary)},
        "help": {"text": text, "markdown": text},
        "properties": {"tags": [tag for tag in ("relume", family_of(code)) if tag]},
    }


def _result(
    finding: Finding, diagnosis: Diagnosis, index: Mapping[str, int], silenced: Silenced | None
) -> Object:
    fact = finding.severity is Severity.FACT
    words = [sentence(message(finding)), links_sentence(finding, diagnosis)]
    words += cure_sentences(finding, diagnosis)
    result: Object = {
        "ruleId": clean(finding.code),
        "ruleIndex": index[finding.code],
        "kind": "informational" if fact else "fail",  # the level of any other kind must be none
        "level": LEVELS[finding.severity],
        "message": {"text": " ".join(word for word in words if word)},
        "locations": [_location(finding, diagnosis)],
        "partialFingerprints": {"relumeSite/v1": fingerprint(finding)},
        "properties": {
            "steps": list(finding.steps),
            "evidence": plain(finding.evidence),
            "explains": [clean(key) for key in finding.explains],
            "explainedBy": [clean(key) for key in finding.explained_by],
            "cleared": finding.cleared,
        },
    }
    if _baseline(diagnosis):
        result["baselineState"] = "unchanged" if silenced and silenced.by == "baseline" else "new"
    if silenced is not None:
        inside = silenced.by == "comment"
        because = silenced.reason or f"silenced by {silenced.by}"
        result["suppressions"] = [
            {"kind": "inSource" if inside else "external", "justification": clean(because)}
        ]
    return result


def fingerprint(finding: Finding) -> str:
    """Return a hash of what stays the same from run to run: the rule, the site and its act."""
    parts = [finding.code, finding.site, str(finding.evidence.more.get("act") or "")]
    text = "\0".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:32]


def _location(finding: Finding, diagnosis: Diagnosis) -> Object:
    site = name(finding.site, 1000) or "(model)"
    location: Object = {"logicalLocations": [{"fullyQualifiedName": site, "kind": "module"}]}
    where = source_spot(finding, diagnosis.meta)
    if where is None:
        return location
    path = quote(where.file.encode("utf-8", "backslashreplace"))
    if where.below:
        artifact = {"uri": path, "uriBaseId": ROOT}
    else:  # elsewhere: an absolute path, or one that climbs
        artifact = {"uri": f"file://{path}" if path.startswith("/") else path}
    physical: Object = {"artifactLocation": artifact}
    if where.line > 0:
        physical["region"] = {"startLine": where.line}
    return location | {"physicalLocation": physical}


def _notification(item: NotChecked, index: Mapping[str, int]) -> Object:
    at = f"{name(item.site)}: " if item.site else ""
    remedy = f" {sentence(item.remedy)}" if item.remedy else ""
    return {
        "level": "note",
        "message": {"text": f"Not checked: {at}{sentence(item.reason)}{remedy}"},
        "associatedRule": {"id": clean(item.code), "index": index[item.code]},
    }
