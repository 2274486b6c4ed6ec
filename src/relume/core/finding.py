"""Defines the nouns of a diagnosis: evidence, findings, what was checked and what was not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relume.core.jsonable import Value, plain, printable
from relume.core.plural import count
from relume.core.severity import Severity
from relume.errors import DiagnosisError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEW_ROWS = "whether it holds on new rows"
"""How a reason against "fine" begins that comes from what the script prints of held-out rows."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers behind a finding; its message can quote nothing else.

    Attributes:
        stat: the name of the measured stat, which is its formula and unit.
        value: what was measured.
        threshold: the limit it crossed (None for a fact).
        samples: how many samples, rows or records `value` was measured on.
        more: further numbers and words that the message quotes, by name.
        curve: `(step, value)` pairs for a sparkline, at most 64.
    """

    stat: str
    value: float
    threshold: float | None = None
    samples: int = 0
    more: Mapping[str, Value] = field(default_factory=dict[str, Value])
    curve: tuple[tuple[int, float], ...] = ()

    def quotable(self) -> dict[str, Value]:
        """Everything that a message may name."""
        own = {"value": self.value, "threshold": self.threshold, "samples": self.samples}
        return {**self.more, **own}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's claim about a site.

    Attributes:
        code, name: of the rule (``"ACT401"``, ``"dead-units"``).
        severity: the rule's (`raw_severity`), limited by the run's outcome.
        site: a qualified name, or ``""`` for the whole model.
        steps: the first and the last step on which it holds.
        text: the message, as a format string over the evidence, ``{site}`` and ``{place}``.
        cure: the first fix of the ladder, in words.
        explains, explained_by: keys of other findings of the same diagnosis.
        cleared: it held earlier and no longer did when the run ended.
    """

    code: str
    name: str
    severity: Severity
    site: str
    steps: tuple[int, int]
    text: str
    evidence: Evidence
    cure: str = ""
    layer: str = ""
    file: str = ""
    line: int = 0
    explains: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    cleared: bool = False
    raw_severity: Severity | None = None

    def json_fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields as JSON has them: with the message and the key."""
        return fields | {"message": self.message, "key": self.key}

    @property
    def key(self) -> str:
        """Unique in a diagnosis: code and site."""
        return f"{self.code}@{self.site}"

    @property
    def message(self) -> str:
        """The claim as a sentence, with its numbers taken from the evidence."""
        site = self.site or "the model"
        return self.text.format(site=site, place=self.place, **self.evidence.quotable())

    @property
    def place(self) -> str:
        """The site for a sentence, with its act and its layer: ``relu() after fc1``."""
        act = str(self.evidence.more.get("act", ""))
        named = f"{self.site} ({act})" if act and act not in self.site else self.site
        after = f" after {self.layer}" if self.layer and self.layer != self.site else ""
        return f"{named}{after}" if self.site else "the model"


@dataclass(frozen=True, slots=True)
class Checked:
    """A rule checked and found nothing: `text` says what it measured, with the numbers.

    `near` is how near that came to the rule's limit: 1 at the limit, 0 far from it or not known.
    `applies` is false where the run has nothing that the rule is about (no gate, no regression).
    """

    code: str
    name: str
    text: str
    near: float = 0.0
    applies: bool = True


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A rule could not check: where, why, and what would make it possible."""

    code: str
    name: str
    site: str
    reason: str
    remedy: str = ""


Result = Finding | Checked | NotChecked


