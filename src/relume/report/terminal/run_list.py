"""Prints recorded runs and demos as tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from relume.report.terminal.style import Style, grid
from relume.report.words.sanitise import name, prose, share


def runs(recorded: Sequence[tuple[str, Mapping[str, Any] | str]], console: Console) -> None:
    """Print recorded runs by name; a text in place of the metadata says why it cannot be read."""
    style = Style(console)
    if not recorded:
        return
    if style.width < 110:  # a name of 35 characters leaves too little for seven columns
        for run, meta in recorded:
            style.put(style.text((name(run), "bold cyan")))
            cells = [meta] if isinstance(meta, str) else [cell for cell in _cells(meta) if cell]
            style.put(style.text(prose(", ".join(cells))), left=2)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("run", style="bold cyan", overflow="fold")
    for title in ("script", "started"):
        table.add_column(title, overflow="fold")
    for title in ("steps", "records", "overhead"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("ended", overflow="fold")
    for run, meta in recorded:
        if isinstance(meta, str):
            table.add_row(style.text(name(run)), style.text((prose(meta), "yellow")))
        else:
            table.add_row(style.text(name(run)), *(style.text(cell) for cell in _cells(meta, "")))
    style.put(table)
    style.put(style.text(("Look at one: relume diagnose RUN", "dim")))


def _cells(meta: Mapping[str, Any], noun: str = " ") -> tuple[str, ...]:
    """Return script, start, steps, records, overhead, end; with nouns where no header has them."""

    def cell(key: str) -> str:
        value = meta.get(key)
        if value is None:
            return ""
        return (f"{value:,}" if isinstance(value, int) else str(value)) + (noun and f" {key}")

    overhead = meta.get("overhead")
    cost = share(overhead) + (noun and " overhead") if isinstance(overhead, int | float) else ""
    started = str(meta.get("started") or "")[:16].replace("T", " ")
    ended = meta.get("ended") or meta.get("how") or ""
    script = name(Path(str(meta.get("script") or "")).name, 60)
    return (script, name(started), cell("steps"), cell("records"), cost, name(ended))


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
