"""From a rule's docstring to its `Rule`: code and name stand there once, in the first line."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from relume.core import (
    Checked,
    Evidence,
    Finding,
    NotChecked,
    Result,
    Rule,
    Severity,
    Site,
    Trace,
)

FIRST_LINE = re.compile(r"(?P<code>ACT\d{3}) (?P<name>[a-z0-9-]+): \S")


@dataclass(frozen=True, slots=True)
class RulePage:
    """A rule's page, and what speaks in its name."""

    code: str
    name: str
    text: str

    def finding(
        self,
        site: Site | str,
        severity: Severity,
        steps: tuple[int, int],
        text: str,
        evidence: Evidence,
        *,
        cure: str = "",
        cleared: bool = False,
    ) -> Finding:
        """A claim about a site (a name alone where the trace has no such site)."""
        where = site if isinstance(site, Site) else Site(site, "")
        return Finding(
            self.code,
            self.name,
            severity,
            where.name,
            steps,
            text,
            evidence,
            cure,
            layer=where.layer,
            file=where.file,
            line=where.line,
            cleared=cleared,
        )

    def clean(self, text: str) -> Checked:
        """The rule looked and found nothing."""
        return Checked(self.code, self.name, text)

    def missing(self, reason: str, remedy: str = "", site: str = "") -> NotChecked:
        """The rule could not look."""
        return NotChecked(self.code, self.name, site, reason, remedy)

    def rule(
        self,
        check: Callable[[Trace], Iterator[Result]],
        *,
        symptom: bool = True,
        explains: tuple[str, ...] = (),
        upstream: bool = False,
    ) -> Rule:
        """The rule of this page."""
        return Rule(self.code, self.name, self.text, check, symptom, explains, upstream)


def page(text: str | None) -> RulePage:
    """Read a rule file's docstring: `page(__doc__)`."""
    match = FIRST_LINE.match(text or "")
    if match is None:
        raise ValueError("a rule's docstring must begin like 'ACT401 dead-units: ...'")
    return RulePage(match["code"], match["name"], text or "")
