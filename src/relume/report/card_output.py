"""Where cards go, and in which form: checked before anything is measured."""

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
from relume.report.terminal.card_text import compare, render, text

FORMS = ("full", "json")
ENDINGS = (".json", ".svg", ".txt")


@dataclass(frozen=True, slots=True)
class CardOrder:
    """What was asked for: the form, the file, side by side, with plots, with methods."""

    form: str = "full"
    file: Path | None = None
    side_by_side: bool = False
    plots: bool = True
    methods: bool = False


def card_order(form: str, file: Path | None, **more: bool) -> CardOrder:
    """An order that is known to be good.

    Raises:
        UsageError: an unknown form, a file that cannot be written, an ending that says nothing or
            something else than the form.
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


def several(words: Sequence[str]) -> list[str]:
    """Acts from words with commas; a comma within brackets separates parameters.

    >>> several(["relu,elu(0.5, scale=2)", "gelu"])
    ['relu', 'elu(0.5, scale=2)', 'gelu']
    """
    found: list[str] = []
    for word in words:
        depth, start = 0, 0
        for at, sign in enumerate(word):
            depth += (sign == "(") - (sign == ")")
            if sign == "," and depth == 0:
                found.append(word[start:at])
                start = at + 1
        found.append(word[start:])
    return [word.strip() for word in found if word.strip()]


def deliver_cards(cards: Sequence[Card], wanted: CardOrder, console: Console) -> None:
    """Write the cards to the order's file if it names one, else to `console`, JSON to stdout."""
    if wanted.file is not None:
        write(_written(cards, wanted), wanted.file)
    elif wanted.form == "json":
        emit(_json(cards))
    elif wanted.side_by_side:
        compare(cards, console, plots=wanted.plots)
    else:
        render(cards, console, plots=wanted.plots, methods=wanted.methods)


def _written(cards: Sequence[Card], wanted: CardOrder) -> str:
    assert wanted.file is not None
    ending = wanted.file.suffix.lower()
    if ending == ".svg":
        return svg(cards)
    if ending == ".json":
        return _json(cards) + "\n"
    return text(cards, side_by_side=wanted.side_by_side, plots=wanted.plots)


def _json(cards: Sequence[Card]) -> str:
    """One card as an object, several as a list."""
    data = plain(cards[0]) if len(cards) == 1 else [plain(card) for card in cards]
    return json.dumps(data, indent=2, ensure_ascii=False)
