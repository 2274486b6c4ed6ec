"""Reads and writes the baseline: a file of findings that are known and not reported again.

An entry is a rule at a site with its act. Steps and numbers are left out, since they differ from
run to run. Each entry also says whether the finding was harm when it was written, and which rules'
findings it explained then, so that it hides nothing graver.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from relume.core import Diagnosis, Finding, Severity
from relume.errors import UsageError


class BaselineEntry(BaseModel):
    """One known finding.

    Attributes:
        code, name: of the rule; the name is for readers of the file.
        site: a site's name; empty for the whole model.
        act: the act there, where there is one.
        harm: it was a `warning` or an `error`.
        explains: codes of what it explained, near or far.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    code: str = Field(min_length=1)
    name: str = ""
    site: str
    act: str = ""
    harm: bool = True
    explains: list[str] = []

    @property
    def key(self) -> tuple[str, str, str]:
        """The rule, the site and the act, by which two findings are the same."""
        return self.code, self.site, self.act

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is this one, and was harm already if it is now."""
        grown = finding.severity >= Severity.WARNING and not self.harm
        return self.key == key_of(finding) and not grown


class Baseline(BaseModel):
    """All known findings, in the order of code and site."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    format: Literal["relume-baseline"]
    version: Literal[1]
    findings: list[BaselineEntry]


def key_of(finding: Finding) -> tuple[str, str, str]:
    """Return rule, site and act of a finding."""
    act = str(finding.evidence.more.get("act") or "")
    return finding.code, _writable(finding.site), _writable(act)


def _writable(name: str) -> str:
    """Return a name that UTF-8 can encode: a lone surrogate becomes its escape."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def baseline_of(diagnosis: Diagnosis, before: Baseline | None = None) -> Baseline:
    """Make the baseline of every finding of a diagnosis.

    Args:
        diagnosis: the findings to enter.
        before: an older baseline; its entries of rules that did not run in this diagnosis stay.
    """
    judged = {r.code for r in (*diagnosis.findings, *diagnosis.checked, *diagnosis.not_checked)}
    judged |= {s.finding.code for s in diagnosis.suppressed}
    entries = {e.key: e for e in (before.findings if before else []) if e.code not in judged}
    for finding in diagnosis.findings:
        code, site, act = key_of(finding)
        entries[code, site, act] = BaselineEntry(
            code=code,
            name=finding.name,
            site=site,
            act=act,
            harm=finding.severity >= Severity.WARNING,
            explains=sorted({f.code for f in _symptoms_below(finding, diagnosis)} - {code}),
        )
    return Baseline(
        format="relume-baseline", version=1, findings=[entries[key] for key in sorted(entries)]
    )


def _symptoms_below(finding: Finding, diagnosis: Diagnosis) -> Iterable[Finding]:
    """Return all that a finding explains, near or far."""
    todo, symptoms = [finding], dict[str, Finding]()
    while todo:
        for symptom in diagnosis.symptoms_of(todo.pop()):
            if symptom.key not in symptoms:
                symptoms[symptom.key] = symptom
                todo.append(symptom)
    return symptoms.values()


def load_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        UsageError: there is none, or it is damaged or of another program; one sentence.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"there is no baseline {str(path)!r}; write it with --write-baseline."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"cannot read the baseline {str(path)!r}: {reason}.") from None
    try:
        return Baseline.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        reason = f"{at}: {first['msg']}" if at else first["msg"]
        message = " ".join(reason.split()).rstrip(".")
        raise UsageError(
            f"{path} is no baseline of relume, or a damaged one ({message})."
        ) from None


def dump_baseline(baseline: Baseline) -> str:
    """Return the text of a baseline: the same findings give the same text."""
    return baseline.model_dump_json(indent=2) + "\n"


def load_replaceable(path: Path) -> Baseline | None:
    """Read the baseline that a new one would replace; None where there is none.

    Raises:
        UsageError: another file is there, or it cannot be written.
    """
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}.")
    if path.exists():
        try:
            before = load_baseline(path)
        except UsageError as error:
            raise UsageError(f"{str(error).rstrip('.')}, so it is not overwritten.") from None
    else:
        before = None
    if not os.access(path if before else path.parent, os.W_OK):
        raise UsageError(f"cannot write {str(path)!r}: no permission; choose another place.")
    return before
