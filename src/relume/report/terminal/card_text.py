"""Prints cards: one in full, or several side by side."""

import io
import math
from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from relume.core import Card, Measured
from relume.report.terminal.style import Style, grid
from relume.report.terminal.text_plot import TextPlot, plot
from relume.report.words.sanitise import join_names, name, prose

FILE_WIDTH = 100
_LOOKS = {"f(z)": "cyan", "f'(z)": "yellow"}


def render(
    cards: Sequence[Card], console: Console, *, plots: bool = True, methods: bool = False
) -> None:
    """Print cards in full, one below the other.

    Args:
        cards: what to print.
        console: where to; its width, colours and encoding are respected.
        plots: draw value and slope.
        methods: print below each property how it is measured.
    """
    style = Style(console)
    for card in cards:
        _head(card, style)
        if plots:
            _curves(card, style)
        groups = list(dict.fromkeys(one.group for one in card.measured.values()))
        for group in groups:
            rows = [one for one in card.measured.values() if one.group == group]
            _section(group, [one for one in rows if one.value is not None], style, methods=methods)
        _missing(card, style)
    _foot(cards, style)


def compare(cards: Sequence[Card], console: Console, *, plots: bool = True) -> None:
    """Print cards side by side, as many as the width allows; the best of a row is bold and marked
    where one direction is better."""
    style = Style(console)
    rows = [_as_ratio(one) for card in cards for one in card.measured.values()]
    titles = [f"{one.title} [{one.unit}]" if one.unit else one.title for one in rows if one]
    first = min(max(map(len, titles), default=10), 34 if style.width >= 80 else 22)
    columns = max((style.width - first - 2) // 15, 1)
    for start in range(0, len(cards), columns):
        chunk = cards[start : start + columns]
        style.put()
        style.put(_table(chunk, cards, first, style))
    if plots:
        for card in cards:
            if card.curve.z:
                style.put()
                style.put(style.text((name(card.act), "bold cyan")))
                _curves(card, style, height=6)
    _foot(cards, style, legend=f"{style.sign('✓')} the best of a row, where one way is better. ")


def text(cards: Sequence[Card], *, side_by_side: bool, plots: bool = True) -> str:
    """Return the printed cards without colours, for a file."""
    stream = io.StringIO()
    console = Console(file=stream, width=FILE_WIDTH, color_system=None)
    if side_by_side:
        compare(cards, console, plots=plots)
    else:
        render(cards, console, plots=plots, methods=True)
    return stream.getvalue()


def _head(card: Card, style: Style) -> None:
    style.put()
    style.rule(style.text((name(card.act), "bold cyan")), "cyan", heavy=True)
    born = f"{card.year}" if card.year else "undated"
    rows: list[tuple[RenderableType, ...]] = [
        (_dim("formula", style), style.text((prose(card.formula), "bold"))),
        (_dim("family", style), style.text(prose(f"{card.family}, {born}"))),
    ]
    facts = {
        "reference": card.reference,
        "kink": card.kink,
        "parameters": ", ".join(f"{key}={v!r}" for key, v in card.parameters.items()),
        "learned": ", ".join(card.learnable),
        "the same as": join_names(card.matches, 4),
    }
    rows += [(_dim(word, style), style.text(prose(fact))) for word, fact in facts.items() if fact]
    style.put(grid(rows), left=1)


def _dim(words: str, style: Style) -> Text:
    return style.text((words, "dim"))


def _section(title: str, properties: Sequence[Measured], style: Style, *, methods: bool) -> None:
    if not properties:
        return
    style.put()
    style.rule(style.text((title, "bold")), "dim")
    widest = max(len(one.title) for one in properties)
    for one in properties:
        note = [(prose(one.note), "dim")] if one.note else []
        words = style.text((value(one), "bold"), *[part for n in note for part in ("  ", n)])
        if methods:
            words.append_text(style.text("\n", (prose(one.method), "dim italic")))
        label = style.text(prose(one.title))
        if style.narrow:
            style.put(style.text(prose(one.title), "  ", (value(one), "bold")), left=1)
            rest = [prose(one.note)] * bool(one.note) + [prose(one.method)] * methods
            for line in rest:
                style.put(_dim(line, style), left=3)
        else:
            label.pad_right(widest - label.cell_len)
            style.put(grid([(label, words)]), left=1)


def _missing(card: Card, style: Style) -> None:
    reasons: dict[str, list[str]] = {}
    for one in card.measured.values():
        if one.value is None:
            reasons.setdefault(one.note, []).append(one.title)
    if not reasons:
        return
    style.put()
    style.rule(style.text(("Not measured", "bold")), "dim")
    for reason, titles in reasons.items():
        mark = style.text((style.sign("○"), "yellow"))
        words = style.text("; ".join(map(prose, titles)), "\n", (prose(reason), "dim"))
        style.put(grid([(mark, words)]), left=1)


def _curves(card: Card, style: Style, height: int = 11) -> None:
    beside = style.width >= 84
    width = (style.width - 24) // 2 if beside else style.width - 12
    lines = {"f(z)": card.curve.value, "f'(z)": card.curve.slope}
    drawn = {
        label: made
        for label, y in lines.items()
        if (made := plot(card.curve.z, y, min(width, 60), height, plain=style.plain))
    }
    panels = [_panel(label, made, style) for label, made in drawn.items()]
    if not panels:
        return
    style.put()
    if beside:
        style.put(grid([tuple(panels)], gap=4), left=1)
    else:
        for panel in panels:
            style.put(panel, left=1)


def _panel(label: str, made: TextPlot, style: Style) -> Text:
    out = style.text((" " * (len(made.labels[0]) + 1) + label, f"bold {_LOOKS[label]}"))
    for margin, row in zip(made.labels, made.rows, strict=True):
        out.append_text(style.text("\n", (margin + " ", "dim")))
        for sign in row:
            out.append(sign, "dim" if sign in made.axes or sign == " " else _LOOKS[label])
    out.append_text(style.text("\n", (made.below, "dim")))
    out.no_wrap = True
    return out


def _table(chunk: Sequence[Card], cards: Sequence[Card], first: int, style: Style) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    if style.plain:
        table.box = box.ASCII2
    table.add_column("", width=first, overflow="fold")
    for card in chunk:
        table.add_column(style.text((name(card.act, 60), "bold cyan")), overflow="fold", width=13)
    group = ""
    for key in dict.fromkeys(key for card in cards for key in card.measured):
        row = [_as_ratio(card.measured.get(key)) for card in cards]
        kind = next(one for one in row if one is not None)
        if kind.group != group:
            group = kind.group
            table.add_row(style.text((group, "bold dim")), *[""] * len(chunk))
        top = best(row)
        title = style.text(prose(kind.title), (f" [{kind.unit}]" if kind.unit else "", "dim"))
        cells = [_cell(_as_ratio(card.measured.get(key)), top, style) for card in chunk]
        table.add_row(title, *cells)
    return table


def _as_ratio(one: Measured | None) -> Measured | None:
    """Return a time as its ratio to ReLU, measured in the same rounds: the machine may have been
    busier when another card was made. Other properties stay as they are."""
    if one is None or not isinstance(ratio := one.details.get("ratio_relu"), float):
        return one
    return replace(one, value=ratio, error=None, unit="× ReLU")


def _cell(one: Measured | None, top: float | None, style: Style) -> Text:
    if one is None or one.value is None:
        return _dim("-", style)
    wins = top is not None and not isinstance(one.value, str | bool) and one.value == top
    words = value(one, bare=True)
    return style.text((f"{words} {style.sign('✓')}", "bold green")) if wins else style.text(words)


def best(row: Sequence[Measured | None]) -> float | None:
    """Return the best value of a row; None where no direction is better or all are the same."""
    numeric = [one for one in row if one is not None and isinstance(one.value, int | float)]
    numbers = [float(one.value) for one in numeric if isinstance(one.value, int | float)]
    if not numeric or not numeric[0].better or len(set(numbers)) < 2:
        return None
    return min(numbers) if numeric[0].better == "low" else max(numbers)


def value(one: Measured, *, bare: bool = False) -> str:
    """Return the value in words, with its error and unit unless `bare`."""
    if one.value is None:
        return "not measured"
    if isinstance(one.value, bool):
        return "yes" if one.value else "no"
    if isinstance(one.value, str):
        return prose(one.value)
    places = 3 if bare else 5
    if math.isinf(one.value):
        words = "−∞" if one.value < 0 else "∞"
    else:
        whole = isinstance(one.value, int)
        words = f"{one.value:,}" if whole else digits(one.value, places=places)
    if bare:
        return words
    error = f" ± {digits(one.error, places=1)}" if one.error else ""
    return f"{words}{error}" + (f" {one.unit}" if one.unit else "")


def digits(number: float, *, places: int) -> str:
    """Return significant digits, with no exponent where a person would write none."""
    words = f"{number:,.{places}g}"
    if "e" not in words:
        return words
    mantissa, exponent = words.split("e")
    if 0 < int(exponent) < 7:
        return f"{number:,.0f}"
    return f"{mantissa}e{int(exponent)}"


def _foot(cards: Sequence[Card], style: Style, legend: str = "") -> None:
    if not cards:
        return
    one = cards[0]
    machine = one.machine
    where = f"{machine.get('cpu')}, {machine.get('threads')} threads, {machine.get('system')}"
    style.put()
    style.put(style.text((legend, "green"), (prose(f"torch {one.torch}, {where}"), "dim")))
    style.put()
