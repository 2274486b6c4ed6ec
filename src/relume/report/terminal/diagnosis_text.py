"""A diagnosis in the terminal: the verdict, each root cause with what it explains, the rest.

A view of plain data; it decides how things look and nothing else.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.text import Text

from relume.core import Checked, Diagnosis, Finding, Severity, Trace
from relume.report.terminal.root_cause import FULL, message, more, root, same
from relume.report.terminal.style import STYLES, Style, grid
from relume.report.words.cause_tree import CauseTree, alike, cause_tree, gaps, verdict
from relume.report.words.sanitise import (
    count,
    duration,
    listed,
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
        diagnosis: what to tell.
        trace: the run it was made from, for the footer; None if it is not at hand.
        console: where to; its width, colours and encoding are respected.
    """
    ink = Style(console)
    told = cause_tree(diagnosis)
    _verdict(diagnosis, told, ink)
    at = 1
    for group in alike(told.roots):
        for branch in group[:FULL]:
            root(branch, at, ink)
            at += 1
        if len(group) > FULL:
            same(group, at, ink)
            at += len(group) - FULL
    _notes(told, ink)
    _section("Ruled out", _lines(diagnosis.ruled_out, "·", "dim", ink), ink)
    fired = {finding.code for finding in diagnosis.findings}
    fine = tuple(
        replace(item, name=f"{item.name}, elsewhere") if item.code in fired else item
        for item in diagnosis.checked
        if item not in diagnosis.ruled_out
    )
    _section("Checked and fine", _lines(fine, "✓", "green", ink), ink)
    _section("Could not be checked", _missing(diagnosis, ink), ink)
    _footer(diagnosis.meta or (trace.meta if trace else {}), _elapsed(trace), ink)


def _verdict(diagnosis: Diagnosis, told: CauseTree, ink: Style) -> None:
    kind, claim = verdict(diagnosis, told)
    sign, style = _LOOKS[kind]
    words = ink.text((f"{ink.sign(sign)} {claim}.", style), " ", prose(diagnosis.outcome.text))
    title = ink.text(("relume", "bold"))
    ink.put()
    ink.put(Panel(words, title=title, title_align="left", border_style=style.removeprefix("bold ")))


def _notes(told: CauseTree, ink: Style) -> None:
    rows: list[tuple[RenderableType, ...]] = []
    for group in alike(told.notes):
        for branch in group[:FULL]:
            for finding in branch.everything():
                sign = ink.text((ink.sign("·"), STYLES[finding.severity]))
                rows.append((sign, _note(finding, ink)))
        if len(group) > FULL:
            rows.append((Text(), more([branch.finding for branch in group[FULL:]], ink)))
    _section("Worth knowing, not harm", rows, ink)


def _note(finding: Finding, ink: Style) -> Text:
    style = STYLES[finding.severity] if finding.severity is Severity.NOTE else ""
    site = f" {name(finding.site)}" if finding.site else ""
    where = place(finding.file, finding.line)
    head = (f"{finding.severity} {finding.code} {finding.name}", style)
    return ink.text(head, (site, "cyan"), (f"  {where}" if where else "", "dim"), _tail(finding))


def _tail(finding: Finding) -> str:
    ended = " (It no longer held at the end.)" if finding.cleared else ""
    return f"\n{message(finding)}{ended}"


def _lines(
    items: tuple[Checked, ...], sign: str, style: str, ink: Style
) -> list[tuple[RenderableType, ...]]:
    mark = ink.text((ink.sign(sign), style))
    if ink.width < 110:  # in three columns the third would be too slim
        return [
            (mark, ink.text(f"{item.code} {item.name}  ", (prose(item.text), "dim")))
            for item in items
        ]
    return [
        (
            mark,
            ink.text((item.code, "dim")),
            ink.text(item.name),
            ink.text((prose(item.text), "dim")),
        )
        for item in items
    ]


def _missing(diagnosis: Diagnosis, ink: Style) -> list[tuple[RenderableType, ...]]:
    rows: list[tuple[RenderableType, ...]] = []
    for names, sites, item in gaps(diagnosis.not_checked):
        at = f" at {listed(sites)}" if sites else ""
        words: list[str | tuple[str, str]] = [
            (listed(names, 40) + at, "bold"),
            f"\n{sentence(item.reason)}",
        ]
        if item.remedy:
            words.append((f" {ink.sign('→')} {sentence(item.remedy)}", "green"))
        rows.append((ink.text((ink.sign("○"), "yellow")), ink.text(*words)))
    return rows


def _section(title: str, rows: list[tuple[RenderableType, ...]], ink: Style) -> None:
    if rows:
        ink.put()
        ink.rule(ink.text((title, "bold")), "dim")
        ink.put(grid(rows), left=1)


def _elapsed(trace: Trace | None) -> float | None:
    """Seconds spent in steps."""
    series = trace.series("", "step_seconds") if trace else None
    return None if series is None else sum(float(s) for s in series.values if math.isfinite(s))


def _footer(meta: Mapping[str, Any], elapsed: float | None, ink: Style) -> None:
    parts: list[str] = []
    for key, noun in (("steps", "step"), ("records", "record")):
        if isinstance(meta.get(key), int):
            parts.append(count(meta[key], noun))
    overhead = meta.get("overhead")
    if isinstance(overhead, int | float):
        # In a short run the share is large, since the first steps are recorded in any case:
        # the seconds say how little that is.
        took = f"{duration(overhead * elapsed)} ({share(overhead)})" if elapsed else share(overhead)
        parts.append(f"recording took {took}")
    if elapsed:
        parts.append(f"trained for {duration(elapsed)}")
    run = meta.get("path") or meta.get("run")
    if parts or run:
        ink.put()
    if parts:
        ink.put(ink.text((f" {ink.sign('·')} ".join(parts), "dim")))
    if run:  # on a line of its own, to be copied
        ink.put(ink.text((f"run {place(str(run), 0)}", "dim")))
    ink.put()
