"""Prints a diagnosis so that the verdict is the last thing on the screen.

First each root cause with its source and what to try, then one line on all else, then the verdict.
`verbose` lists the rest: notes in full, and every rule in one table. It shows plain data and
decides nothing but the layout.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from relume.core import Checked, Diagnosis, Finding, Series, Severity, Trace
from relume.core.plural import count
from relume.report.terminal.root_cause import (
    FULL,
    RunContext,
    further_sites,
    message,
    print_root,
    put_command,
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
from relume.report.words.repeated_names import join_sites
from relume.report.words.sanitise import (
    duration,
    join_names,
    name,
    place,
    prose,
    sentence,
    share,
)
from relume.report.words.suppressed_summary import summary

_LOOKS = {"sick": ("✗", "bold red"), "fine": ("✓", "bold green"), "unknown": ("?", "bold yellow")}
FREE_SECONDS = 1.5
"""Recording that a run may spend before its share of the time counts
(`record.schedule.overhead_budget.ALLOWANCE`)."""


def render(
    diagnosis: Diagnosis, trace: Trace | None, console: Console, *, verbose: bool = False
) -> None:
    """Write the report of a diagnosis to `console`.

    Args:
        diagnosis: what to print.
        trace: the diagnosed run, for the source of layers and the last lines; None if it is not at
            hand.
        console: where to; its width, colours and encoding are respected.
        verbose: also the numbers by their raw names, the notes, and what every rule found.
    """
    style = Style(console)
    run = RunContext(trace, diagnosis.meta or (trace.meta if trace else {}))
    tree = cause_tree(diagnosis)
    for group in group_by_rule(tree.roots):
        if verbose:
            for branch in group:
                print_root([branch], run, style, verbose=True)
        else:
            print_root(group, run, style)
    if not tree.roots:
        _suspects(diagnosis, run, style)
    if verbose:
        _everything(diagnosis, tree, style)
    style.put()
    _summary(diagnosis, tree, run, style, verbose=verbose)
    _verdict(diagnosis, tree, style)


def _verdict(diagnosis: Diagnosis, tree: CauseTree, style: Style) -> None:
    kind, claim = verdict(diagnosis, tree)
    sign, tone = _LOOKS[kind]
    badly = bool(tree.roots) and diagnosis.outcome.fares_badly
    claim = f"NOT LEARNING: {claim}" if badly else claim
    text = " ".join(filter(None, (diagnosis.outcome.text, not_seen(diagnosis))))
    style.put(style.text((f"{style.sign(sign)} relume: {claim}.", tone), " ", prose(text)))


def _suspects(diagnosis: Diagnosis, run: RunContext, style: Style) -> None:
    """Print the closest suspects of a run that fails where no rule is sure, and what settles it."""
    if not diagnosis.suspects:
        return
    style.put()
    style.put(style.text(("No rule is sure. Closest suspects:", "bold yellow")))
    for words in diagnosis.suspects:
        style.put(style.text(f"{style.sign('·')} {sentence(words)}"), left=2)
    compare = run.command("compare", "--acts", "relu,gelu")
    for label, command in (("try", compare), ("or", run.command("fix"))):
        if command:
            put_command(label, command, 1, style)


def _everything(diagnosis: Diagnosis, tree: CauseTree, style: Style) -> None:
    _notes(tree, style)
    fired = {finding.code for finding in diagnosis.findings}
    clean = sorted({*diagnosis.ruled_out, *diagnosis.checked}, key=lambda item: item.code)
    looked = [item for item in clean if item.applies]
    _section("Looked and found nothing", _lines(looked, "✓", "green", fired, style), style)
    absent = [item for item in clean if not item.applies]
    _section("Does not apply here", _lines(absent, "·", "dim", fired, style), style)
    _section("Could not look", _missing(diagnosis, style), style)


def _notes(tree: CauseTree, style: Style) -> None:
    rows: list[tuple[RenderableType, ...]] = []
    for group in group_by_rule(tree.notes):
        for branch in group[:FULL]:
            for finding in branch.everything():
                sign = style.text((style.sign("·"), STYLES[finding.severity]))
                rows.append((sign, _note(finding, style)))
        if len(group) > FULL:
            rows.append((Text(), further_sites([branch.finding for branch in group[FULL:]], style)))
    _section("Notes and facts", rows, style)


def _note(finding: Finding, style: Style) -> Text:
    tone = STYLES[finding.severity] if finding.severity is Severity.NOTE else ""
    site = f" {name(finding.site)}" if finding.site else ""
    where = place(finding.file, finding.line)
    head = (f"{finding.severity} {finding.code} {finding.name}", tone)
    ended = " (It no longer held at the end.)" if finding.cleared else ""
    tail = f"\n{message(finding)}{ended}"
    return style.text(head, (site, "cyan"), (f"  {where}" if where else "", "dim"), tail)


def _lines(
    items: Sequence[Checked], sign: str, tone: str, fired: set[str], style: Style
) -> list[tuple[RenderableType, ...]]:
    mark = style.text((style.sign(sign), tone))
    rows: list[tuple[RenderableType, ...]] = []
    for item in items:
        label = f"{item.name}, elsewhere" if item.code in fired else item.name
        words = style.text((prose(item.text), "dim"))
        if style.width < 110:  # in three columns the third would be too slim
            rows.append((mark, Text("  ").join([style.text(f"{item.code} {label}"), words])))
        else:
            rows.append((mark, style.text((item.code, "dim")), style.text(label), words))
    return rows


def _missing(diagnosis: Diagnosis, style: Style) -> list[tuple[RenderableType, ...]]:
    rows: list[tuple[RenderableType, ...]] = []
    for names, sites, item in unchecked_by_reason(diagnosis.not_checked):
        at = f" at {join_sites(sites)}" if sites else ""
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


def _summary(
    diagnosis: Diagnosis, tree: CauseTree, run: RunContext, style: Style, *, verbose: bool
) -> None:
    for words in _summary_lines(diagnosis, tree, run, style, verbose=verbose):
        style.put(style.text((words, "dim")))


def _summary_lines(
    diagnosis: Diagnosis, tree: CauseTree, run: RunContext, style: Style, *, verbose: bool
) -> Iterator[str]:
    dot = f" {style.sign('·')} "
    yield from summary(diagnosis)  # what was silenced
    if tree.notes and not verbose:
        groups = group_by_rule(tree.notes)
        names = [f"{group[0].finding.code} {group[0].finding.name}" for group in groups]
        yield f"notes: {join_names(names)}"
    others = _others(diagnosis)
    if others:
        path = run.meta.get("path")
        where = "" if verbose else f" ({'relume diagnose -v' if path else '-v'} lists them)"
        yield f"{others}{where}"
    seen = dot.join(_seen(run))
    if seen:
        yield seen
    recording = run.meta.get("path") or run.meta.get("run")
    if recording:  # on a line of its own, to be copied
        yield f"{place(str(recording), 0)}{dot}open it: relume report"


def _others(diagnosis: Diagnosis) -> str:
    """Return how many rules found nothing, do not apply, and could not look."""
    fired = {finding.code for finding in diagnosis.findings}
    clean = {item.code: item for item in (*diagnosis.ruled_out, *diagnosis.checked)}
    silent = [item for code, item in clean.items() if code not in fired]
    looked = sum(item.applies for item in silent)
    absent = len(silent) - looked
    missing = {item.code for item in diagnosis.not_checked} - fired - clean.keys()
    groups = [
        (looked, "found nothing"),
        (absent, "does not apply here" if absent == 1 else "do not apply here"),
        (len(missing), "could not look"),
    ]
    first, *more = [group for group in groups if group[0]] or [(0, "")]
    parts = [f"{count(first[0], 'rule')} {first[1]}", *(f"{many} {what}" for many, what in more)]
    return ", ".join(parts) if first[0] else ""


def _seen(run: RunContext) -> Iterator[str]:
    """Yield what was looked at, until when, and what that cost."""
    steps, records = run.meta.get("steps"), run.meta.get("records")
    if not steps and records is not None:
        return  # nothing was seen, and the verdict says so
    if isinstance(steps, int) and isinstance(records, int):
        last = _last_record(run.trace)
        until = "" if last is None else f", the last {last:,}"
        yield f"{records:,} of {count(steps, 'step')} looked at{until}"
    yield from _cost(run.meta, _elapsed(run.trace))


def _last_record(trace: Trace | None) -> int | None:
    """Return the last step at which a layer was looked at; the loss is known more often."""
    table: Mapping[tuple[str, str], Series] = trace.table if trace else {}
    return max(
        (int(s.steps[-1]) for (site, _), s in table.items() if site and len(s)), default=None
    )


def _elapsed(trace: Trace | None) -> float | None:
    """Return the seconds spent in steps."""
    series = trace.series("", "step_seconds") if trace else None
    return None if series is None else sum(float(s) for s in series.values if math.isfinite(s))


def _cost(meta: Mapping[str, Any], elapsed: float | None) -> Iterator[str]:
    """Yield the cost of recording in two parts: seconds at the start, and the share after it."""
    overhead = meta.get("overhead")
    if not isinstance(overhead, int | float) or not math.isfinite(overhead):
        return
    if not elapsed:
        yield f"recording took {share(overhead)} of the time"
        return
    spent = overhead * elapsed
    start = min(spent, FREE_SECONDS)
    later = (spent - start) / elapsed
    more = f", then {share(later)} of the time" if later > 0 else ""
    yield f"recording took {duration(start)} at the start{more}"
