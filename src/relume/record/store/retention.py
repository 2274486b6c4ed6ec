"""Old records and steps of a run file, thinned while the run goes on, so that it stays small.

A stream (the records, or the per-step losses) keeps every row until there are many (`Bounds`).
Then the oldest rows are thinned by the law of `thin.py`, eight to a stretch, and the newest few
hundred stay whole. When there are too many stretches, neighbours become one, oldest first among
the shortest: all stretches are within a factor of about two as long as another, over the whole
run, and however long it is the file does not grow. Stretches are kept and joined in chunks, so
that each piece of work takes a few milliseconds and none grows with the length of the run.

Bounds (chosen so that a million steps by 200 sites stay under 200 MB: benchmarks/store.py):
records stay whole until they take 16 MB and are 1,024 at least; thinned they take 40 MB, and at
least 128 stretches are kept. Losses stay whole for 65,536 steps, then in 4,096 stretches.
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
    packed,
    unpacked,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ABSENT = 0x7FC0DEAD  # the bits of a float32 that stand for "not measured": no computed NaN's
UNSEEN = -float("inf")  # of a loss or a rate: not seen on this step (NaN is a measurement)
STEP_STATS = ("loss", "learning_rate", "step_seconds")
STEP_KEYS = tuple(("", stat) for stat in STEP_STATS)
RECORDS, STEPS = "record", "step"  # the streams

CHUNK = 2  # stretches joined and kept together: some 15 ms of work, at 4,000 series
LENGTH = 8  # rows of a stretch at first: half of them are kept
RECORD_BYTES = 16_000_000  # of whole records
THIN_BYTES = 40_000_000  # of thinned ones
POINT_BYTES = 6  # of a thinned value, with its step: measured (benchmarks/store.py)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a stream stays whole.

    Attributes:
        whole: rows at which thinning begins.
        tail: newest rows that stay whole from then on.
        stretches: of one chunk.
        chunks: at most. It should well exceed the number of doublings, since up to so many
            stand at the end like the digits of a counter, shorter than the others.
    """

    whole: int
    tail: int
    stretches: int
    chunks: int

    @property
    def rows(self) -> int:
        """Whole rows that make one chunk."""
        return self.stretches * LENGTH


STEP_BOUNDS = Bounds(whole=65_536, tail=2_048, stretches=16, chunks=256)


