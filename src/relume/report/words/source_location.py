"""Gives the source file and line of a finding to the formats that show it there."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from relume.core import Diagnosis, Finding
from relume.report.words.sanitise import join_names, name, prose, sentence


@dataclass(frozen=True, slots=True)
class SourceSpot:
    """A source file and line; a file below the working directory is relative, with slashes."""

    file: str
    line: int = 0
    below: bool = False


def source_spot(finding: Finding, meta: Mapping[str, Any]) -> SourceSpot | None:
    """Return the place of a finding, else its script's; None where neither is known."""
    if finding.file and not finding.file.startswith("<"):
        return _relative(finding.file, finding.line)
    script = str(meta.get("script") or "")
    return _relative(script, 0) if script.endswith(".py") else None


def _relative(file: str, line: int) -> SourceSpot:
    path = Path(file)
    with suppress(ValueError, OSError):  # elsewhere, or a working directory that is gone
        path = path.relative_to(Path.cwd()) if path.is_absolute() else path
        return SourceSpot(
            path.as_posix(), line, below=".." not in path.parts and not path.is_absolute()
        )
    return SourceSpot(path.as_posix(), line)


def message(finding: Finding) -> str:
    """Return the claim on one line, with its site shortened and every character visible."""
    return prose(replace(finding, site=name(finding.site)).message)


def cure_sentences(finding: Finding, diagnosis: Diagnosis) -> list[str]:
    """Return what to try: of a symptom, the cure of its root, which is the one to begin with."""
    cures = dict.fromkeys(root.cure for root in roots_of(finding, diagnosis) if root.cure)
    return [f"Try first: {sentence(cure)}" for cure in cures]


def roots_of(finding: Finding, diagnosis: Diagnosis) -> list[Finding]:
    """Return the causes of a finding that nothing explains; the finding itself where it is one."""
    by_key = {each.key: each for each in diagnosis.findings}
    roots: dict[str, Finding] = {}
    waiting, seen = [finding], {finding.key}
    while waiting:
        each = waiting.pop(0)
        causes = [by_key[key] for key in each.explained_by if key in by_key]
        if not causes:
            roots[each.key] = each
        waiting += [cause for cause in causes if cause.key not in seen]
        seen.update(cause.key for cause in causes)
    return list(roots.values()) or [finding]  # causes in a circle have no root


def links_sentence(finding: Finding, diagnosis: Diagnosis) -> str:
    """Return the finding's causes, or else its symptoms, as a sentence; empty if it has neither."""
    causes = [f for f in diagnosis.findings if f.key in finding.explained_by]
    if causes:
        return f"A symptom of {_named(causes)}."
    symptoms = diagnosis.symptoms_of(finding)
    return f"It explains {_named(symptoms)}." if symptoms else ""


def _named(findings: tuple[Finding, ...] | list[Finding]) -> str:
    return join_names(
        [f"{f.code} {f.name}" + (f" at {f.site}" if f.site else "") for f in findings]
    )
