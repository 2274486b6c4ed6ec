"""Cards in the terminal: one in full, or several side by side."""

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
from relume.report.words.sanitise import listed, name, prose

FILE_WIDTH = 100
_LOOKS = {"f(z)": "cyan", "f'(z)": "yellow"}


def render(
    cards: Sequence[Card], console: Console, *, plots: bool = True, methods: bool = False
) -> None:
    """Write cards in full, one below the other.

    Args:
        cards: what to show.
        console: where to; its width, colours and encoding are respected.
        plots: draw value and slope.
        methods: say below each property how it is measured.
    """
    ink = Style(console)
    for card in cards:
        _head(card, ink)
        if plots:
            _curves(card, ink)
        groups = list(dict.fromkeys(one.group for one in card.measured.values()))
        for group in groups:
            shown = [one for one in card.measured.values() if one.group == group]
            _section(group, [one for one in shown if one.value is not None], ink, methods=methods)
        _missing(card, ink)
    _foot(cards, ink)


def compare(cards: Sequence[Card], console: Console, *, plots: bool = True) -> None:
    """Write cards side by side, as many as fit in a row of columns; the best of a row is bold
    and marked where one way is better."""
    ink = Style(console)
    rows = [_timed(one) for card in cards for one in card.measured.values()]
    titles = [f"{one.title} [{one.unit}]" if one.unit else one.title for one in rows if one]
    first = min(max(map(len, titles), default=10), 34 if ink.width >= 80 else 22)
    columns = max((ink.width - first - 2) // 15, 1)
    for start in range(0, len(cards), columns):
        chunk = cards[start : start + columns]
        ink.put()
        ink.put(_table(chunk, cards, first, ink))
    if plots:
        for card in cards:
            if card.curve.z:
                ink.put()
                ink.put(ink.text((name(card.act), "bold cyan")))
                _curves(card, ink, height=6)
    _foot(cards, ink, legend=f"{ink.sign('✓')} the best of a row, where one way is better. ")


def text(cards: Sequence[Card], *, side_by_side: bool, plots: bool = True) -> str:
    """The terminal's page without colours, for a file."""
    stream = io.StringIO()
    console = Console(file=stream, width=FILE_WIDTH, color_system=None)
    if side_by_side:
        compare(cards, console, plots=plots)
    else:
        render(cards, console, plots=plots, methods=True)
    return stream.getvalue()


def _head(card: Card, ink: Style) -> None:
    ink.put()
    ink.rule(ink.text((name(card.act), "bold cyan")), "cyan", heavy=True)
    born = f"{card.year}" if card.year else "undated"
    rows: list[tuple[RenderableType, ...]] = [
        (_dim("formula", ink), ink.text((prose(card.formula), "bold"))),
        (_dim("family", ink), ink.text(prose(f"{card.family}, {born}"))),
    ]
    facts = {
        "reference": card.reference,
        "kink": card.kink,
        "parameters": ", ".join(f"{key}={v!r}" for key, v in card.parameters.items()),
        "learned": ", ".join(card.learnable),
        "the same as": listed(card.matches, 4),
    }
    rows += [(_dim(word, ink), ink.text(prose(fact))) for word, fact in facts.items() if fact]
    ink.put(grid(rows), left=1)


def _dim(words: str, ink: Style) -> Text:
    return ink.text((words, "dim"))


def _section(title: str, shown: Sequence[Measured], ink: Style, *, methods: bool) -> None:
    if not shown:
        return
    ink.put()
    ink.rule(ink.text((title, "bold")), "dim")
    widest = max(len(one.title) for one in shown)
    for one in shown:
        note = [(prose(one.note), "dim")] if one.note else []
        words = ink.text((value(one), "bold"), *[part for n in note for part in ("  ", n)])
        if methods:
            words.append_text(ink.text("\n", (prose(one.method), "dim italic")))
        label = ink.text(prose(one.title))
        if ink.narrow:
            ink.put(ink.text(prose(one.title), "  ", (value(one), "bold")), left=1)
            rest = [prose(one.note)] * bool(one.note) + [prose(one.method)] * methods
            for line in rest:
                ink.put(_dim(line, ink), left=3)
        else:
            label.pad_right(widest - label.cell_len)
            ink.put(grid([(label, words)]), left=1)


def _missing(card: Card, ink: Style) -> None:
    reasons: dict[str, list[str]] = {}
    for one in card.measured.values():
        if one.value is None:
            reasons.setdefault(one.note, []).append(one.title)
    if not reasons:
        return
    ink.put()
    ink.rule(ink.text(("Not measured", "bold")), "dim")
    for reason, titles in reasons.items():
        mark = ink.text((ink.sign("○"), "yellow"))
        words = ink.text("; ".join(map(prose, titles)), "\n", (prose(reason), "dim"))
        ink.put(grid([(mark, words)]), left=1)


def _curves(card: Card, ink: Style, height: int = 11) -> None:
    beside = ink.width >= 84
    width = (ink.width - 24) // 2 if beside else ink.width - 12
    lines = {"f(z)": card.curve.value, "f'(z)": card.curve.slope}
    drawn = {
        label: made
        for label, y in lines.items()
        if (made := plot(card.curve.z, y, min(width, 60), height, plain=ink.plain))
    }
    panels = [_panel(label, made, ink) for label, made in drawn.items()]
    if not panels:
        return
    ink.put()
    if beside:
        ink.put(grid([tuple(panels)], gap=4), left=1)
    else:
        for panel in panels:
            ink.put(panel, left=1)


def _panel(label: str, made: TextPlot, ink: Style) -> Text:
    out = ink.text((" " * (len(made.labels[0]) + 1) + label, f"bold {_LOOKS[label]}"))
    for margin, row in zip(made.labels, made.rows, strict=True):
        out.append_text(ink.text("\n", (margin + " ", "dim")))
        for sign in row:
            out.append(sign, "dim" if sign in made.axes or sign == " " else _LOOKS[label])
    out.append_text(ink.text("\n", (made.below, "dim")))
    out.no_wrap = True
    return out


def _table(chunk: Sequence[Card], cards: Sequence[Card], first: int, ink: Style) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    if ink.plain:
        table.box = box.ASCII2
    table.add_column("", width=first, overflow="fold")
    for card in chunk:
        table.add_column(ink.text((name(card.act, 60), "bold cyan")), overflow="fold", width=13)
    group = ""
    for key in dict.fromkeys(key for card in cards for key in card.measured):
        found = [_timed(card.measured.get(key)) for card in cards]
        kind = next(one for one in found if one is not None)
        if kind.group != group:
            group = kind.group
            table.add_row(ink.text((group, "bold dim")), *[""] * len(chunk))
        top = best(found)
        title = ink.text(prose(kind.title), (f" [{kind.unit}]" if kind.unit else "", "dim"))
        cells = [_cell(_timed(card.measured.get(key)), top, ink) for card in chunk]
        table.add_row(title, *cells)
    return table


def _timed(one: Measured | None) -> Measured | None:
    """A time as its ratio to ReLU, which was measured in the same rounds: the machine may have
    been busier when another card was made."""
    if one is None or not isinstance(ratio := one.details.get("ratio_relu"), float):
        return one
    return replace(one, value=ratio, error=None, unit="× ReLU")


def _cell(one: Measured | None, top: float | None, ink: Style) -> Text:
    if one is None or one.value is None:
        return _dim("-", ink)
    wins = top is not None and not isinstance(one.value, str | bool) and one.value == top
    words = value(one, bare=True)
    return ink.text((f"{words} {ink.sign('✓')}", "bold green")) if wins else ink.text(words)


def best(found: Sequence[Measured | None]) -> float | None:
    """The best value of a row, or None where no way is better or all are the same."""
    shown = [one for one in found if one is not None and isinstance(one.value, int | float)]
    numbers = [float(one.value) for one in shown if isinstance(one.value, int | float)]
    if not shown or not shown[0].better or len(set(numbers)) < 2:
        return None
    return min(numbers) if shown[0].better == "low" else max(numbers)


def value(one: Measured, *, bare: bool = False) -> str:
    """The value in words, with its error and unit unless `bare`."""
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
    """Significant digits; no exponent where a person would write none."""
    words = f"{number:,.{places}g}"
    if "e" not in words:
        return words
    mantissa, exponent = words.split("e")
    if 0 < int(exponent) < 7:
        return f"{number:,.0f}"
    return f"{mantissa}e{int(exponent)}"


def _foot(cards: Sequence[Card], ink: Style, legend: str = "") -> None:
    if not cards:
        return
    one = cards[0]
    machine = one.machine
    where = f"{machine.get('cpu')}, {machine.get('threads')} threads, {machine.get('system')}"
    ink.put()
    ink.put(ink.text((legend, "green"), (prose(f"torch {one.torch}, {where}"), "dim")))
    ink.put()
