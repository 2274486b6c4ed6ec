"""Checks an order for cards before anything is measured, and delivers the cards in its form."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from relume.core import Card, plain
from relume.errors import UsageError
from relume.registry import unknown
from relume.report.act_chart_svg import svg
from relume.report.machine.json_file import emit, writable, write
from relume.report.terminal.card_comparison import compare
from relume.report.terminal.card_text import render

FORMS = ("full", "json")
ENDINGS = (".json", ".svg", ".txt")
FILE_WIDTH = 100


@dataclass(frozen=True, slots=True)
class CardOrder:
    """What a user ordered: form, file, side by side or not, with plots, every row, methods."""

    form: str = "full"
    file: Path | None = None
    side_by_side: bool = False
    plots: bool = True
    verbose: bool = False
    methods: bool = False


def card_order(form: str, file: Path | None, **more: bool) -> CardOrder:
    """Return a valid order.

    Raises:
        UsageError: an unknown form, a file that cannot be written, an ending that is unknown
            or contradicts the form.
    """
    if form not in FORMS:
        raise UsageError(unknown(form, FORMS, "output format"))
    if file is not None:
        ending = file.suffix.lower()
        if ending not in ENDINGS:
            raise UsageError(f"the file {str(file)!r} needs an ending: .json, .svg or .txt.")
        if form == "json" and ending != ".json":
            raise UsageError(f"--output-format is 'json', but {str(file)!r} ends in {ending}.")
        file = writable(file)
    return CardOrder(form, file, **more)


def split_acts(words: Sequence[str]) -> list[str]:
    """Split words at commas into acts; a comma within brackets separates parameters.

    >>> split_acts(["relu,elu(0.5, scale=2)", "gelu"])
    ['relu', 'elu(0.5, scale=2)', 'gelu']
    """
    acts: list[str] = []
    for word in words:
        depth, start = 0, 0
        for at, char in enumerate(word):
            depth += (char == "(") - (char == ")")
            if char == "," and depth == 0:
                acts.append(word[start:at])
                start = at + 1
        acts.append(word[start:])
    return [word.strip() for word in acts if word.strip()]


def deliver_cards(cards: Sequence[Card], order: CardOrder, console: Console) -> None:
    """Write the cards to the order's file if it names one, else to `console`, JSON to stdout."""
    if order.file is not None:
        write(_written(cards, order), order.file)
    elif order.form == "json":
        emit(_json(cards))
    elif order.side_by_side:
        compare(cards, console, plots=order.plots, verbose=order.verbose)
    else:
        every = order.verbose or order.methods
        render(cards, console, plots=order.plots, verbose=every, methods=order.methods)


def _written(cards: Sequence[Card], order: CardOrder) -> str:
    assert order.file is not None
    ending = order.file.suffix.lower()
    if ending == ".svg":
        return svg(cards)
    if ending == ".json":
        return _json(cards) + "\n"
    return text(cards, side_by_side=order.side_by_side, plots=order.plots)


def text(cards: Sequence[Card], *, side_by_side: bool, plots: bool = True) -> str:
    """Return every row of the printed cards without colours, for a file."""
    stream = io.StringIO()
    console = Console(file=stream, width=FILE_WIDTH, color_system=None)
    if side_by_side:
        compare(cards, console, plots=plots, verbose=True)
    else:
        render(cards, console, plots=plots, verbose=True, methods=True)
    return stream.getvalue()


def _json(cards: Sequence[Card]) -> str:
    """Return one card as a JSON object, several as a list."""
    data = plain(cards[0]) if len(cards) == 1 else [plain(card) for card in cards]
    return json.dumps(data, indent=2, ensure_ascii=False)