def record_bounds(series: int) -> Bounds:
    """The bounds of records of so many series."""
    each = max(series, 1)
    whole = min(max(RECORD_BYTES // (4 * each), 1_024), 16_384)
    chunk = CHUNK * POINTS * POINT_BYTES * each
    return Bounds(whole, 256, CHUNK, min(max(THIN_BYTES // chunk, 64), 1_024))


@dataclass(slots=True)
class ThinnedStream:
    """What the writer knows of one stream's thinned part: ids and levels of its chunks."""

    name: str
    value_type: str
    chunks: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def add(
        self, db: sqlite3.Connection, layout: int, chunk: Stretches, most: int, union: "Layouts"
    ) -> None:
        """Append a chunk, and join chunks while there are more than `most`."""
        row = (self.name, 0, layout, packed(chunk, self.value_type))
        cursor = db.execute(
            "INSERT INTO thin (stream, level, layout, body) VALUES (?, ?, ?, ?)", row
        )
        self.chunks.append((int(cursor.lastrowid or 0), 0))
        while len(self.chunks) > most:
            place = self._pair()
            if place is None:
                return
            self._join(db, place, union)

    def _pair(self) -> int | None:
        """Where two neighbours of one length stand: the shortest, and of these the oldest."""
        pairs = [
            (level, place)
            for place, (_, level) in enumerate(self.chunks[:-1])
            if self.chunks[place + 1][1] == level
        ]
        return min(pairs)[1] if pairs else None

    def _join(self, db: sqlite3.Connection, place: int, union: "Layouts") -> None:
        (one, level), (two, _) = self.chunks[place : place + 2]
        parts: list[tuple[Sequence[Key], Stretches]] = []
        layouts: list[int] = []
        for number in (one, two):
            layout, body = db.execute(
                "SELECT layout, body FROM thin WHERE id = ?", (number,)
            ).fetchone()
            layouts.append(layout)
            parts.append((union.keys_of(layout), merge_pairs(unpacked(body, self.value_type))))
        keys, both = concat(parts)
        layout = layouts[0] if layouts[0] == layouts[1] else union.layout_of(db, keys)
        row = (level + 1, layout, packed(both, self.value_type), one)
        db.execute("UPDATE thin SET level = ?, layout = ?, body = ? WHERE id = ?", row)
        db.execute("DELETE FROM thin WHERE id = ?", (two,))
        self.chunks[place : place + 2] = [(one, level + 1)]


class Layouts:
    """The layouts of a file: which (site, stat) the numbers of a record are."""

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

    def known(self, keys: tuple[Key, ...]) -> int | None:
        """The layout of these keys, if there is one."""
        return self._ids.get(keys)

    def layout_of(self, db: sqlite3.Connection, keys: tuple[Key, ...]) -> int:
        """The layout of these keys, written if it is new."""
        layout = self._ids.get(keys)
        if layout is None:
            layout = len(self) + 1
            self._ids[keys] = layout
            self._keys[layout] = keys
            for key in keys:
                self.columns.setdefault(key, len(self.columns))
            self.unwritten.add(layout)
        if layout in self.unwritten:  # until a transaction with it has been committed
            db.execute("INSERT OR REPLACE INTO layout VALUES (?, ?)", (layout, json.dumps(keys)))
        return layout


def thin_records(
    db: sqlite3.Connection, stream: ThinnedStream, union: Layouts, bounds: Bounds, last: int
) -> int:
    """Thin the oldest whole records up to id `last`; how many they were."""
    found = db.execute(
        "SELECT id, step, layout, data FROM record WHERE id <= ? ORDER BY id LIMIT ?",
        (last, bounds.rows),
    ).fetchall()
    if not found:
        return 0
    steps, values, present = grid(found, union)
    used = np.flatnonzero(present.any(0))
    names = list(union.columns)
    layout = union.layout_of(db, tuple(names[int(i)] for i in used))
    chunk = downsample(steps, values[:, used], present[:, used], LENGTH)
    stream.add(db, layout, chunk, bounds.chunks, union)
    for table in ("record", "mask"):
        db.execute(f"DELETE FROM {table} WHERE id <= ?", (found[-1][0],))
    return len(found)


def grid(
    found: Sequence[tuple[int, int, int, bytes]], union: Layouts
) -> tuple[Ints, Floats, Flags]:
    """Records of any layouts as one matrix: steps (rows,), values and presence (rows, series)."""
    values = np.zeros((len(found), len(union.columns)))
    present = np.zeros(values.shape, dtype=bool)
    places: dict[int, list[int]] = {}
    for row, (_, _, layout, data) in enumerate(found):
        where = places.get(layout)
        if where is None:
            where = places[layout] = [union.columns[key] for key in union.keys_of(layout)]
        raw = np.frombuffer(data, "<f4")
        values[row, where] = raw
        present[row, where] = raw.view("<u4") != ABSENT
    return np.array([step for _, step, _, _ in found], dtype=np.int64), values, present


def thin_steps(
    db: sqlite3.Connection, stream: ThinnedStream, union: Layouts, bounds: Bounds
) -> int:
    """Thin the oldest whole steps, one chunk of them; how many they were."""
    wanted = bounds.rows
    ids: list[int] = []
    parts: list[Floats] = []
    have = 0
    for number, data in db.execute("SELECT id, data FROM step ORDER BY id"):
        ids.append(number)
        parts.append(np.frombuffer(data, "<f8").reshape(-1, 1 + len(STEP_STATS)))
        have += len(parts[-1])
        if have >= wanted:
            break
    if have < wanted:
        return 0
    rows = np.concatenate(parts)
    keep, rest = rows[:wanted], rows[wanted:]
    values = keep[:, 1:]
    chunk = downsample(keep[:, 0].astype(np.int64), values, values != UNSEEN, LENGTH)
    stream.add(db, 0, chunk, bounds.chunks, union)
    db.execute("DELETE FROM step WHERE id < ?", (ids[-1],))
    if len(rest):  # what is left of the last one keeps its place in the order
        db.execute("UPDATE step SET data = ? WHERE id = ?", (rest.tobytes(), ids[-1]))
    else:
        db.execute("DELETE FROM step WHERE id = ?", (ids[-1],))
    return wanted
