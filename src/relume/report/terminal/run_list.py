"""What there is: recorded runs and demos, as tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from relume.report.terminal.style import Style, grid
from relume.report.words.sanitise import name, prose, share


def runs(found: Sequence[tuple[str, Mapping[str, Any] | str]], console: Console) -> None:
    """Recorded runs by name; a text in the place of the metadata says why it cannot be read."""
    ink = Style(console)
    if not found:
        return
    if ink.width < 110:  # a name of 35 characters leaves too little for seven columns
        for run, meta in found:
            ink.put(ink.text((name(run), "bold cyan")))
            cells = [meta] if isinstance(meta, str) else [cell for cell in _cells(meta) if cell]
            ink.put(ink.text(prose(", ".join(cells))), left=2)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("run", style="bold cyan", overflow="fold")
    for title in ("script", "started"):
        table.add_column(title, overflow="fold")
    for title in ("steps", "records", "overhead"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("ended", overflow="fold")
    for run, meta in found:
        if isinstance(meta, str):
            table.add_row(ink.text(name(run)), ink.text((prose(meta), "yellow")))
        else:
            table.add_row(ink.text(name(run)), *(ink.text(cell) for cell in _cells(meta, "")))
    ink.put(table)
    ink.put(ink.text(("Look at one: relume diagnose RUN", "dim")))


def _cells(meta: Mapping[str, Any], noun: str = " ") -> tuple[str, ...]:
    """Script, start, steps, records, overhead, end; with the nouns where no header says them."""

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
    """The demos with their first lines."""
    ink = Style(console)
    rows = [(ink.text((key, "bold cyan")), ink.text(_title(text))) for key, text in known.items()]
    ink.put()
    if rows:
        ink.put(grid(rows), left=1)
        ink.put()
    last = f"Run one: relume demo {next(iter(known))}" if known else "There is no demo."
    ink.put(ink.text((last, "dim")))


def introduce(key: str, text: str, script: Path, kept: Path, console: Console) -> None:
    """Say what a demo does before it is run."""
    ink = Style(console)
    ink.put(ink.text((f"demo {key}: ", "bold"), _title(text)))
    ink.put(ink.text("It is run now as any script would be: ", ("relume run SCRIPT", "cyan")))
    rows = [
        (ink.text(("script", "dim")), ink.text(name(script, 240))),
        (ink.text(("recording", "dim")), ink.text(name(kept, 240))),
    ]
    ink.put(grid(rows))
    ink.put()


def _title(text: str) -> str:
    return prose(text.strip().partition("\n\n")[0])
