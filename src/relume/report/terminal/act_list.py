"""Prints acts as a table."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from relume.report.machine.list_rows import ActRow
from relume.report.terminal.style import Style
from relume.report.words.sanitise import name, prose


def act_table(entries: Sequence[ActRow], console: Console) -> None:
    """Print name, family, year, parameters, formula and reference of acts; below 110 columns each
    act takes a few lines instead of a row."""
    style = Style(console)
    if style.width < 110:
        for entry in entries:
            born = entry.family + (f", {entry.year}" if entry.year else "")
            style.put(style.text((name(entry.name), "bold cyan"), "  ", (prose(born), "dim")))
            style.put(style.text(prose(entry.formula)), left=2)
            if entry.parameters:
                style.put(style.text(("with ", "dim"), prose(entry.parameters)), left=2)
            if entry.reference:
                style.put(style.text((prose(entry.reference), "dim")), left=2)
    else:
        table = Table(box=box.ASCII2 if style.plain else box.SIMPLE_HEAD, pad_edge=False)
        for title, least in (("act", 12), ("family", 9), ("year", 4), ("formula", 24)):
            table.add_column(title, overflow="fold", min_width=least)
        table.add_column("parameters", overflow="fold", ratio=2)
        table.add_column("reference", overflow="fold", ratio=3, style="dim")
        for entry in entries:
            words = (
                entry.family,
                str(entry.year or ""),
                entry.formula,
                entry.parameters,
                entry.reference,
            )
            table.add_row(
                style.text((name(entry.name), "bold cyan")), *(style.text(prose(w)) for w in words)
            )
        style.put(table)
    if any("*" in entry.parameters for entry in entries):
        style.put(style.text(("* learned in training", "dim")))
