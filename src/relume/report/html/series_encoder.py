"""Encodes series in as many numbers as a figure has pixels: whole, or the extremes of stretches.

A series that is too long is cut into stretches of equal length, and each keeps its least and
its greatest value with the step at which it ends: a line of that many columns shows the same, and
no spike is lost. Nothing is averaged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relume.core import Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = 480
"""Stretches of a series at most: at 960 pixels across two pixels each."""
LEAST = 16
"""Stretches of a series at least, however many series there are."""
WRITTEN = 40_000
"""Values of a page up to which all are written as numbers; beyond, each takes two characters."""

ALPHABET = "".join(chr(c) for c in range(33, 127) if chr(c) not in "\"&'/<>\\`")
"""Characters that mean nothing in JSON, HTML or a script."""
_LOST = ("nan", "inf", "-inf")
_LEVELS = len(ALPHABET) ** 2 - len(_LOST)


@dataclass(frozen=True, slots=True)
class Downsampled:
    """A series thinned for drawing: `low` is `high` where it is whole."""

    steps: Ints
    low: Floats
    high: Floats

    @property
    def whole(self) -> bool:
        """Whether every value is there, and none is a stretch's extreme."""
        return self.low is self.high


def downsample_pixels(series: Series, columns: int) -> Downsampled:
    """Return the series in at most `columns` stretches; whole where that takes no more numbers.

    A stretch with a value that is not finite has that value as its greatest, so that it shows.
    """
    many = len(series)
    steps, values = np.asarray(series.steps), np.asarray(series.values, dtype=np.float64)
    if many <= 2 * columns:
        return Downsampled(steps, values, values)
    edges = np.linspace(0, many, columns + 1).astype(np.int64)
    fine = np.isfinite(values)
    low = np.minimum.reduceat(np.where(fine, values, np.inf), edges[:-1])
    high = np.maximum.reduceat(np.where(fine, values, -np.inf), edges[:-1])
    for at in np.flatnonzero(~fine):
        column = int(np.searchsorted(edges, at, side="right")) - 1
        high[column] = values[at]
        low[column] = low[column] if np.isfinite(low[column]) else values[at]
    return Downsampled(steps[edges[1:] - 1], low, high)


def columns_for(lengths: Sequence[int], most: int) -> int:
    """Return the greatest number of columns at which series of these lengths take at most `most`
    values."""
    low, high = LEAST, COLUMNS
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(length, 2 * middle) for length in lengths) <= most:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(slots=True)
class SeriesEncoder:
    """Encodes thinned series for one page, and writes steps that many series share only once.

    Attributes:
        columns: stretches of a series at most.
        tight: two characters a value instead of a number.
        acts: act sites of all runs on the page, which share its room.
        grids: the shared steps; a series refers to them by index.
    """

    columns: int
    tight: bool = False
    acts: int = 0
    grids: list[list[int]] = field(default_factory=list[list[int]])
    _places: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def series(self, series: Series, columns: int | None = None) -> dict[str, Any]:
        """Return a series as data: its grid `g` and its values, which are one constant `c`, all
        `v`, or the extremes `lo` and `hi` of stretches."""
        thinned = downsample_pixels(series, columns or self.columns)
        grid = {"g": self._grid(thinned.steps)}
        first = float(thinned.low[0]) if len(thinned.low) else math.nan
        if math.isfinite(first) and bool(
            (thinned.low == first).all() and (thinned.high == first).all()
        ):
            return {**grid, "c": short(first)}
        if thinned.whole:
            return {**grid, "v": self._values(thinned.low)}
        return {**grid, "lo": self._values(thinned.low), "hi": self._values(thinned.high)}

    def _grid(self, steps: Ints) -> int:
        key = np.ascontiguousarray(steps, dtype=np.int64).tobytes()
        if key not in self._places:
            self._places[key] = len(self.grids)
            self.grids.append([int(step) for step in steps])
        return self._places[key]

    def _values(self, values: Floats) -> Any:
        return encode_values(values) if self.tight else [short(value) for value in values.tolist()]


def short(value: float) -> float | str:
    """Round to four significant digits; a number that JSON cannot hold becomes a word."""
    return float(f"{value:.4g}") if math.isfinite(value) else str(value)


def encode_values(values: Floats) -> str:
    """Encode values in two characters each: levels between the least and the greatest, of their
    logarithm where they are positive and span more than two decades. A level is a 7,000th of the
    span, less than a pixel. Before the levels stand ``log`` or ``even`` and the two ends;
    web/src/lib/series.ts reads it.
    """
    fine = np.isfinite(values)
    ends = (float(values[fine].min()), float(values[fine].max())) if fine.any() else (0.0, 0.0)
    a, b = (float(f"{end:.6g}") for end in ends)
    log = a > 0 and b > 100 * a
    scale = np.log10 if log else np.asarray
    with np.errstate(all="ignore"):
        span = float(scale(np.float64(b)) - scale(np.float64(a))) or 1.0
        level = (scale(np.where(fine, values, a)) - float(scale(np.float64(a)))) / span
    codes = np.rint(np.clip(level, 0, 1) * (_LEVELS - 1)).astype(np.int64) + len(_LOST)
    codes[np.isnan(values)] = 0
    codes[values == np.inf] = 1
    codes[values == -np.inf] = 2
    base = len(ALPHABET)
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)
    pairs = np.stack((letters[codes // base], letters[codes % base]), axis=1)
    text = pairs.astype(np.uint8).tobytes().decode()
    return f"{'log' if log else 'even'} {a:.6g} {b:.6g} {text}"
