"""Prints a root cause as compilers print an error: the claim, the source, the symptoms, a command.

The short form has what a person needs to act; `verbose` adds the numbers with their raw names and
every symptom in full.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.text import Text
from rich.tree import Tree

from relume.core import Finding, Trace
from relume.core.plural import count
from relume.report.terminal.sparkline import draw
from relume.report.terminal.style import STYLES, Style
from relume.report.words.cause_tree import CauseBranch, group_by_rule
from relume.report.words.made_at import CodeSpan, code_span
from relume.report.words.paste_command import SCRIPT, paste_command, script_of
from relume.report.words.repeated_names import fold_names, join_sites
from relume.report.words.sanitise import (
    first_sentence,
    join_names,
    name,
    number,
    place,
    prose,
    sentence,
    span,
)

FULL = 3
"""Findings of one rule that a list shows in full; the others share a line."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a finding's block needs beside it: the run's trace and metadata, where there are any."""

    trace: Trace | None
    meta: Mapping[str, Any]

    @property
    def script(self) -> str:
        """The script of the run, as it was typed; empty where it was no script."""
        return script_of(self.meta)

    def command(self, verb: str, *options: str) -> str:
        """Return a command on the run's script that can be pasted; empty where there is none."""
        return paste_command(self.meta, verb, *options)

    def code(self, finding: Finding) -> CodeSpan | None:
        """Return where the layer of a finding is made, else where it is called."""
        site = self.trace.site(finding.site) if self.trace else None
        act = site.act if site else str(finding.evidence.more.get("act", ""))
        known = act if act != "identity" else ""
        made_for = finding.site if site is None or site.kind in ("act", "head") else finding.layer
        script = self.script if self.script.endswith(SCRIPT) else ""
        return code_span(finding.file, finding.line, site=made_for, act=known, script=script)


def print_root(
    group: Sequence[CauseBranch], run: RunContext, style: Style, *, verbose: bool = False
) -> None:
    """Print a root cause: claim, source, course, symptoms, what to try.

    Args:
        group: the causes of one rule; the first is printed, the others are named by their sites.
        run: the run that they were found in.
        style: where to.
        verbose: also the raw numbers, and each symptom with its own claim.
    """
    branch, *others = group
    finding = branch.finding
    tone = STYLES[finding.severity]
    first, rest = first_sentence(message(finding))
    style.put()
    title = f"{finding.severity}[{finding.code}]"
    style.put(style.text((title, tone), (f": {finding.name}: ", tone), (first, "bold")))
    code = run.code(finding)
    gutter = _source(finding, code, style)
    rows: list[tuple[str, Sequence[str | tuple[str, str]]]] = [
        ("seen", _seen(finding, gutter, style))
    ]
    if verbose:
        rows.append(("data", _measured(finding)))
    if rest:
        rows.insert(0, ("note", [rest]))
    if others:
        rows.append(("and", [f"at {_sites(others)}"]))
    if not verbose:
        rows += [("also", [words]) for words in _symptoms(group)]
    for label, parts in rows:
        _row(label, parts, gutter, style)
    if verbose and (branch.below or branch.also):
        style.put(_tree(branch, style), left=gutter + 3)
    _advice(finding, run, gutter, style)


def message(finding: Finding) -> str:
    """Return the message with its site made safe before it is quoted, and so shortened once."""
    words = replace(finding, site=name(finding.site)).message
    quoted = bool(finding.site) and words.startswith(name(finding.site))  # a name keeps its case
    return prose(words) if quoted else sentence(words)


def _source(finding: Finding, code: CodeSpan | None, style: Style) -> int:
    """Print the place and its excerpt; return the width of the line numbers."""
    where = place(finding.file, finding.line)
    if code is not None:
        column = f":{code.start + 1}" if code.end else ""
        where = place(code.file, code.line) + column
    site = f"at {name(finding.place)}" if finding.site else "the whole model"
    if code is not None and finding.line and (code.line, code.file) != (finding.line, finding.file):
        site += f", called in line {finding.line}"
    number_of = str(code.line) if code is not None else ""
    gutter = max(1, len(number_of))
    arrow = (f"{' ' * gutter}-->", "blue")
    style.put(style.text(arrow, f" {where}  " if where else " ", (site, "cyan")))
    if code is None:
        return gutter
    bar = style.sign("│")
    text, start, end = _excerpt(code, style.width - gutter - 3)
    style.put(style.text((f"{' ' * gutter} {bar}", "blue")))
    style.put(style.text((f"{number_of} {bar} ", "blue"), text))
    if end > start:
        tone = STYLES[finding.severity]
        marks = f"{' ' * start}{'^' * (end - start)}"
        style.put(style.text((f"{' ' * gutter} {bar} ", "blue"), (marks, tone)))
    return gutter


