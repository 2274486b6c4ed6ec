"""Thins old records and steps of a run file while the run goes on, so that the file stays small.

A stream (the records, or the losses of each step) keeps every row until there are many (`Bounds`).
Then the oldest rows are downsampled (`downsample.py`), eight to a stretch, and the newest few
hundred stay whole. When there are too many stretches, two neighbours merge, the shortest first and
of these the oldest. So all stretches of a run differ in length by a factor of about two, and the
file does not grow with the run. Stretches are stored and merged in chunks: each piece of work takes
a few milliseconds, at any length of the run.

The bounds keep a million steps by 200 sites under 200 MB (benchmarks/store.py). Records stay whole
until they take 16 MB, and at least 1,024 of them; thinned ones take 40 MB, and at least 128
stretches stay. Losses stay whole for 65,536 steps, then in 4,096 stretches.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from relume.record.store.downsample import (
    POINTS,
    Key,
    Stretches,
    concat,
    downsample,
    merge_pairs,
    pack,
    unpack,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ABSENT = 0x7FC0DEAD  # float32 bits for "not measured": no computed NaN has them
UNSEEN = -float("inf")  # a loss or rate that was not read on this step (NaN is a measurement)
STEP_STATS = ("loss", "learning_rate", "step_seconds")
STEP_KEYS = tuple(("", stat) for stat in STEP_STATS)
RECORDS, STEPS = "record", "step"  # the streams

CHUNK = 2  # stretches merged and stored together: some 15 ms of work, at 4,000 series
LENGTH = 8  # rows of a new stretch: half of them stay
RECORD_BYTES = 16_000_000  # of whole records
THIN_BYTES = 40_000_000  # of thinned ones
POINT_BYTES = 6  # of a thinned value, with its step: measured (benchmarks/store.py)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a stream stays whole.

    Attributes:
        whole: rows at which thinning begins.
        tail: newest rows that stay whole after that.
        stretches: stretches of one chunk.
        chunks: the most chunks. It should well exceed the number of doublings, since up to that
            many chunks at the end are shorter, like the digits of a binary counter.
    """

    whole: int
    tail: int
    stretches: int
    chunks: int

    @property
    def rows(self) -> int:
        """How many whole rows make one chunk."""
        return self.stretches * LENGTH


STEP_BOUNDS = Bounds(whole=65_536, tail=2_048, stretches=16, chunks=256)


