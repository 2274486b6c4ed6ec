"""Makes a `Rule` of a rule file: its code and name are read from the docstring's first line."""

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
from relume.core.rule import FIGURES, NEEDS
from relume.registry import lookup, own_docstring

FIRST_LINE = re.compile(r"(?P<code>ACT\d{3}) (?P<name>[a-z0-9-]+): \S")


@dataclass(frozen=True, slots=True)
class RulePage:
    """A rule's page; it makes the rule's results."""

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
        """Make a finding at a site (a name alone where the trace has no such site)."""
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

    def clean(self, text: str, near: float = 0.0, *, applies: bool = True) -> Checked:
        """Make the result of a rule that found nothing.

        Args:
            text: what it read.
            near: how near that came to the limit, 1 at it; where a run fails and no rule is sure,
                the nearest are its closest suspects.
            applies: whether the run has what the rule is about.
        """
        nearness = min(max(near, 0.0), 1.0) if near == near else 0.0
        return Checked(self.code, self.name, text, nearness, applies)

    def missing(self, reason: str, remedy: str = "", site: str = "") -> NotChecked:
        """Make the result of a rule that lacks evidence: why, and what would give it."""
        return NotChecked(self.code, self.name, site, reason, remedy)

    def rule(
        self,
        check: Callable[[Trace], Iterator[Result]],
        *,
        severities: tuple[str, ...] = (),
        needs: tuple[str, ...] = (),
        figure: str = "evidence",
        symptom: bool = True,
        from_start: bool = False,
        from_updates: bool = False,
        from_graph: bool = False,
        explains: tuple[str, ...] = (),
        upstream: bool = False,
    ) -> Rule:
        """Make the rule of this page.

        Args:
            check: the rule's check.
            severities: what it can say, least first: ``"fact"``, ``"note"``, ``"warning"``,
                ``"error"``. `relume rules` reads this call from the file without running it, so
                all arguments but `check` and `explains` are literals.
            needs: what it cannot do without; the words are those of `core.rule.NEEDS`.
            figure: the figure of the report that shows such a cause best.
            symptom: its findings harm only where the run fares badly (see `Rule`).
            from_start: it sees what was there before the first update, and stays.
            from_updates: updates made what it finds; it explains nothing from before the first.
            from_graph: it reads the graph alone, so no training could show it milder.
            explains: codes that its findings can be the cause of.
            upstream: it explains only sites further along the forward pass, or its own.
        """
        return Rule(
            self.code,
            self.name,
            self.text,
            check,
            symptom,
            explains,
            upstream,
            severities=tuple(Severity.named(word) for word in severities),
            needs=tuple(lookup(word, {word: word for word in NEEDS}, "need") for word in needs),
            figure=lookup(figure, {word: word for word in FIGURES}, "figure"),
            family=check.__module__.rpartition(".")[0].rpartition(".")[2],
            from_start=from_start,
            from_updates=from_updates,
            from_graph=from_graph,
        )


def page(text: str | None) -> RulePage:
    """Read a rule file's docstring: `page(__doc__)`."""
    text = own_docstring(text)
    match = FIRST_LINE.match(text)
    if match is None:
        raise ValueError("a rule's docstring must begin like 'ACT401 dead-units: ...'")
    return RulePage(match["code"], match["name"], text)
