"""Prints recorded runs and demos as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from relume.core import Diagnosis, Value
from relume.report.machine.list_rows import rows_as_json, run_row
from relume.report.terminal.style import Style, grid
from relume.report.words.sanitise import name, number, prose


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run of the list: its name, metadata and diagnosis, or why it cannot be read."""

    name: str
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])
    diagnosis: Diagnosis | None = None
    problem: str = ""


def runs(recorded: Sequence[ListedRun], console: Console, *, older: int = 0) -> None:
    """Print recorded runs: verdict, loss, steps, script, name; `older` ones are only counted."""
    style = Style(console)
    if style.width < 100:  # a name of 35 characters leaves too little for six columns
        for run in recorded:
            verdict, tone = _verdict(run)
            style.put(style.text((verdict, tone), "  ", (name(run.name), "bold cyan")))
            details = prose(run.problem) or ", ".join(cell for cell in _cells(run, " ") if cell)
            style.put(style.text((details, "dim")), left=2)
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        table.add_column("verdict", no_wrap=True)
        for title in ("loss", "steps"):
            table.add_column(title, justify="right", no_wrap=True)
        for title in ("script", "started", "run"):
            table.add_column(title, overflow="fold")
        for run in recorded:
            verdict, tone = _verdict(run)
            cells = [style.text(cell) for cell in _cells(run, "")]
            if run.problem:
                cells[2] = style.text((prose(run.problem), "yellow"))
            table.add_row(style.text((verdict, tone)), *cells, style.text((name(run.name), "cyan")))
        style.put(table)
    more = f"{older:,} older: relume runs --all. " if older else ""
    style.put(style.text((f"{more}Look at one: relume diagnose RUN", "dim")))


def runs_as_json(recorded: Sequence[ListedRun]) -> str:
    """Return recorded runs as a JSON array, the newest first."""
    rows = [run_row(run.name, run.meta, run.diagnosis, run.problem) for run in recorded]
    return rows_as_json(rows)


VERDICTS = {
    "fine": ("fine", "green"),
    "learns-but": ("learns, but", "yellow"),
    "fails": ("not learning", "bold red"),
    "nothing-found": ("nothing found", "yellow"),
    "unseen": ("not seen", "yellow"),
}
"""A verdict in the list: its words and colour."""


def _verdict(run: ListedRun) -> tuple[str, str]:
    if run.diagnosis is None:
        return "unreadable", "yellow"
    words, tone = VERDICTS.get(run.diagnosis.verdict, ("", ""))
    if run.diagnosis.verdict == "fails" and not run.diagnosis.outcome.fares_badly:
        words = "faulty"  # a fault was found, and the loss does not tell how the run fares
    return words, tone


def _cells(run: ListedRun, noun: str) -> tuple[str, ...]:
    """Return loss, steps, script and start; with nouns where no header has them."""
    outcome = run.diagnosis.outcome if run.diagnosis else None
    numbers: Mapping[str, Value] = outcome.numbers if outcome else {}
    end, steps = numbers.get("end"), run.meta.get("steps")
    loss = f"{noun and 'loss '}{number(end)}" if isinstance(end, int | float) else ""
    count_of = f"{steps:,}{noun and ' steps'}" if isinstance(steps, int) else ""
    started = str(run.meta.get("started") or "")[:16].replace("T", " ")
    script = name(Path(str(run.meta.get("script") or "")).name, 60)
    return (loss, count_of, script, name(started))


def demos(known: Mapping[str, str], console: Console) -> None:
    """Print the demos with their first lines."""
    style = Style(console)
    rows = [
        (style.text((key, "bold cyan")), style.text(_title(text))) for key, text in known.items()
    ]
    style.put()
    if rows:
        style.put(grid(rows), left=1)
        style.put()
    last = f"Run one: relume demo {next(iter(known))}" if known else "There is no demo."
    style.put(style.text((last, "dim")))


def introduce(key: str, text: str, script: Path, recording: Path, console: Console) -> None:
    """Print what a demo does before it runs."""
    style = Style(console)
    style.put(style.text((f"demo {key}: ", "bold"), _title(text)))
    style.put(style.text("It is run now as any script would be: ", ("relume run SCRIPT", "cyan")))
    rows = [
        (style.text(("script", "dim")), style.text(name(script, 240))),
        (style.text(("recording", "dim")), style.text(name(recording, 240))),
    ]
    style.put(grid(rows))
    style.put()


def _title(text: str) -> str:
    return prose(text.strip().partition("\n\n")[0])