def record_bounds(series: int) -> Bounds:
    """The bounds for records of `series` series."""
    each = max(series, 1)
    whole = min(max(RECORD_BYTES // (4 * each), 1_024), 16_384)
    chunk = CHUNK * POINTS * POINT_BYTES * each
    return Bounds(whole, 256, CHUNK, min(max(THIN_BYTES // chunk, 64), 1_024))


@dataclass(slots=True)
class ThinnedStream:
    """The thinned part of one stream, as the writer knows it: ids and levels of its chunks."""

    name: str
    value_type: str
    chunks: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def add(
        self, db: sqlite3.Connection, layout: int, chunk: Stretches, most: int, layouts: "Layouts"
    ) -> None:
        """Append a chunk, and merge chunks while there are more than `most`."""
        row = (self.name, 0, layout, pack(chunk, self.value_type))
        cursor = db.execute(
            "INSERT INTO thin (stream, level, layout, body) VALUES (?, ?, ?, ?)", row
        )
        self.chunks.append((int(cursor.lastrowid or 0), 0))
        while len(self.chunks) > most:
            place = self._pair()
            if place is None:
                return
            self._merge(db, place, layouts)

    def _pair(self) -> int | None:
        """The place of two neighbours of equal length: the shortest, and of these the oldest."""
        pairs = [
            (level, place)
            for place, (_, level) in enumerate(self.chunks[:-1])
            if self.chunks[place + 1][1] == level
        ]
        return min(pairs)[1] if pairs else None

    def _merge(self, db: sqlite3.Connection, place: int, layouts: "Layouts") -> None:
        (one, level), (two, _) = self.chunks[place : place + 2]
        parts: list[tuple[Sequence[Key], Stretches]] = []
        ids: list[int] = []
        for number in (one, two):
            layout, body = db.execute(
                "SELECT layout, body FROM thin WHERE id = ?", (number,)
            ).fetchone()
            ids.append(layout)
            parts.append((layouts.keys_of(layout), merge_pairs(unpack(body, self.value_type))))
        keys, both = concat(parts)
        layout = ids[0] if ids[0] == ids[1] else layouts.layout_of(db, keys)
        row = (level + 1, layout, pack(both, self.value_type), one)
        db.execute("UPDATE thin SET level = ?, layout = ?, body = ? WHERE id = ?", row)
        db.execute("DELETE FROM thin WHERE id = ?", (two,))
        self.chunks[place : place + 2] = [(one, level + 1)]


class Layouts:
    """The layouts of a file: which (site, stat) each number of a record is."""

    def __init__(self) -> None:
        self._ids: dict[tuple[Key, ...], int] = {STEP_KEYS: 0}  # 0 is never written
        self._keys: dict[int, tuple[Key, ...]] = {0: STEP_KEYS}
        self.unwritten: set[int] = set()
        self.columns: dict[Key, int] = {}  # every key so far, in the order of its first record

    def __len__(self) -> int:
        return len(self._keys) - 1

    def keys_of(self, layout: int) -> tuple[Key, ...]:
        """The keys of a layout."""
        return self._keys[layout]

    def find(self, keys: tuple[Key, ...]) -> int | None:
        """The layout of these keys, or None."""
        return self._ids.get(keys)

    def layout_of(self, db: sqlite3.Connection, keys: tuple[Key, ...]) -> int:
        """The layout of these keys; a new one is written."""
        layout = self._ids.get(keys)
        if layout is None:
            layout = len(self) + 1
            self._ids[keys] = layout
            self._keys[layout] = keys
            for key in keys:
                self.columns.setdefault(key, len(self.columns))
            self.unwritten.add(layout)
        if layout in self.unwritten:  # until its transaction is committed
            db.execute("INSERT OR REPLACE INTO layout VALUES (?, ?)", (layout, json.dumps(keys)))
        return layout


def thin_records(
    db: sqlite3.Connection, stream: ThinnedStream, layouts: Layouts, bounds: Bounds, last: int
) -> int:
    """Thin the oldest whole records, up to id `last`, and return how many there were."""
    records = db.execute(
        "SELECT id, step, layout, data FROM record WHERE id <= ? ORDER BY id LIMIT ?",
        (last, bounds.rows),
    ).fetchall()
    if not records:
        return 0
    steps, values, present = grid(records, layouts)
    used = np.flatnonzero(present.any(0))
    names = list(layouts.columns)
    layout = layouts.layout_of(db, tuple(names[int(i)] for i in used))
    chunk = downsample(steps, values[:, used], present[:, used], LENGTH)
    stream.add(db, layout, chunk, bounds.chunks, layouts)
    for table in ("record", "mask"):
        db.execute(f"DELETE FROM {table} WHERE id <= ?", (records[-1][0],))
    return len(records)


def grid(
    records: Sequence[tuple[int, int, int, bytes]], layouts: Layouts
) -> tuple[Ints, Floats, Flags]:
    """Put records of any layouts into one matrix.

    Returns:
        Steps (rows,), values and presence (rows, series).
    """
    values = np.zeros((len(records), len(layouts.columns)))
    present = np.zeros(values.shape, dtype=bool)
    places: dict[int, list[int]] = {}
    for row, (_, _, layout, data) in enumerate(records):
        columns = places.get(layout)
        if columns is None:
            columns = places[layout] = [layouts.columns[key] for key in layouts.keys_of(layout)]
        raw = np.frombuffer(data, "<f4")
        values[row, columns] = raw
        present[row, columns] = raw.view("<u4") != ABSENT
    return np.array([step for _, step, _, _ in records], dtype=np.int64), values, present


def thin_steps(
    db: sqlite3.Connection, stream: ThinnedStream, layouts: Layouts, bounds: Bounds
) -> int:
    """Thin the oldest whole steps, one chunk of them, and return how many there were."""
    wanted = bounds.rows
    ids: list[int] = []
    parts: list[Floats] = []
    count = 0
    for number, data in db.execute("SELECT id, data FROM step ORDER BY id"):
        ids.append(number)
        parts.append(np.frombuffer(data, "<f8").reshape(-1, 1 + len(STEP_STATS)))
        count += len(parts[-1])
        if count >= wanted:
            break
    if count < wanted:
        return 0
    rows = np.concatenate(parts)
    thinned, rest = rows[:wanted], rows[wanted:]
    values = thinned[:, 1:]
    chunk = downsample(thinned[:, 0].astype(np.int64), values, values != UNSEEN, LENGTH)
    stream.add(db, 0, chunk, bounds.chunks, layouts)
    db.execute("DELETE FROM step WHERE id < ?", (ids[-1],))
    if len(rest):  # the rest of the last row keeps its id, and so its place in the order
        db.execute("UPDATE step SET data = ? WHERE id = ?", (rest.tobytes(), ids[-1]))
    else:
        db.execute("DELETE FROM step WHERE id = ?", (ids[-1],))
    return wanted
