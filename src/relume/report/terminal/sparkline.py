"""Draws a curve as one line of characters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from relume.report.words.sanitise import number

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-~=+*#"
GAP, ASCII_GAP = "×", "!"
"""Stand for a value that is not finite."""


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A drawn curve.

    Attributes:
        cells: one character a cell.
        beyond: for each cell whether a value in it lies beyond the threshold.
        steps: first and last step.
        low, high: least and greatest finite value, as text; empty if there is none.
        log: the height is logarithmic, since the values span more than three decades.
        gaps: how many values were not finite.
    """

    cells: str
    beyond: tuple[bool, ...]
    steps: tuple[int, int]
    low: str
    high: str
    log: bool
    gaps: int


def draw(
    curve: Sequence[tuple[int, float]],
    width: int,
    *,
    threshold: float | None = None,
    value: float = math.nan,
    plain: bool = False,
) -> Sparkline | None:
    """Draw the curve in at most `width` cells; None where there is no curve.

    Several values in a cell show the one farthest on the side of the threshold on which the
    finding's `value` lies, so that no spike is lost. A cell with a value that is not finite
    shows that.
    """
    if not curve or width < 1:
        return None
    upward = threshold is None or not value < threshold
    values = [float(v) for _, v in curve]
    finite = [v for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    log = low > 0 and high > 1000 * low
    bins = _bins(values, min(width, len(values)))
    marks = (ASCII, ASCII_GAP) if plain else (BLOCKS, GAP)
    return Sparkline(
        cells="".join(_cell(b, low, high, log=log, upward=upward, marks=marks) for b in bins),
        beyond=tuple(any(_beyond(v, threshold, upward=upward) for v in b) for b in bins),
        steps=(curve[0][0], curve[-1][0]),
        low=number(low) if finite else "",
        high=number(high) if finite else "",
        log=log,
        gaps=len(values) - len(finite),
    )


def _bins(values: list[float], cells: int) -> list[list[float]]:
    edges = [round(i * len(values) / cells) for i in range(cells + 1)]
    return [values[a:b] for a, b in pairwise(edges)]


def _beyond(value: float, threshold: float | None, *, upward: bool) -> bool:
    if not math.isfinite(value):
        return True
    if threshold is None:
        return False
    return value >= threshold if upward else value <= threshold


def _cell(
    values: list[float],
    low: float,
    high: float,
    *,
    log: bool,
    upward: bool,
    marks: tuple[str, str],
) -> str:
    blocks, gap = marks
    if not all(math.isfinite(v) for v in values):
        return gap
    value = max(values) if upward else min(values)
    if high == low:  # a constant: at the bottom if it is nothing, else in the middle
        return blocks[3 if value else 0]
    if log:
        height = math.log(value / low) / math.log(high / low)
    else:  # halved first: high - low of two huge values would be infinite
        height = (value / 2 - low / 2) / (high / 2 - low / 2)
    return blocks[min(int(height * len(blocks)), len(blocks) - 1)]
