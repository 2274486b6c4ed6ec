"""Prints a diagnosis: the verdict, each root cause with its symptoms, then the rest.

It shows plain data and decides nothing but the layout.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.text import Text

from relume.core import Checked, Diagnosis, Finding, Severity, Trace
from relume.report.terminal.root_cause import (
    FULL,
    further_sites,
    message,
    print_further_roots,
    print_root,
)
from relume.report.terminal.style import STYLES, Style, grid
from relume.report.words.cause_tree import (
    CauseTree,
    cause_tree,
    group_by_rule,
    not_seen,
    unchecked_by_reason,
    verdict,
)
from relume.report.words.sanitise import (
    count,
    duration,
    join_names,
    name,
    place,
    prose,
    sentence,
    share,
)

_LOOKS = {"sick": ("✗", "bold red"), "fine": ("✓", "bold green"), "unknown": ("?", "bold yellow")}


def render(diagnosis: Diagnosis, trace: Trace | None, console: Console) -> None:
    """Write the report of a diagnosis to `console`.

    Args:
        diagnosis: what to print.
        trace: the diagnosed run, for the footer; None if it is not at hand.
        console: where to; its width, colours and encoding are respected.
    """
    style = Style(console)
    tree = cause_tree(diagnosis)
    _verdict(diagnosis, tree, style)
    at = 1
    for group in group_by_rule(tree.roots):
        for branch in group[:FULL]:
            print_root(branch, at, style)
            at += 1
        if len(group) > FULL:
            print_further_roots(group, at, style)
            at += len(group) - FULL
    _notes(tree, style)
    _section("Ruled out", _lines(diagnosis.ruled_out, "·", "dim", style), style)
    fired = {finding.code for finding in diagnosis.findings}
    fine = tuple(
        replace(item, name=f"{item.name}, elsewhere") if item.code in fired else item
        for item in diagnosis.checked
        if item not in diagnosis.ruled_out
    )
    _section("Checked and fine", _lines(fine, "✓", "green", style), style)
    _section("Could not be checked", _missing(diagnosis, style), style)
    _footer(diagnosis.meta or (trace.meta if trace else {}), _elapsed(trace), style)


def _verdict(diagnosis: Diagnosis, tree: CauseTree, style: Style) -> None:
    kind, claim = verdict(diagnosis, tree)
    sign, tone = _LOOKS[kind]
    text = " ".join(filter(None, (diagnosis.outcome.text, not_seen(diagnosis))))
    words = style.text((f"{style.sign(sign)} {claim}.", tone), " ", prose(text))
    title = style.text(("relume", "bold"))
    style.put()
    style.put(
        Panel(words, title=title, title_align="left", border_style=tone.removeprefix("bold "))
    )


def _notes(tree: CauseTree, style: Style) -> None:
    rows: list[tuple[RenderableType, ...]] = []
    for group in group_by_rule(tree.notes):
        for branch in group[:FULL]:
            for finding in branch.everything():
                sign = style.text((style.sign("·"), STYLES[finding.severity]))
                rows.append((sign, _note(finding, style)))
        if len(group) > FULL:
            rows.append((Text(), further_sites([branch.finding for branch in group[FULL:]], style)))
    _section("Worth knowing, not harm", rows, style)


def _note(finding: Finding, style: Style) -> Text:
    tone = STYLES[finding.severity] if finding.severity is Severity.NOTE else ""
    site = f" {name(finding.site)}" if finding.site else ""
    where = place(finding.file, finding.line)
    head = (f"{finding.severity} {finding.code} {finding.name}", tone)
    return style.text(head, (site, "cyan"), (f"  {where}" if where else "", "dim"), _tail(finding))


def _tail(finding: Finding) -> str:
    ended = " (It no longer held at the end.)" if finding.cleared else ""
    return f"\n{message(finding)}{ended}"


def _lines(
    items: tuple[Checked, ...], sign: str, tone: str, style: Style
) -> list[tuple[RenderableType, ...]]:
    mark = style.text((style.sign(sign), tone))
    if style.width < 110:  # in three columns the third would be too slim
        return [
            (mark, style.text(f"{item.code} {item.name}  ", (prose(item.text), "dim")))
            for item in items
        ]
    return [
        (
            mark,
            style.text((item.code, "dim")),
            style.text(item.name),
            style.text((prose(item.text), "dim")),
        )
        for item in items
    ]


def _missing(diagnosis: Diagnosis, style: Style) -> list[tuple[RenderableType, ...]]:
    rows: list[tuple[RenderableType, ...]] = []
    for names, sites, item in unchecked_by_reason(diagnosis.not_checked):
        at = f" at {join_names(sites)}" if sites else ""
        words: list[str | tuple[str, str]] = [
            (join_names(names, 40) + at, "bold"),
            f"\n{sentence(item.reason)}",
        ]
        if item.remedy:
            words.append((f" {style.sign('→')} {sentence(item.remedy)}", "green"))
        rows.append((style.text((style.sign("○"), "yellow")), style.text(*words)))
    return rows


def _section(title: str, rows: list[tuple[RenderableType, ...]], style: Style) -> None:
    if rows:
        style.put()
        style.rule(style.text((title, "bold")), "dim")
        style.put(grid(rows), left=1)


def _elapsed(trace: Trace | None) -> float | None:
    """Return the seconds spent in steps."""
    series = trace.series("", "step_seconds") if trace else None
    return None if series is None else sum(float(s) for s in series.values if math.isfinite(s))


def _footer(meta: Mapping[str, Any], elapsed: float | None, style: Style) -> None:
    parts: list[str] = []
    for key, noun in (("steps", "step"), ("records", "record")):
        if isinstance(meta.get(key), int):
            parts.append(count(meta[key], noun))
    overhead = meta.get("overhead")
    if isinstance(overhead, int | float):
        # the share is large in a short run, whose first steps are all recorded; the seconds show
        # how little that is
        took = f"{duration(overhead * elapsed)} ({share(overhead)})" if elapsed else share(overhead)
        parts.append(f"recording took {took}")
    if elapsed:
        parts.append(f"trained for {duration(elapsed)}")
    run = meta.get("path") or meta.get("run")
    if parts or run:
        style.put()
    if parts:
        style.put(style.text((f" {style.sign('·')} ".join(parts), "dim")))
    if run:  # on a line of its own, to be copied
        style.put(style.text((f"run {place(str(run), 0)}", "dim")))
    style.put()
