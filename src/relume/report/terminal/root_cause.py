"""Prints a root cause as a block: the claim, its numbers, its symptoms, what to try first."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from relume.core import Finding
from relume.report.terminal.sparkline import draw
from relume.report.terminal.style import STYLES, Style, grid
from relume.report.words.cause_tree import CauseBranch, group_by_rule
from relume.report.words.sanitise import (
    count,
    join_names,
    name,
    number,
    place,
    prose,
    sentence,
    source,
    span,
)

FULL = 3
"""Sites of one rule that are printed in full; the others take a line each."""


def print_root(branch: CauseBranch, at: int, style: Style) -> None:
    """Print a root cause in full: claim, site, steps, numbers, symptoms, cure."""
    finding = branch.finding
    tone = STYLES[finding.severity]
    style.put()
    title = style.text(
        (f"{at}  {finding.code} ", "bold"),
        (finding.name, tone),
        (f"  {finding.severity}", tone),
    )
    style.rule(title, tone.removeprefix("bold "), heavy=True)
    style.put()
    style.put(style.text((message(finding), "bold")), left=3)
    style.put()
    style.put(grid(_facts(finding, style)), left=3)
    if branch.below or branch.also:
        style.put()
        style.put(_tree(branch, style), left=3)
    style.put()
    style.put(_advice(finding, style), left=3)


def message(finding: Finding) -> str:
    """Return the message with its site made safe before it is quoted, and so shortened once."""
    words = replace(finding, site=name(finding.site)).message
    quoted = bool(finding.site) and words.startswith(name(finding.site))  # a name keeps its case
    return prose(words) if quoted else sentence(words)


def _facts(finding: Finding, style: Style) -> Iterator[tuple[Text, Text]]:
    def row(label: str, *parts: str | tuple[str, str]) -> tuple[Text, Text]:
        return style.text((label, "dim")), style.text(*parts)

    yield row("where", (name(finding.site) if finding.site else "the whole model", "bold cyan"))
    where = place(finding.file, finding.line)
    if where:
        code = source(finding.file, finding.line)
        yield row("source", (where, "cyan"), f"  {code}" if code else "")
    ended = ", and no longer at the end" if finding.cleared else ""
    yield row("when", span(finding.steps), ended)
    yield row("measured", *_measured(finding))
    curve = _curve(finding, style)
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


def _curve(finding: Finding, style: Style, indent: int = 13) -> list[str | tuple[str, str]]:
    evidence = finding.evidence
    spark = draw(
        evidence.curve,
        max(8, min(48, style.width - indent - 2)),
        threshold=evidence.threshold,
        value=evidence.value,
        plain=style.plain,
    )
    if spark is None or len(evidence.curve) < 2:
        return []
    hot = STYLES[finding.severity].removeprefix("bold ")
    cells = [
        (cell, hot if far else "green") for cell, far in zip(spark.cells, spark.beyond, strict=True)
    ]
    words = f"  {span(spark.steps)}"
    if spark.low:
        print_further_roots = spark.low == spark.high
        words += (
            f", constant {spark.low}"
            if print_further_roots
            else f", min {spark.low}, max {spark.high}"
        )
    words += ", log scale" if spark.log else ""
    words += f", {spark.gaps:,} not finite" if spark.gaps else ""
    fits = indent + len(spark.cells) + len(words) <= style.width
    return [*cells, (words if fits else f"\n{words.strip()}", "dim")]


def _tree(branch: CauseBranch, style: Style) -> Tree:
    tree = Tree(style.text(("which explains", "dim")), guide_style="dim")
    _grow(tree, branch, style)
    return tree


def _grow(tree: Tree, branch: CauseBranch, style: Style) -> None:
    for group in group_by_rule(branch.below):
        for child in group[:FULL]:
            _grow(tree.add(_symptom(child.finding, style)), child, style)
        rest = [child.finding for child in group[FULL:]]
        if rest:
            tree.add(further_sites(rest, style))
            for child in group[FULL:]:  # symptoms that only these explain must not be lost
                _grow(tree, child, style)
    if branch.also:
        names = join_names([f"{f.code} {f.site}".strip() for f in branch.also])
        tree.add(style.text(("also, as told above: ", "dim"), names))


def _symptom(finding: Finding, style: Style) -> Text:
    head = [
        (f"{finding.code} {finding.name}", STYLES[finding.severity]),
        "  ",
        (name(finding.site) if finding.site else "the whole model", "cyan"),
    ]
    # the file's name alone: a line number must not be broken off at the margin of a tree
    where = place(Path(finding.file).name, finding.line) if finding.file else ""
    tail = f"  {span(finding.steps)}" + (f"  {where}" if where else "")
    return style.text(*head, (tail, "dim"), f"\n{message(finding)}")


def further_sites(rest: list[Finding], style: Style) -> Text:
    """Return further sites of one rule in a line, by name and value."""
    first = rest[0]
    sites = ", ".join(f"{name(f.site, 60)} ({number(f.evidence.value)})" for f in rest[:40])
    left = f" and {len(rest) - 40:,} more" if len(rest) > 40 else ""
    label = f"{first.code} {first.name}"
    return style.text(
        (label, STYLES[max(f.severity for f in rest)]),
        (f"  at {count(len(rest), 'more site')}, {prose(first.evidence.stat)}: ", "dim"),
        sites + left,
    )


def print_further_roots(group: list[CauseBranch], at: int, style: Style) -> None:
    """Print the roots of one rule beyond the first few: a line each, and a cure that differs."""
    first = group[0].finding
    style.put()
    title = style.text(
        (f"{at} to {at + len(group) - FULL - 1}  {first.code} ", "bold"),
        (first.name, STYLES[first.severity]),
        ("  at further sites", "dim"),
    )
    style.rule(title, STYLES[first.severity].removeprefix("bold "))
    style.put()
    for branch in group[FULL:]:
        style.put(_symptom(branch.finding, style), left=3)
        if branch.below:
            style.put(_tree(branch, style), left=5)
        if branch.finding.cure != first.cure:
            style.put(_advice(branch.finding, style), left=5)


def _advice(finding: Finding, style: Style) -> RenderableType:
    page = style.text((f"Read more: relume explain {finding.name}", "dim"))
    if not finding.cure:
        return page
    cure = style.text(("Try first: ", "bold green"), sentence(finding.cure))
    return Text("\n").join([cure, page])
