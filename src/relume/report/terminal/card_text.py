"""Prints a card: the act, its curves, and the rows that matter first or all of them."""

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from relume.core import Card, Measured
from relume.report.terminal.card_summary import FIRST, all_rows, first_rows, value
from relume.report.terminal.style import Style, grid
from relume.report.terminal.text_plot import TextPlot, plot
from relume.report.words.sanitise import join_names, name, prose

_LOOKS = {"f(z)": "cyan", "f'(z)": "yellow"}


def render(
    cards: Sequence[Card],
    console: Console,
    *,
    plots: bool = True,
    verbose: bool = False,
    methods: bool = False,
) -> None:
    """Print cards one below the other: ten rows each, every one with its note if `verbose`.

    Args:
        cards: what to print.
        console: where to; its width, colours and encoding are respected.
        plots: draw value and slope.
        verbose: every property, not the ten that matter first.
        methods: print below each property how it is measured.
    """
    style = Style(console)
    for card in cards:
        _head(card, style)
        if plots:
            curves(card, style)
        page = (all_rows if verbose else first_rows)(card).values()
        for group in dict.fromkeys(one.group for one in page):
            rows = [one for one in page if one.group == group and one.value is not None]
            _section(group, rows, style, methods=methods)
        _missing(page, style)
    more = (
        "" if verbose else f"The {len(FIRST)} rows that matter first; every row and its note: -v. "
    )
    foot(cards, style, more=more)


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
    if title:
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


def _missing(page: Iterable[Measured], style: Style) -> None:
    reasons: dict[str, list[str]] = {}
    for one in page:
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


def curves(card: Card, style: Style, height: int = 11) -> None:
    """Draw value and slope, beside each other where the width allows."""
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


def foot(cards: Sequence[Card], style: Style, legend: str = "", more: str = "") -> None:
    """Print what the marks mean, how to see more, and on which machine it was measured."""
    if not cards:
        return
    one = cards[0]
    machine = one.machine
    where = f"{machine.get('cpu')}, {machine.get('threads')} threads, {machine.get('system')}"
    busy = any(row.details.get("busy") for card in cards for row in card.measured.values())
    warning = "The machine was busy; times differ from round to round (--fresh). " if busy else ""
    style.put()
    style.put(
        style.text(
            (legend, "green"),
            (warning, "yellow"),
            more,
            (prose(f"torch {one.torch}, {where}"), "dim"),
        )
    )
    style.put()
