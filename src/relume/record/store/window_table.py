"""Windows of per-unit counters in the run file: nothing is lost, and nothing is written twice.

Each field is kept in the smallest type that holds all its numbers exactly: counts as integers,
what was measured in float32 as float32, long sums as float64. A site keeps at most `MOST` windows,
and fewer where they would take more than `SITE_BYTES`: neighbours are merged in the file, two at a
time, those that hold the fewest records first; merging is exact (`units.py`). The first window,
the state at initialisation, is never merged, and a site keeps at least `FEWEST` windows, so a very
wide one takes about 400 bytes a unit.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relume.core import Window
from relume.record.measure.unit_counters import FEWEST as FEWEST
from relume.record.measure.unit_counters import FIELDS, merge, window_limit

Floats = NDArray[np.float64]
Row = tuple[Any, ...]
Mark = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window in the file: its row, what tells it from others, and whether it is packed small."""

    id: int
    mark: Mark
    small: bool


@dataclass(slots=True)
class WindowUpdate:
    """What brings one site's windows up to date: rows out, rows in, and pairs to be merged."""

    gone: list[tuple[int]]
    rows: list[Row]
    merged: list[tuple[int, int, int]]

    def __bool__(self) -> bool:
        return bool(self.gone or self.rows or self.merged)

    def apply(self, db: sqlite3.Connection) -> None:
        """Make the change. Within a transaction; twice is as good as once after a rollback."""
        db.executemany("DELETE FROM window WHERE id = ?", self.gone)
        db.executemany(_INSERT, self.rows)
        for one, two, new in self.merged:
            found = [_read(db, number) for number in (one, two)]
            db.executemany("DELETE FROM window WHERE id = ?", [(one,), (two,)])
            site = found[0][0]
            row = packed(site, merge(found[0][1], found[1][1]), small=True)
            db.execute(_INSERT, (new, *row))


class WindowTable:
    """Which windows of the sites are in the file."""

    def __init__(self) -> None:
        self._panes: dict[str, list[WindowRow]] = {}
        self._last = 0

    def update(self, site: str, windows: Sequence[Window]) -> WindowUpdate:
        """The windows take the place of those from the first one's first step on.

        What is there already stays; the last window still grows, so it is packed when it is done.
        """
        panes = self._panes.get(site, [])
        begin = windows[0].first
        kept = [pane for pane in panes if pane.mark[0] < begin]
        old = {pane.mark: pane for pane in panes[len(kept) :]}
        new: dict[int, Window] = {}
        for place, window in enumerate(windows, start=1):
            sign, small = mark(window), place < len(windows)
            pane = old.get(sign)
            if pane is None or (small and not pane.small):
                pane = WindowRow(self._next(), sign, small)
                new[pane.id] = window
            else:
                del old[sign]
            kept.append(pane)
        merged = self._thin(kept, window_limit(_width(windows[0])), new)
        self._panes[site] = kept
        small_ones = {pane.id for pane in kept if pane.small} | {i for pair in merged for i in pair}
        rows = [(i, *packed(site, w, small=i in small_ones)) for i, w in new.items()]
        return WindowUpdate([(pane.id,) for pane in old.values()], rows, merged)

    def _thin(
        self, panes: list[WindowRow], limit: int, new: dict[int, Window]
    ) -> list[tuple[int, int, int]]:
        """Merge until there are few enough; the pairs that have to be merged in the file."""
        merged: list[tuple[int, int, int]] = []
        while len(panes) > limit:
            pairs = range(1, len(panes) - 2)  # neither the first nor the last
            at = min(pairs, key=lambda i: panes[i].mark[2] + panes[i + 1].mark[2])
            one, two = panes[at], panes[at + 1]
            both = WindowRow(self._next(), _both(one.mark, two.mark), True)
            if one.id in new and two.id in new:
                new[both.id] = merge(new.pop(one.id), new.pop(two.id))
            else:
                merged.append((one.id, two.id, both.id))
            panes[at : at + 2] = [both]
        return merged

    def _next(self) -> int:
        self._last += 1
        return self._last


def mark(window: Window) -> Mark:
    """What tells a window from another of the same site: counters only grow."""
    return (window.first, window.last, window.records, window.samples)


def _width(window: Window) -> int:
    return max((len(field) for field in window.fields.values()), default=0)


def _both(one: Mark, two: Mark) -> Mark:
    return (min(one[0], two[0]), max(one[1], two[1]), one[2] + two[2], one[3] + two[3])


_INSERT = "INSERT INTO window VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _read(db: sqlite3.Connection, number: int) -> tuple[str, Window]:
    site, first, last, records, samples, names, types, data = db.execute(
        "SELECT site, first, last, records, samples, names, types, data FROM window WHERE id = ?",
        (number,),
    ).fetchone()
    return site, Window(first, last, records, samples, unpacked(names, types, data))


def packed(site: str, window: Window, *, small: bool) -> Row:
    """A row of the table `window`, after its id; each field in its own type unless `small`."""
    types = [
        _type(field, name) if small else field.dtype.str[1:]
        for name, field in window.fields.items()
    ]
    data = b"".join(
        field.astype(f"<{kind}", copy=False).tobytes()
        for kind, field in zip(types, window.fields.values(), strict=True)
    )
    return (site, *mark(window), json.dumps(list(window.fields)), " ".join(types), data)


def unpacked(names: str, types: str, data: bytes) -> Mapping[str, Floats]:
    """The fields of a window, as float64.

    Raises:
        ValueError: the parts do not fit together.
    """
    known, kinds = json.loads(names), types.split()
    width = sum(int(kind[1:]) for kind in kinds)
    units = len(data) // width if width else 0
    if units * width != len(data) or len(known) != len(kinds):
        raise ValueError("a window's fields do not fit its data")
    found: dict[str, Floats] = {}
    place = 0
    for name, kind in zip(known, kinds, strict=True):
        size = units * int(kind[1:])
        found[name] = np.frombuffer(data[place : place + size], f"<{kind}").astype(np.float64)
        place += size
    return found


def _type(field: NDArray[Any], name: str) -> str:
    """The smallest of u2, u4, f4 and f8 that holds every number of the field exactly.

    The types that a field of its name usually takes are tried alone: most need one look.
    """
    law = FIELDS.get(name)
    usual = () if law is None else _USUAL[law.type]
    for kind in (*usual, "u2", "u4", "f4"):
        if _holds(kind, field):
            return kind
        if kind == "f8":
            break
    return "f8"


_USUAL = {"u4": ("u2", "u4"), "f4": ("f4",), "f8": ("f8",)}


def _holds(kind: str, field: NDArray[Any]) -> bool:
    if kind == "f8":
        return bool(field.any())  # a sum that is nowhere zero: no smaller type is likely to do
    with np.errstate(invalid="ignore", over="ignore"):
        if not np.array_equal(field.astype(kind).astype(np.float64), field, equal_nan=True):
            return False
    # the sign of a zero is the one thing that an integer cannot keep
    return kind == "f4" or not bool(np.signbit(field).any())
