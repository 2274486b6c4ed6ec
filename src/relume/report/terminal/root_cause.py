"""A root cause as a block: the claim, its numbers, what it explains, what to try first."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from relume.core import Finding
from relume.report.terminal.sparkline import draw
from relume.report.terminal.style import STYLES, Style, grid
from relume.report.words.cause_tree import CauseBranch, alike
from relume.report.words.sanitise import (
    count,
    listed,
    name,
    number,
    place,
    prose,
    sentence,
    source,
    span,
)

FULL = 3
"""So many sites of one rule are told in full; the others take a line each."""


def root(branch: CauseBranch, at: int, ink: Style) -> None:
    """A root cause in full: the claim, where, since when, by which numbers, its symptoms, cure."""
    finding = branch.finding
    style = STYLES[finding.severity]
    ink.put()
    title = ink.text(
        (f"{at}  {finding.code} ", "bold"),
        (finding.name, style),
        (f"  {finding.severity}", style),
    )
    ink.rule(title, style.removeprefix("bold "), heavy=True)
    ink.put()
    ink.put(ink.text((message(finding), "bold")), left=3)
    ink.put()
    ink.put(grid(_facts(finding, ink)), left=3)
    if branch.below or branch.also:
        ink.put()
        ink.put(_tree(branch, ink), left=3)
    ink.put()
    ink.put(_advice(finding, ink), left=3)


def message(finding: Finding) -> str:
    """The message with its site made safe before it is quoted, so that it is shortened once."""
    words = replace(finding, site=name(finding.site)).message
    quoted = bool(finding.site) and words.startswith(name(finding.site))  # a name keeps its case
    return prose(words) if quoted else sentence(words)


def _facts(finding: Finding, ink: Style) -> Iterator[tuple[Text, Text]]:
    def row(label: str, *parts: str | tuple[str, str]) -> tuple[Text, Text]:
        return ink.text((label, "dim")), ink.text(*parts)

    yield row("where", (name(finding.site) if finding.site else "the whole model", "bold cyan"))
    where = place(finding.file, finding.line)
    if where:
        code = source(finding.file, finding.line)
        yield row("source", (where, "cyan"), f"  {code}" if code else "")
    ended = ", and no longer at the end" if finding.cleared else ""
    yield row("when", span(finding.steps), ended)
    yield row("measured", *_measured(finding))
    curve = _curve(finding, ink)
    if curve:
        yield row("course", *curve)


def _measured(finding: Finding) -> list[str | tuple[str, str]]:
    evidence = finding.evidence
    parts: list[str | tuple[str, str]] = [
        prose(evidence.stat),
        " = ",
        (number(evidence.value), STYLES[finding.severity]),
    ]
    if evidence.threshold is not None:
        parts.append((f"  limit {number(evidence.threshold)}", "dim"))
    if evidence.samples:
        parts.append((f"  {count(evidence.samples, 'sample')}", "dim"))
    return parts


def _curve(finding: Finding, ink: Style, indent: int = 13) -> list[str | tuple[str, str]]:
    evidence = finding.evidence
    spark = draw(
        evidence.curve,
        max(8, min(48, ink.width - indent - 2)),
        threshold=evidence.threshold,
        value=evidence.value,
        plain=ink.plain,
    )
    if spark is None or len(evidence.curve) < 2:
        return []
    hot = STYLES[finding.severity].removeprefix("bold ")
    cells = [
        (cell, hot if far else "green") for cell, far in zip(spark.cells, spark.beyond, strict=True)
    ]
    words = f"  {span(spark.steps)}"
    if spark.low:
        same = spark.low == spark.high
        words += f", constant {spark.low}" if same else f", min {spark.low}, max {spark.high}"
    words += ", log scale" if spark.log else ""
    words += f", {spark.gaps:,} not finite" if spark.gaps else ""
    fits = indent + len(spark.cells) + len(words) <= ink.width
    return [*cells, (words if fits else f"\n{words.strip()}", "dim")]


def _tree(branch: CauseBranch, ink: Style) -> Tree:
    tree = Tree(ink.text(("which explains", "dim")), guide_style="dim")
    _grow(tree, branch, ink)
    return tree


def _grow(tree: Tree, branch: CauseBranch, ink: Style) -> None:
    for group in alike(branch.below):
        for child in group[:FULL]:
            _grow(tree.add(_symptom(child.finding, ink)), child, ink)
        rest = [child.finding for child in group[FULL:]]
        if rest:
            tree.add(more(rest, ink))
            for child in group[FULL:]:  # what only these explain must not be lost with them
                _grow(tree, child, ink)
    if branch.also:
        names = listed([f"{f.code} {f.site}".strip() for f in branch.also])
        tree.add(ink.text(("also, as told above: ", "dim"), names))


def _symptom(finding: Finding, ink: Style) -> Text:
    head = [
        (f"{finding.code} {finding.name}", STYLES[finding.severity]),
        "  ",
        (name(finding.site) if finding.site else "the whole model", "cyan"),
    ]
    # the file's name alone: a line number must not be broken off at the margin of a tree
    where = place(Path(finding.file).name, finding.line) if finding.file else ""
    tail = f"  {span(finding.steps)}" + (f"  {where}" if where else "")
    return ink.text(*head, (tail, "dim"), f"\n{message(finding)}")


def more(rest: list[Finding], ink: Style) -> Text:
    """Further sites of one rule, by name and value."""
    first = rest[0]
    sites = ", ".join(f"{name(f.site, 60)} ({number(f.evidence.value)})" for f in rest[:40])
    left = f" and {len(rest) - 40:,} more" if len(rest) > 40 else ""
    label = f"{first.code} {first.name}"
    return ink.text(
        (label, STYLES[max(f.severity for f in rest)]),
        (f"  at {count(len(rest), 'more site')}, {prose(first.evidence.stat)}: ", "dim"),
        sites + left,
    )


def same(group: list[CauseBranch], at: int, ink: Style) -> None:
    """The roots of one rule beyond the first few: a line each, and a cure that differs."""
    first = group[0].finding
    ink.put()
    title = ink.text(
        (f"{at} to {at + len(group) - FULL - 1}  {first.code} ", "bold"),
        (first.name, STYLES[first.severity]),
        ("  at further sites", "dim"),
    )
    ink.rule(title, STYLES[first.severity].removeprefix("bold "))
    ink.put()
    for branch in group[FULL:]:
        ink.put(_symptom(branch.finding, ink), left=3)
        if branch.below:
            ink.put(_tree(branch, ink), left=5)
        if branch.finding.cure != first.cure:
            ink.put(_advice(branch.finding, ink), left=5)


def _advice(finding: Finding, ink: Style) -> RenderableType:
    page = ink.text((f"Read more: relume explain {finding.name}", "dim"))
    if not finding.cure:
        return page
    cure = ink.text(("Try first: ", "bold green"), sentence(finding.cure))
    return Text("\n").join([cure, page])