def _excerpt(code: CodeSpan, width: int) -> tuple[str, int, int]:
    """Return the line without what does not fit, and where the meant part lies in it."""
    indent = len(code.text) - len(code.text.lstrip())
    cut = max(0, min(indent, indent - 4))  # a nested line keeps a little of its indentation
    start, end = code.start, code.end
    if end and end - cut > width:  # what is meant must be seen
        cut = max(cut, min(start, end - width))
    text = prose_of_code(code.text[cut:])
    if len(text) > width > 4:
        text = f"{text[: width - 3]}..."
    return text, max(0, start - cut), min(max(0, end - cut), len(text))


def prose_of_code(text: str) -> str:
    """Return a line of source with its spaces, every other control character visible."""
    return "".join(name(char) if not char.isprintable() else char for char in text.expandtabs(1))


def _row(label: str, parts: Sequence[str | tuple[str, str]], gutter: int, style: Style) -> None:
    words = style.text(*parts)
    sign = f"= {label}:" if label else ""
    head = style.text((f"{' ' * gutter} {sign:<8} ", "blue"))
    lines = words.wrap(style.console, max(10, style.width - len(head)))
    for at, line in enumerate(lines):
        style.put(Text.assemble(head if at == 0 else Text(" " * len(head)), line))


def _seen(finding: Finding, gutter: int, style: Style) -> list[str | tuple[str, str]]:
    ended = ", and no longer at the end" if finding.cleared else ""
    curve = _curve(finding, style, gutter + 12)
    when = f"{span(finding.steps)}{ended}"
    return [*curve, f"  {when}" if curve else when]


def _measured(finding: Finding) -> list[str | tuple[str, str]]:
    evidence = finding.evidence
    parts: list[str | tuple[str, str]] = [f"{prose(evidence.stat)} = {number(evidence.value)}"]
    if evidence.threshold is not None:
        parts.append(f", limit {number(evidence.threshold)}")
    if evidence.samples:
        parts.append(f", {count(evidence.samples, 'sample')}")
    spark = draw(evidence.curve, 8, threshold=evidence.threshold, value=evidence.value)
    if spark is not None and spark.low:
        steps = span(spark.steps)
        ends = f"always {spark.low}" if spark.low == spark.high else f"{spark.low} to {spark.high}"
        parts.append(f"; {steps}: {ends}{', log scale' if spark.log else ''}")
    if spark is not None and spark.gaps:
        parts.append(f", {spark.gaps:,} not finite")
    return parts


def _curve(finding: Finding, style: Style, indent: int) -> list[str | tuple[str, str]]:
    evidence = finding.evidence
    spark = draw(
        evidence.curve,
        max(8, min(40, style.width - indent - 32)),
        threshold=evidence.threshold,
        value=evidence.value,
        plain=style.plain,
    )
    if spark is None or len(evidence.curve) < 2:
        return []
    hot = STYLES[finding.severity].removeprefix("bold ")
    return [
        (cell, hot if far else "green") for cell, far in zip(spark.cells, spark.beyond, strict=True)
    ]


def _sites(branches: Sequence[CauseBranch]) -> str:
    found = [branch.finding for branch in branches]
    sites = [f.site or "the model" for f in found]
    folded = fold_names(sites)
    if len(folded) < len(sites):  # the numbers of so many are in the report, and under -v
        return join_names(folded, 8)
    return join_names([f"{f.site or 'the model'} ({number(f.evidence.value)})" for f in found], 8)


def _symptoms(group: Sequence[CauseBranch]) -> Iterator[str]:
    """Yield a line for each rule whose findings these causes explain."""
    sites: dict[str, list[str]] = {}
    for branch in group:
        for finding in (*branch.everything()[1:], *branch.also):
            where = sites.setdefault(f"{finding.code} {finding.name}", [])
            if finding.site not in where:
                where.append(finding.site)
    for rule, names in sites.items():
        known = [site for site in names if site]
        at = f" at {join_sites(known)}" if known else ""
        yield (
            f"{rule}{at}, a symptom of this" if len(names) == 1 else f"{rule}{at}, symptoms of this"
        )


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
        tree.add(style.text(("also, as above: ", "dim"), names))


def _symptom(finding: Finding, style: Style) -> Text:
    head = (f"{finding.code} {finding.name}", STYLES[finding.severity])
    where = (name(finding.site) if finding.site else "the whole model", "cyan")
    tail = (f"  {span(finding.steps)}", "dim")
    return style.text(head, "  ", where, tail, f"\n{message(finding)}")


def further_sites(rest: Sequence[Finding], style: Style) -> Text:
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


def _advice(finding: Finding, run: RunContext, gutter: int, style: Style) -> None:
    command = run.command("fix")
    if command:
        put_command("try", command, gutter, style)
    if finding.cure:
        _row("" if command else "try", [(sentence(finding.cure), "green")], gutter, style)
    put_command("why", f"relume explain {finding.code}", gutter, style)


def put_command(label: str, command: str, gutter: int, style: Style) -> None:
    """Print a command on a line that no margin breaks, so that it can be pasted."""
    head = f"{' ' * gutter} {f'= {label}:':<8} "
    style.put_whole(style.text((head, "blue"), (command, "bold")))
