"""Draws value and slope of acts as one SVG file: self-contained, light and dark, text as text."""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from relume.core import Card
from relume.report.words.sanitise import name, number

WIDTH, HEIGHT = 760, 430
_LEFT, _TOP, _SIDE, _TALL, _GAP = 56, 64, 304, 290, 64
"""The first panel's corner, a panel's width and height, the gap between the two."""

LIGHT = ("#0072b2", "#d55e00", "#007a5a", "#b0407f", "#8a6d00", "#5b4bb7", "#555555", "#a02020")
DARK = ("#56b4e9", "#ff9e57", "#34c79a", "#ef8fc4", "#f0e442", "#a99bf5", "#bbbbbb", "#ff7b7b")
"""Hues after Okabe and Ito (2008), darkened or lightened to a contrast of 4.5 with the ground."""

DASHES = ("", "7 4", "2 3", "9 3 2 3")
"""Acts differ in dash as well as in hue."""


def svg(cards: Sequence[Card]) -> str:
    """Return an SVG of every card that has a curve: value and slope over pre z, with a legend."""
    plotted = [card for card in cards if card.curve.z]
    names = ", ".join(_safe(card.act) for card in cards)
    rows = math.ceil(max(len(plotted), 1) / 2)
    height = HEIGHT + 20 * (rows - 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">',
        f'<title id="title">Value and slope of {names}</title>',
        f'<desc id="desc">{_safe(_description(plotted))}</desc>',
        f"<style>{_style(len(plotted))}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="head" x="{_LEFT - 36}" y="28">{_safe(_shorten(names))}</text>',
    ]
    if not plotted:
        words = "No curve: these acts work on a whole axis."
        parts.append(f'<text x="{_LEFT - 36}" y="60">{words}</text>')
    else:
        parts += _panel(plotted, 0, "value f(z), the post")
        parts += _panel(plotted, 1, "slope f′(z), change of post per pre")
        parts += _legend(plotted)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(plotted: Sequence[Card], at: int, title: str) -> list[str]:
    x0 = _LEFT + at * (_SIDE + _GAP)
    curves = [(card.curve.z, card.curve.slope if at else card.curve.value) for card in plotted]
    left, right = min(z[0] for z, _ in curves), max(z[-1] for z, _ in curves)
    across = ticks(left, right)
    every = [y for _, ys in curves for y in ys]
    low, high = min(0.0, *every), max(0.0, *every)
    room = 0.04 * (high - low) or 1.0
    low, high = low - room, high + room
    up = ticks(low, high)

    def x(z: float) -> float:
        return x0 + (z - left) / (right - left) * _SIDE

    def y(v: float) -> float:
        return _TOP + (high - v) / (high - low) * _TALL

    base = _TOP + _TALL
    parts = [f'<g><text class="label" x="{x0}" y="{_TOP - 10}">{title}</text>']
    for z in across:
        kind = "zero" if z == 0 else "line"
        parts.append(f'<path class="{kind}" d="M{x(z):.1f} {_TOP}V{base}"/>')
        parts.append(f'<text class="tick" x="{x(z):.1f}" y="{base + 16}">{tick_text(z)}</text>')
    for v in up:
        kind = "zero" if v == 0 else "line"
        parts.append(f'<path class="{kind}" d="M{x0} {y(v):.1f}H{x0 + _SIDE}"/>')
        parts.append(f'<text class="side" x="{x0 - 6}" y="{y(v) + 4:.1f}">{tick_text(v)}</text>')
    parts.append(f'<text class="tick" x="{x0 + _SIDE / 2}" y="{base + 34}">pre z</text>')
    for i, (zs, ys) in enumerate(curves):
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(zs, ys, strict=True))
        parts.append(f'<polyline class="c c{i}" points="{points}"/>')
    return [*parts, "</g>"]


def _legend(plotted: Sequence[Card]) -> list[str]:
    parts: list[str] = []
    for i, card in enumerate(plotted):
        x = _LEFT + (i % 2) * (_SIDE + _GAP)
        y = _TOP + _TALL + 56 + 20 * (i // 2)
        parts.append(f'<path class="c c{i}" d="M{x} {y - 4}h28"/>')
        parts.append(f'<text class="key" x="{x + 36}" y="{y}">{_safe(name(card.act, 38))}</text>')
    return parts


def stroke_styles(many: int) -> tuple[str, str]:
    """Return the styles of that many curves, `c0` on, and the colours on a dark ground."""

    def colours(hues: Sequence[str]) -> str:
        return "".join(f".c{i}{{stroke:{hues[i % len(hues)]}}}" for i in range(many))

    dashes = "".join(
        f".c{i}{{stroke-dasharray:{dash}}}"
        for i in range(many)
        if (dash := DASHES[(i + i // len(LIGHT)) % len(DASHES)])
    )
    return colours(LIGHT) + dashes, colours(DARK)


def _style(many: int) -> str:
    light, dark = stroke_styles(many)
    return (
        "text{font:13px system-ui,sans-serif;fill:#1a1a1a}.ground{fill:#fff}"
        ".head{font-size:17px;font-weight:600}.label{font-weight:600}.tick{text-anchor:middle}"
        ".side{text-anchor:end}.tick,.side{font-size:12px;fill:#555}"
        ".line{stroke:#e3e3e3;fill:none}.zero{stroke:#8c8c8c;fill:none}"
        f".c{{fill:none;stroke-width:2.2;stroke-linejoin:round}}{light}"
        "@media (prefers-color-scheme:dark){text{fill:#ececec}.ground{fill:#16181c}"
        ".tick,.side{fill:#b4b4b4}.line{stroke:#2e3238}.zero{stroke:#7d848c}"
        f"{dark}}}"
    )


def ticks(low: float, high: float) -> list[float]:
    """Return four to nine round numbers between two ends."""
    span = high - low
    unit = 10.0 ** math.floor(math.log10(span / 4)) if span > 0 else 1.0
    step = next(m * unit for m in (1, 2, 2.5, 5, 10, 20) if span / (m * unit) <= 8)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def tick_text(v: float) -> str:
    return number(round(v, 12) + 0.0).replace("-", "−")


def _description(plotted: Sequence[Card]) -> str:
    """Describe the picture for readers who cannot see it."""
    return " ".join(_curve_in_words(card) for card in plotted) or (
        "No act here has a slope of one element."
    )


def _curve_in_words(card: Card) -> str:
    z, value = card.curve.z, card.curve.value
    rises = all(b >= a for a, b in pairwise(value))
    course = "never falls" if rises else "both rises and falls"
    steepest = max(card.curve.slope, key=abs)
    return (
        f"{card.act}: from f({number(z[0])}) = {number(value[0])} to f({number(z[-1])}) = "
        f"{number(value[-1])} it {course}; its slope is steepest at {number(steepest)}."
    )


def _shorten(names: str) -> str:
    return names if len(names) <= 84 else f"{names[:81]}..."


def _safe(text: str) -> str:
    """Return text that XML 1.0 may hold: markup escaped, forbidden characters replaced."""
    return escape("".join(c if _allowed(ord(c)) else "\ufffd" for c in text))


def _allowed(code: int) -> bool:
    return 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code >= 0x10000
