"""The acts there are, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from relume.report.terminal.style import Style
from relume.report.words.sanitise import name, prose


@dataclass(frozen=True, slots=True)
class ActEntry:
    """An act in the list; `parameters` with their defaults, those that training learns marked."""

    name: str
    family: str
    formula: str
    year: int
    parameters: str
    reference: str


def act_table(entries: Sequence[ActEntry], console: Console) -> None:
    """Name, family, year, parameters, formula and reference of acts, by name; below 110 columns
    each act takes a few lines instead of a row."""
    ink = Style(console)
    if ink.width < 110:
        for one in entries:
            born = one.family + (f", {one.year}" if one.year else "")
            ink.put(ink.text((name(one.name), "bold cyan"), "  ", (prose(born), "dim")))
            ink.put(ink.text(prose(one.formula)), left=2)
            if one.parameters:
                ink.put(ink.text(("with ", "dim"), prose(one.parameters)), left=2)
            if one.reference:
                ink.put(ink.text((prose(one.reference), "dim")), left=2)
    else:
        table = Table(box=box.ASCII2 if ink.plain else box.SIMPLE_HEAD, pad_edge=False)
        for title, least in (("act", 12), ("family", 9), ("year", 4), ("formula", 24)):
            table.add_column(title, overflow="fold", min_width=least)
        table.add_column("parameters", overflow="fold", ratio=2)
        table.add_column("reference", overflow="fold", ratio=3, style="dim")
        for one in entries:
            words = (one.family, str(one.year or ""), one.formula, one.parameters, one.reference)
            table.add_row(
                ink.text((name(one.name), "bold cyan")), *(ink.text(prose(w)) for w in words)
            )
        ink.put(table)
    if any("*" in one.parameters for one in entries):
        ink.put(ink.text(("* learned in training", "dim")))
