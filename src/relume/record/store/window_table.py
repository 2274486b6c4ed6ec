"""Keeps the windows of per-unit counters in the run file, without loss, each written once.

Each field is stored in the type that it has in memory: counts as integers, float32 measurements as
float32, sums as float64. A site keeps at most `MOST` windows, and
fewer where they would take more than `SITE_BYTES`: neighbours are merged in the file, two at a
time, those with the fewest records first. Merging is exact (`measure/unit_counters.py`). The first
window, the state at initialisation, is never merged. A site keeps at least `FEWEST` windows, so a
very wide one takes about 400 bytes a unit.
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
WindowKey = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window in the file: its id and its key."""

    id: int
    key: WindowKey


@dataclass(slots=True)
class WindowUpdate:
    """An update of one site's windows in the file: rows to delete, to insert, pairs to merge."""

    gone: list[tuple[int]]
    rows: list[Row]
    merged: list[tuple[int, int, int]]

    def __bool__(self) -> bool:
        return bool(self.gone or self.rows or self.merged)

    def apply(self, db: sqlite3.Connection) -> None:
        """Apply the update within a transaction; it can be applied again after a rollback."""
        db.executemany("DELETE FROM window WHERE id = ?", self.gone)
        db.executemany(_INSERT, self.rows)
        for one, two, new in self.merged:
            (site, first), (_, second) = (_read(db, number) for number in (one, two))
            db.executemany("DELETE FROM window WHERE id = ?", [(one,), (two,)])
            row = pack_row(site, merge(first, second))
            db.execute(_INSERT, (new, *row))


class WindowTable:
    """Tracks which windows of the sites are in the file."""

    def __init__(self) -> None:
        self._rows: dict[str, list[WindowRow]] = {}
        self._last = 0

    def update(
        self, site: str, windows: Sequence[Window], splits: Sequence[int] = ()
    ) -> WindowUpdate:
        """The update that replaces all windows from the first one's first step on.

        A window that is already in the file stays.
        """
        in_file = self._rows.get(site, [])
        begin = windows[0].first
        rows = [row for row in in_file if row.key[0] < begin]
        old = {row.key: row for row in in_file[len(rows) :]}
        new: dict[int, Window] = {}
        for window in windows:
            key = key_of(window)
            row = old.pop(key, None)
            if row is None:
                row = WindowRow(self._next(), key)
                new[row.id] = window
            rows.append(row)
        merged = self._thin(rows, window_limit(_width(windows[0])), new, splits)
        self._rows[site] = rows
        inserts = [(i, *pack_row(site, w)) for i, w in new.items()]
        return WindowUpdate([(row.id,) for row in old.values()], inserts, merged)

    def _thin(
        self,
        rows: list[WindowRow],
        limit: int,
        new: dict[int, Window],
        splits: Sequence[int] = (),
    ) -> list[tuple[int, int, int]]:
        """Merge rows until at most `limit` are left; return the pairs to be merged in the file.

        Windows on either side of a split belong to different regimes, and are not merged.
        """
        merged: list[tuple[int, int, int]] = []
        while len(rows) > limit:
            pairs = [  # neither the first nor the last
                i
                for i in range(1, len(rows) - 2)
                if not any(rows[i].key[1] < split <= rows[i + 1].key[0] for split in splits)
            ]
            if not pairs:
                break
            at = min(pairs, key=lambda i: rows[i].key[2] + rows[i + 1].key[2])
            one, two = rows[at], rows[at + 1]
            both = WindowRow(self._next(), _merged_key(one.key, two.key))
            if one.id in new and two.id in new:
                new[both.id] = merge(new.pop(one.id), new.pop(two.id))
            else:
                merged.append((one.id, two.id, both.id))
            rows[at : at + 2] = [both]
        return merged

    def _next(self) -> int:
        self._last += 1
        return self._last


def key_of(window: Window) -> WindowKey:
    """The key that distinguishes a window from others of its site: its counters only grow."""
    return (window.first, window.last, window.records, window.samples)


def _width(window: Window) -> int:
    return max((len(field) for field in window.fields.values()), default=0)


def _merged_key(one: WindowKey, two: WindowKey) -> WindowKey:
    return (min(one[0], two[0]), max(one[1], two[1]), one[2] + two[2], one[3] + two[3])


_INSERT = "INSERT INTO window VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _read(db: sqlite3.Connection, number: int) -> tuple[str, Window]:
    site, first, last, records, samples, names, types, data = db.execute(
        "SELECT site, first, last, records, samples, names, types, data FROM window WHERE id = ?",
        (number,),
    ).fetchone()
    return site, Window(first, last, records, samples, unpack_fields(names, types, data))


def pack_row(site: str, window: Window) -> Row:
    """A row of the table `window`, without its id."""
    types = [_type(field, name) for name, field in window.fields.items()]
    data = b"".join(
        field.astype(f"<{kind}", copy=False).tobytes()
        for kind, field in zip(types, window.fields.values(), strict=True)
    )
    return (site, *key_of(window), json.dumps(list(window.fields)), " ".join(types), data)


def unpack_fields(names: str, types: str, data: bytes) -> Mapping[str, Floats]:
    """Read the fields of a window, as float64.

    Raises:
        ValueError: the parts do not fit together.
    """
    known, kinds = json.loads(names), types.split()
    width = sum(int(kind[1:]) for kind in kinds)
    units = len(data) // width if width else 0
    if units * width != len(data) or len(known) != len(kinds):
        raise ValueError("a window's fields do not fit its data")
    fields: dict[str, Floats] = {}
    place = 0
    for name, kind in zip(known, kinds, strict=True):
        size = units * int(kind[1:])
        fields[name] = np.frombuffer(data[place : place + size], f"<{kind}").astype(np.float64)
        place += size
    return fields


def _type(field: NDArray[Any], name: str) -> str:
    """The type of a field in the file: its type in memory, or f8 where that does not hold it.

    A merged window may count beyond 4 bytes. Smaller types than in memory were measured: they
    save 4 % of a file (benchmarks/store.py).
    """
    kind = FIELDS[name].type if name in FIELDS else "f8"
    if field.dtype == kind:
        return kind
    with np.errstate(invalid="ignore", over="ignore"):
        exact = np.array_equal(field.astype(kind), field, equal_nan=True)
    return kind if exact else "f8"
