"""Makes the pages that lessons link to: rules, fixes and cards, each with links back.

A rule's and a fix's page is the docstring of its file, read without importing it. A card has only
the properties that take milliseconds; `relume card ACT` measures all of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relume.acts.act import Act, shipped
from relume.atlas.docstring_html import line, sections
from relume.atlas.figure import Figure, Say, display_name
from relume.atlas.kinds.curve import curve
from relume.atlas.kinds.timeline import NOT_SHOWN
from relume.atlas.lesson import Text, about
from relume.cards.build_card import properties
from relume.cards.property import MeasureSetting, Property
from relume.core import Measured
from relume.registry import pages

_PAGE = re.compile(r"(?:(?P<code>ACT\d{3}) )?(?P<name>[a-z0-9-]+): (?P<summary>.+)", re.DOTALL)
QUICK = {
    *("range_low", "range_high", "kinks", "monotone", "max_slope", "mean", "variance"),
    *("off_centre", "gain_forward", "gain_backward", "gradient_factor", "saturation_low"),
    *("saturation_high", "zero_slope_share", "flat_share", "saved_bytes", "learnable"),
}
_SETTING = MeasureSetting(width=1, depth=1, samples=1, timing=False)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of the appendix.

    Attributes:
        kind: ``"rules"``, ``"fixes"`` or ``"cards"``.
        name: its name on the command line.
        title, summary: the heading, and a sentence as HTML.
        sections: headings and HTML.
        command: the command that shows the same in a terminal.
        lessons: the lessons about it.
        rows: for a card: property, value and note.
        figure: for a card: the act's curve.
    """

    kind: str
    name: str
    title: str
    summary: str
    sections: tuple[tuple[str, str], ...]
    command: str
    lessons: tuple[Text, ...]
    rows: tuple[tuple[str, str, str], ...] = ()
    figure: Figure | None = None


def leaves() -> Iterator[Leaf]:
    """Yield all pages of the appendix."""
    yield from _docstrings("rules", "relume.rules", "relume explain {name}")
    yield from _docstrings("fixes", "relume.fixes", "relume prove train.py --edit {name}")
    for name, act in shipped().items():
        if name not in NOT_SHOWN:
            yield _card(name, act)


def _docstrings(kind: str, package: str, command: str) -> Iterator[Leaf]:
    for text in pages(package).values():
        head, _, body = text.strip().partition("\n\n")
        match = _PAGE.fullmatch(head)
        if match is None or not body.startswith("## "):
            continue  # a file that is no page
        name, code = match["name"], match["code"]
        summary = line(" ".join(match["summary"].split()))
        title = f"{code} {name}" if code else name
        _, parts = sections(body)
        command_line = command.format(name=name)
        yield Leaf(kind, name, title, summary, tuple(parts), command_line, about(kind, name))


def _card(name: str, act: Act) -> Leaf:
    facts = f"<code>{line(act.formula)}</code>"
    facts += f", {act.year}. {line(act.reference)}." if act.year else ""
    rows = tuple(_rows(act))
    figure = None
    if act.elementwise:
        says = (Say("At z = {z} the slope is {slope}, {share%} of the largest."),)
        figure = curve(f"{display_name(name)} and its slope", (name,), says)
    command = f"relume card {name}"
    return Leaf(
        "cards", name, display_name(name), facts, (), command, about("cards", name), rows, figure
    )


def _rows(act: Act) -> Iterator[tuple[str, str, str]]:
    for one in properties():
        if one.name in QUICK and (act.elementwise or not one.elementwise):
            measured = one.measure(act, _SETTING)
            if measured.value is not None:
                yield one.title, _value(measured, one), measured.note


def _value(measured: Measured, one: Property) -> str:
    value: Any = measured.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.4g}" if isinstance(value, int | float) else str(value)
    return f"{text} {one.unit}".strip()
