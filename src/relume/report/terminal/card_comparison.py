"""Prints cards side by side: the curves, then a table whose best values are those that are sure."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relume.core import Card, Measured
from relume.report.terminal.card_summary import all_rows, as_ratio, best, digits, first_rows, value
from relume.report.terminal.card_text import curves, foot
from relume.report.terminal.style import Style
from relume.report.words.sanitise import name, prose

TITLES = 30
"""The widest column of titles: it leaves three acts 16 cells each on 80 columns."""

NARROWEST = 16
"""Cells of an act's column: a time with its interval and a mark, "0.999 ± 0.02 ✓"."""


def compare(
    cards: Sequence[Card], console: Console, *, plots: bool = True, verbose: bool = False
) -> None:
    """Print cards side by side, as many as the width allows.

    The best of a row is bold and marked, where one way is better and its interval meets no other.
    """
    style = Style(console)
    if plots:
        for card in cards:
            if card.curve.z:
                style.put()
                style.put(style.text((name(card.act), "bold cyan")))
                curves(card, style, height=6)
    pages = [(all_rows if verbose else first_rows)(card) for card in cards]
    rows = [{key: as_ratio(one) for key, one in page.items()} for page in pages]
    titles = [_title(one) for page in rows for one in page.values() if one is not None]
    first = min(max(map(len, titles), default=10), TITLES if style.width >= 80 else 22)
    columns = max((style.width - first - 1) // NARROWEST, 1)
    for start in range(0, len(cards), columns):
        chosen = slice(start, start + columns)
        style.put()
        style.put(_table(cards[chosen], rows[chosen], rows, first, style))
    legend = f"{style.sign('✓')} surely the best of its row: no interval overlaps. "
    more = "" if verbose else "More rows: -v. "
    foot(cards, style, legend=legend, more=more)


def _title(one: Measured) -> str:
    return prose(one.title) + (f" [{one.unit}]" if one.unit else "")


def _table(
    cards: Sequence[Card],
    chunk: Sequence[dict[str, Measured | None]],
    pages: Sequence[dict[str, Measured | None]],
    first: int,
    style: Style,
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    if style.plain:
        table.box = box.ASCII2
    table.add_column("", width=first, overflow="fold")
    for card in cards:
        heading = style.text((name(card.act, 60), "bold cyan"))
        table.add_column(heading, overflow="fold", width=NARROWEST - 1)
    group = ""
    for key in dict.fromkeys(key for page in pages for key in page):
        row = [page.get(key) for page in pages]
        kind = next(one for one in row if one is not None)
        if kind.group != group:
            group = kind.group
            table.add_row(style.text((group, "bold dim")), *[""] * len(chunk))
        top = best(row)
        title = style.text(prose(kind.title), (f" [{kind.unit}]" if kind.unit else "", "dim"))
        table.add_row(title, *[_cell(page.get(key), top, style) for page in chunk])
    return table


def _cell(one: Measured | None, top: float | None, style: Style) -> Text:
    if one is None or one.value is None:
        return style.text(("-", "dim"))
    wins = top is not None and not isinstance(one.value, str | bool) and one.value == top
    words = value(one, bare=True)
    error = f" ± {digits(one.error, places=1)}" if one.error and "ratio_relu" in one.details else ""
    if one.details.get("busy"):
        return style.text(words, (f"{error} busy", "yellow"))
    mark = f" {style.sign('✓')}" if wins else ""
    return style.text((words, "bold green" if wins else ""), (error, "dim"), (mark, "bold green"))