LEARNS = frozenset({"learning", "converged", "balanced"})
FARES_BADLY = frozenset({"stalled", "diverged", "oscillating", "one-sided"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the run fared, judged from its loss alone, before any symptom is read.

    Attributes:
        name: ``learning``, ``converged``, ``plateaued``, ``stalled`` (at chance), ``diverged``,
            ``oscillating``, ``too-short`` or ``no-loss``; of models trained against each other
            ``balanced`` or ``one-sided``; ``several-losses`` where these cannot be separated;
            ``signed`` where the loss takes both signs and has no floor that is known, and
            ``moving-targets`` where it does not fall and its targets move.
        text: one sentence with the numbers.
        numbers: start, end, chance and noise of the loss.
    """

    name: str
    text: str
    numbers: Mapping[str, Value] = field(default_factory=dict[str, Value])

    @property
    def learns(self) -> bool:
        """Whether the loss says that the run learns."""
        return self.name in LEARNS

    @property
    def fares_badly(self) -> bool:
        """Whether the loss says that the run fails."""
        return self.name in FARES_BADLY


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that the user suppressed: it does not count, and it is not lost.

    Attributes:
        finding: as it was judged, with its causes and symptoms.
        by: ``"comment"`` (on its source line), ``"config"`` (a per-site ignore) or ``"baseline"``.
        where: where that stands: ``"train.py:8"``, or a file.
        reason: the user's reason; empty where none is given.
        root: key of the suppressed finding whose symptom this is, if that is why.
    """

    finding: Finding
    by: str
    where: str = ""
    reason: str = ""
    root: str = ""


SCHEMA = 1
"""Version of a diagnosis as JSON: one more when a field goes away or changes its meaning."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings in the order of cause, what was checked and is fine, what could not be checked.

    Attributes:
        suppressed: what a comment, the configuration or a baseline suppressed.
        verdict: ``fine``, ``learns-but``, ``fails``, ``nothing-found`` or ``unseen``.
        unseen: what is missing for calling the run fine.
        trainings: the outcome of each training, where the script makes several in turn.
        suspects: where the run fails and no rule is sure why: the likeliest causes, with what was
            measured of each.
    """

    findings: tuple[Finding, ...]
    checked: tuple[Checked, ...]
    not_checked: tuple[NotChecked, ...]
    outcome: Outcome
    ruled_out: tuple[Checked, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])
    suppressed: tuple[Silenced, ...] = ()
    verdict: str = ""
    unseen: tuple[str, ...] = ()
    trainings: tuple[Outcome, ...] = ()
    suspects: tuple[str, ...] = ()

    @property
    def outcome_sentence(self) -> str:
        """The outcome in words, with the closest suspects where no rule is sure of the cause."""
        if not self.outcome.fares_badly or not self.ok:
            return self.outcome.text
        closest = f" Closest suspects: {'; '.join(self.suspects)}." if self.suspects else ""
        return f"{self.outcome.text} No rule is sure why.{closest}"

    @property
    def roots(self) -> tuple[Finding, ...]:
        """The findings that nothing else here explains."""
        return tuple(f for f in self.findings if not f.explained_by)

    @property
    def ok(self) -> bool:
        """Whether no finding is of `warning` or above."""
        return all(f.severity < Severity.WARNING for f in self.findings)

    def raise_if(self, severity: str | Severity = Severity.WARNING) -> None:
        """Raise if there is a finding of `severity` or above: one line for a test suite.

        Args:
            severity: ``"note"``, ``"warning"`` or ``"error"``; a fact is never harm.

        Raises:
            DiagnosisError: there is; its text is `str(self)`, its `diagnosis` this object.
            UnknownNameError: there is no such severity.

        Example:
            >>> fine = Diagnosis((), (), (), Outcome("learning", "The run learns."))
            >>> fine.raise_if("warning")
        """
        limit = max(Severity.named(severity), Severity.NOTE)
        many = sum(f.severity >= limit for f in self.findings)
        if many:
            or_above = "" if limit is Severity.ERROR else " or above"
            head = f"{count(many, 'finding')} of {limit}{or_above}"
            raise DiagnosisError(f"{head}\n{self}", self)

    def symptoms_of(self, root: Finding) -> tuple[Finding, ...]:
        """The findings that `root` explains, in order."""
        return tuple(f for f in self.findings if root.key in f.explained_by)

    def __str__(self) -> str:
        """The story in plain lines: the outcome, each root cause, what it explains, its cure."""
        lines = [self.outcome_sentence]
        for root in (f for f in self.roots if f.severity > Severity.FACT):
            where = f" at {root.site}" if root.site else ""
            source = f" ({root.file}:{root.line})" if root.file else ""
            lines.append(f"{root.severity}: {root.code} {root.name}{where}{source}")
            lines.append(f"  {root.message}")
            names = dict.fromkeys(f"{f.name} at {f.site}" for f in self.symptoms_of(root))
            if names:
                lines.append(f"  which explains {', '.join(names)}")
            if root.cure:
                lines.append(f"  try first: {root.cure}")
        if self.ok:
            lines.append("Nothing of warning or above was found.")
        # names and messages are data: their control characters must not reach a terminal
        return "\n".join(printable(line) for line in lines)

    def _repr_html_(self) -> str:
        """The diagnosis as self-contained HTML, for a notebook."""
        from relume.report.notebook.cell import cell  # the report draws, and only in a notebook

        return cell(self)

    def json_fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields as JSON has them: with the schema's version, `ok` and the roots' keys."""
        roots = [finding.key for finding in self.roots]
        return {"schema": SCHEMA, **fields, "ok": self.ok, "roots": roots}

    def to_json(self, *, indent: int | None = 2) -> str:
        """The diagnosis as JSON, under the names of its attributes."""
        return json.dumps(plain(self), indent=indent, ensure_ascii=False)
