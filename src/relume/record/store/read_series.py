"""Reads the series of a run file: the thinned part, then the whole rows, as `core.Series`."""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relume.core import Series
from relume.record.store.downsample import Key, Stretches, by_step, concat, unpack
from relume.record.store.retention import ABSENT, RECORDS, STEP_KEYS, STEP_STATS, STEPS, UNSEEN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = dict[Key, list[tuple[Ints, Floats]]]

READ = 64  # stretches unpacked at once: one by one is slow, all at once takes much memory


def read_series(db: sqlite3.Connection) -> dict[Key, Series]:
    """Read every series of a file: the thinned part, then the whole rows."""
    layouts: dict[int, list[Key]] = {0: list(STEP_KEYS)}
    for number, body in db.execute("SELECT id, body FROM layout"):
        layouts[number] = [(site, stat) for site, stat in json.loads(body)]
    columns: Columns = {}
    for name, kind in ((RECORDS, "<f4"), (STEPS, "<f8")):
        _read_thin(db, name, kind, layouts, columns)
    _read_records(db, layouts, columns)
    _read_steps(db, columns)
    return {key: _series(parts) for key, parts in columns.items() if parts}


def read_newest(db: sqlite3.Connection) -> tuple[int, dict[Key, float]]:
    """Read step and values of the newest record; -1 and an empty dict before the first one."""
    row = db.execute(
        "SELECT step, body, data FROM record JOIN layout ON layout.id = layout "
        "ORDER BY record.id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return -1, {}
    step, body, data = row
    raw = np.frombuffer(data, "<f4")
    keys = [(site, stat) for site, stat in json.loads(body)]
    pairs = zip(keys, raw.tolist(), raw.view("<u4") != ABSENT, strict=True)
    return int(step), {key: value for key, value, known in pairs if known}


def _read_thin(
    db: sqlite3.Connection, stream: str, kind: str, layouts: dict[int, list[Key]], into: Columns
) -> None:
    group: list[tuple[Sequence[Key], Stretches]] = []
    rows = db.execute("SELECT layout, body FROM thin WHERE stream = ? ORDER BY id", (stream,))
    for layout, body in rows:
        group.append((layouts[layout], unpack(body, kind)))
        if sum(len(part) for _, part in group) >= READ:
            _spread(group, into)
            group = []
    if group:
        _spread(group, into)


def _spread(group: Sequence[tuple[Sequence[Key], Stretches]], into: Columns) -> None:
    keys, stretches = concat(group)
    steps, values, known = by_step(stretches)
    for column, key in enumerate(keys):
        rows = known[column]
        if rows.any():
            into.setdefault(key, []).append((steps[column][rows], values[column][rows]))


def _read_records(db: sqlite3.Connection, layouts: dict[int, list[Key]], columns: Columns) -> None:
    by_layout: dict[int, tuple[list[int], list[bytes]]] = {}
    for step, layout, data in db.execute("SELECT step, layout, data FROM record ORDER BY id"):
        steps, parts = by_layout.setdefault(layout, ([], []))
        steps.append(step)
        parts.append(data)
    for layout, (steps, parts) in by_layout.items():
        keys = layouts[layout]
        raw = np.frombuffer(b"".join(parts), "<f4").reshape(len(steps), len(keys))
        known = raw.view("<u4") != ABSENT
        at, values, whole = np.array(steps, np.int64), raw.astype(np.float64), known.all(0)
        for column, key in enumerate(keys):
            rows = slice(None) if whole[column] else known[:, column]
            columns.setdefault(key, []).append((at[rows], values[rows, column]))


def _read_steps(db: sqlite3.Connection, columns: Columns) -> None:
    data = b"".join(data for (data,) in db.execute("SELECT data FROM step ORDER BY id"))
    rows = np.frombuffer(data, "<f8").reshape(-1, 1 + len(STEP_STATS))
    at = rows[:, 0].astype(np.int64)
    for column, key in enumerate(STEP_KEYS, start=1):
        measured = rows[:, column] != UNSEEN
        if measured.any():
            columns.setdefault(key, []).append((at[measured], rows[measured, column]))


def _series(parts: list[tuple[Ints, Floats]]) -> Series:
    """Join the parts into one series of strictly increasing steps; of equal ones the later wins."""
    steps = np.concatenate([steps for steps, _ in parts])
    values = np.concatenate([values for _, values in parts])
    if not bool((np.diff(steps) > 0).all()):
        order = np.argsort(steps, kind="stable")
        steps, values = steps[order], values[order]
        kept = np.append(steps[1:] != steps[:-1], True)
        steps, values = steps[kept], values[kept]
    return Series(steps, values)
