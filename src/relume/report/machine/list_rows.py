"""What `rules`, `explain`, `acts`, `runs` and `recommend` write as JSON: a type for each.

The published schemas are made from these types (`result_schemas.py`), and so is what is written.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from relume.core import Diagnosis, Finding, Outcome


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule or a fix: `severities` least first, `symptom` where it harms only a failing run."""

    code: str
    name: str
    family: str
    about: str
    severities: tuple[str, ...]
    symptom: bool
    summary: str


@dataclass(frozen=True, slots=True)
class PageRow(RuleRow):
    """The same with its page, in Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class ActRow:
    """An activation function; `parameters` with defaults, those that training learns marked."""

    name: str
    family: str
    formula: str
    year: int
    parameters: str
    reference: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A recorded run: how it ended and what its roots are, or the `problem` of reading it."""

    run: str
    verdict: str | None
    outcome: str | None
    loss: float | None
    steps: int | None
    script: str | None
    started: str | None
    roots: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, slots=True)
class AdviceRow:
    """A piece of advice: where it applies, what to do, what supports it, what would test it."""

    where: str
    text: str
    evidence: tuple[str, ...]
    settle: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What `relume recommend` advises, and how the run as it is ended."""

    outcome: Outcome
    advice: tuple[AdviceRow, ...]


class Page(Protocol):
    """What is read of a rule's or a fix's page."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def severities(self) -> tuple[str, ...]: ...
    @property
    def symptom(self) -> bool: ...
    @property
    def summary(self) -> str: ...
    @property
    def text(self) -> str: ...


def rule_row(page: Page) -> RuleRow:
    """Return a rule or fix as the list has it."""
    return RuleRow(
        page.code,
        page.name,
        page.code[:4],
        page.family,
        page.severities,
        page.symptom,
        page.summary,
    )


def page_row(page: Page) -> PageRow:
    """Return a rule or fix with its page."""
    row = rule_row(page)
    fields: dict[str, Any] = {name: getattr(row, name) for name in RuleRow.__slots__}
    return PageRow(**fields, text=page.text)


def run_row(name: str, meta: Any, diagnosis: Diagnosis | None, problem: str) -> RunRow:
    """Return a recorded run as the list has it."""
    outcome = diagnosis.outcome if diagnosis else None
    end = outcome.numbers.get("end") if outcome else None
    roots: tuple[Finding, ...] = diagnosis.roots if diagnosis else ()
    return RunRow(
        run=name,
        verdict=diagnosis.verdict if diagnosis else None,
        outcome=outcome.name if outcome else None,
        loss=end if isinstance(end, int | float) and math.isfinite(end) else None,
        steps=meta.get("steps"),
        script=meta.get("script"),
        started=meta.get("started"),
        roots=tuple(finding.code for finding in roots),
        problem=problem or None,
    )


def rows_as_json(rows: Sequence[RuleRow | ActRow | RunRow]) -> str:
    """Return rows as a JSON array."""
    return json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False)
