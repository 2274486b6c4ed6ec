"""Per-unit counters that add up over records, in a bounded number of windows.

Memory is constant over time: 12 numbers of 8 bytes a unit and window, at most `MOST` windows;
when they are full, neighbours are merged and each new window takes twice as many records. All
fields are sums, maxima or minima, so merging loses no count and no extreme.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from relume.core import Window

Floats = NDArray[np.float64]

SUMS = (
    "active",
    "low",
    "high",
    "post_sum",
    "post_sumsq",
    "grad_abs_sum",
    "pre_n",
    "pre_sum",
    "pre_sumsq",
)
MAXIMA = ("post_max", "pre_max")
MINIMA = ("post_min",)
FIELDS = (*SUMS, *MAXIMA, *MINIMA)

FIRST_RECORDS = 4  # records a window holds at first: two windows are the 8 batches of RULES.md
MOST = 40  # windows kept; 40 * 12 * 8 bytes = 4 KB a unit at the very most


class UnitCounters:
    """The windows of one site.

    The first record is a window of its own, for ever: it is the state at initialisation.
    """

    def __init__(self) -> None:
        self._closed: list[Window] = []
        self._open: Window | None = None
        self._target = FIRST_RECORDS
        self.changed = False

    def add(self, step: int, samples: int, fields: Mapping[str, Floats]) -> None:
        """Add one record: `samples` rows per unit, each field one number a unit."""
        new = Window(step, step, 1, samples, fields)
        if not self._closed and self._open is None:
            self._closed.append(new)
        elif self._open is None:
            self._open = new
        else:
            self._open = merge(self._open, new)
        if self._open is not None and self._open.records >= self._target:
            self._closed.append(self._open)
            self._open = None
            self._thin()
        self.changed = True

    def windows(self) -> list[Window]:
        """All windows so far, the open one last."""
        return [*self._closed, *([self._open] if self._open is not None else [])]

    def _thin(self) -> None:
        if len(self._closed) <= MOST:
            return
        first, rest = self._closed[0], self._closed[1:]
        pairs = [merge(rest[i], rest[i + 1]) for i in range(0, len(rest) - 1, 2)]
        self._closed = [first, *pairs, *(rest[-1:] if len(rest) % 2 else [])]
        self._target *= 2


def merge(one: Window, two: Window) -> Window:
    """Both windows as one: sums added, maxima and minima taken, counts exact."""
    fields = {name: one.fields[name] + two.fields[name] for name in SUMS}
    fields |= {name: np.fmax(one.fields[name], two.fields[name]) for name in MAXIMA}
    fields |= {name: np.fmin(one.fields[name], two.fields[name]) for name in MINIMA}
    return Window(
        min(one.first, two.first),
        max(one.last, two.last),
        one.records + two.records,
        one.samples + two.samples,
        fields,
    )
