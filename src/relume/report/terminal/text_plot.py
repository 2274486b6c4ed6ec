"""Plots a function in characters: braille where the terminal has it, else ASCII."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from relume.report.words.sanitise import number

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille cell by row and column (Unicode, block U+2800)."""


@dataclass(frozen=True, slots=True)
class TextPlot:
    """A drawn function.

    Attributes:
        rows: the lines of the plot; a character other than a blank or an axis is the curve.
        labels: what stands left of each row, all of one width.
        below: the line under the plot, with the ends of z.
        axes: the characters that are axis, not curve.
    """

    rows: tuple[str, ...]
    labels: tuple[str, ...]
    below: str
    axes: str


def plot(
    z: Sequence[float], y: Sequence[float], width: int, height: int, *, plain: bool = False
) -> TextPlot | None:
    """Plot y over ascending z in `width` times `height` cells; None where there is nothing to draw.

    The plot always holds y = 0, and z = 0 where that is within, as thin lines.
    """
    points = [(a, b) for a, b in zip(z, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
    if len(points) < 2 or width < 4 or height < 2:
        return None
    left, right = points[0][0], points[-1][0]
    low, high = min(0.0, *(b for _, b in points)), max(0.0, *(b for _, b in points))
    if high / 2 == low / 2:  # flat up to rounding
        low, high = -1.0, 1.0
    if right <= left or not math.isfinite(high / 2 - low / 2):
        return None
    wide, tall = 2 * width - 1, 4 * height - 1

    def spot(a: float, b: float) -> tuple[float, float]:
        down = (high / 2 - b / 2) / (high / 2 - low / 2)  # halved: the span may overflow
        return (a - left) / (right - left) * wide, down * tall

    cells = [[0] * width for _ in range(height)]
    for one, two in pairwise(points):
        _line(cells, spot(*one), spot(*two))
    zero_row = round(spot(left, 0.0)[1]) // 4
    zero_column = round(spot(0.0, 0.0)[0]) // 2 if left <= 0 <= right else -1
    across, along, both = ("-", "|", "+") if plain else ("─", "│", "┼")
    rows: list[str] = []
    for r, bits in enumerate(cells):
        row = ""
        for c, bit in enumerate(bits):
            axis = (r == zero_row) + 2 * (c == zero_column)
            empty = (" ", across, along, both)[axis]
            row += empty if not bit else "*" if plain else chr(0x2800 + bit)
        rows.append(row)
    labels = {0: number(high), height - 1: number(low), zero_row: "0"}
    margin = max(map(len, labels.values()))
    ends = number(left), number(right)
    gap = width - len(ends[0]) - len(ends[1])
    below = ends[0] + " " * gap + ends[1] if gap > 0 else ends[0]
    named = tuple(labels.get(r, "").rjust(margin) for r in range(height))
    return TextPlot(tuple(rows), named, " " * (margin + 1) + below, across + along + both)


def _line(cells: list[list[int]], one: tuple[float, float], two: tuple[float, float]) -> None:
    """Draw dots from one point inside to another."""
    steps = max(int(max(abs(two[0] - one[0]), abs(two[1] - one[1]))) + 1, 1)
    for step in range(steps + 1):
        x = round(one[0] + (two[0] - one[0]) * step / steps)
        y = round(one[1] + (two[1] - one[1]) * step / steps)
        cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
