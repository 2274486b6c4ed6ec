"""One SQLite file a process: written while the run trains, readable at any moment.

Write-ahead logging makes every committed record survive a killed process; nothing is pickled.
Numbers of one record are one little-endian blob, and a *layout* says which (site, stat) each of
them is, so that a record costs one insert whatever the number of sites.

Schema version 1 (``PRAGMA user_version``), application id 0x524C554D ("RLUM"):

    meta(key, value)                          JSON by key
    site(name, body)                          a `core.Site` as JSON
    layout(id, body)                          [[site, stat], ...] as JSON
    record(id, step, layout, data)            float32 of the layout's length
    step(id, data)                            float64 rows (step, loss, learning rate, seconds)
    window(id, site, first, last, records, samples, names, data)  float64 (fields, units)
    fact(id, kind, site, step, body)          a `core.Fact`; body is its data as JSON
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relume.core import Fact, Series, Site, Trace, Window
from relume.errors import NoRunError, NotATraceError, StoreError
from relume.registry import unknown

VERSION = 1
APPLICATION = 0x524C554D
SUFFIX = ".sqlite"
UNSEEN = -float("inf")  # of a loss or a rate: not seen on this step (NaN is a measurement)
STEP_STATS = ("loss", "learning_rate", "step_seconds")

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE site (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE layout (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE record (id INTEGER PRIMARY KEY, step INTEGER NOT NULL, layout INTEGER NOT NULL,
                     data BLOB NOT NULL);
CREATE TABLE step (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE window (id INTEGER PRIMARY KEY, site TEXT NOT NULL, first INTEGER NOT NULL,
                     last INTEGER NOT NULL, records INTEGER NOT NULL, samples INTEGER NOT NULL,
                     names TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX window_site ON window (site);
CREATE TABLE fact (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, site TEXT NOT NULL,
                   step INTEGER NOT NULL, body TEXT NOT NULL);
"""

Floats = NDArray[np.float64]


class Writer:
    """Appends to a run file. Every public method is one transaction.

    Raises:
        StoreError: the folder or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._layouts: dict[tuple[tuple[str, str], ...], int] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The recorder may be closed from another thread than it was opened in.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            # NORMAL syncs only at checkpoints: a killed process loses nothing that was committed,
            # a power cut may lose the last seconds, and no step waits for the disk.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(f"PRAGMA application_id = {APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {VERSION}")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot write the run file {path}: {error}.") from error

    def meta(self, values: Mapping[str, Any]) -> None:
        """Set or replace entries of the run's metadata."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        self._many("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def site(self, site: Site) -> None:
        """Add a site, or replace what is known of it."""
        body = {key: value for key, value in asdict(site).items() if key != "name"}
        self._one("INSERT OR REPLACE INTO site VALUES (?, ?)", (site.name, json.dumps(body)))

    def fact(self, fact: Fact) -> None:
        """Add a fact."""
        row = (fact.kind, fact.site, fact.step, json.dumps(fact.data))
        self._one("INSERT INTO fact (kind, site, step, body) VALUES (?, ?, ?, ?)", row)

    def replace_fact(self, fact: Fact) -> None:
        """Put a fact in the place of the earlier ones of its kind and site."""
        with self._transaction():
            self._db.execute("DELETE FROM fact WHERE kind = ? AND site = ?", (fact.kind, fact.site))
            row = (fact.kind, fact.site, fact.step, json.dumps(fact.data))
            self._db.execute("INSERT INTO fact (kind, site, step, body) VALUES (?, ?, ?, ?)", row)

    def record(self, step: int, keys: tuple[tuple[str, str], ...], values: Sequence[float]) -> None:
        """Add one record: `values[i]` is the stat ``keys[i][1]`` at the site ``keys[i][0]``."""
        layout = self._layouts.get(keys)
        if layout is None:
            layout = self._layouts[keys] = len(self._layouts) + 1
            self._one("INSERT INTO layout VALUES (?, ?)", (layout, json.dumps(keys)))
        with np.errstate(over="ignore"):  # what exceeds float32 is kept as infinity
            data = np.asarray(values, dtype="<f4").tobytes()
        self._one("INSERT INTO record (step, layout, data) VALUES (?, ?, ?)", (step, layout, data))

    def steps(self, rows: Sequence[tuple[float, float, float, float]]) -> None:
        """Add (step, loss, learning rate, seconds) of consecutive steps.

        `UNSEEN` stands for a loss or a rate that was not seen.
        """
        data = np.asarray(rows, dtype="<f8").tobytes()
        self._one("INSERT INTO step (data) VALUES (?)", (data,))

    def windows(self, site: str, windows: Iterable[Window]) -> None:
        """Replace all windows of a site."""
        with self._transaction():
            self._db.execute("DELETE FROM window WHERE site = ?", (site,))
            self._db.executemany(
                "INSERT INTO window (site, first, last, records, samples, names, data) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_window_row(site, window) for window in windows],
            )

    def close(self) -> None:
        """Fold the log into the file and release it."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
        except sqlite3.Error as error:
            raise StoreError(f"cannot finish the run file {self.path}: {error}.") from error

    def _one(self, statement: str, row: tuple[Any, ...]) -> None:
        try:
            self._db.execute(statement, row)
        except sqlite3.Error as error:
            raise StoreError(f"cannot write the run file {self.path}: {error}.") from error

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._transaction():
            self._db.executemany(statement, rows)

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db, self.path)


class _Transaction:
    """BEGIN and COMMIT, or ROLLBACK and one clear sentence."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN")
        except sqlite3.Error as error:
            raise StoreError(f"cannot write the run file {self._path}: {error}.") from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._db.execute("COMMIT" if error is None else "ROLLBACK")
        except sqlite3.Error as failure:
            raise StoreError(f"cannot write the run file {self._path}: {failure}.") from failure
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"cannot write the run file {self._path}: {error}.") from error


def _window_row(site: str, window: Window) -> tuple[Any, ...]:
    names = list(window.fields)
    data = np.asarray([window.fields[name] for name in names], dtype="<f8").tobytes()
    counts = (window.first, window.last, window.records, window.samples)
    return (site, *counts, json.dumps(names), data)


def read(path: Path) -> Trace:
    """The trace in a run file, whether the run has ended, still trains, or was killed.

    Raises:
        NoRunError: there is no such file.
        NotATraceError: the file was not written by relume, or is damaged.
    """
    db = _open(path)
    try:
        table = _record_series(db)
        table.update(_step_series(db))
        return Trace(
            meta=_meta(db),
            sites=_sites(db),
            table=table,
            units=_windows(db),
            facts=tuple(
                Fact(kind, site, step, json.loads(body))
                for kind, site, step, body in db.execute(
                    "SELECT kind, site, step, body FROM fact ORDER BY id"
                )
            ),
        )
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        raise NotATraceError(f"{path} is damaged and cannot be read: {error}.") from error
    finally:
        db.close()


def meta(path: Path) -> dict[str, Any]:
    """Only the run's metadata. Raises as `read` does."""
    db = _open(path)
    try:
        return _meta(db)
    except (sqlite3.Error, ValueError) as error:
        raise NotATraceError(f"{path} is damaged and cannot be read: {error}.") from error
    finally:
        db.close()


def runs(folder: Path) -> list[Path]:
    """The run files in a folder, the newest first; empty where there is none."""
    if not folder.is_dir():
        return []
    # Names begin with the time of the start; a copy keeps its name and so its place.
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.name, reverse=True)


def find(name: str | None, folder: Path) -> Path:
    """The run file meant by a path, a name, or a unique beginning of one; the latest for None.

    Raises:
        NoRunError: there is none; the message says where it was looked for, and the nearest.
    """
    if name is not None and Path(name).is_file():
        return Path(name)
    known = runs(folder)
    if name is None:
        if not known:
            raise NoRunError(f"no recorded run in {folder}/; record one with `relume run SCRIPT`.")
        return known[0]
    hits = [path for path in known if path.stem == name or path.name == name]
    hits = hits or [path for path in known if path.name.startswith(name)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise NoRunError(
            f"{name!r} is the beginning of {len(hits)} runs in {folder}/: "
            f"{', '.join(path.stem for path in hits[:4])}; give more of the name."
        )
    if not known:
        raise NoRunError(f"no file {name!r}, and no recorded run in {folder}/.")
    raise NoRunError(unknown(name, [path.stem for path in known], "run"))


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise NoRunError(f"no run file {path}.")
    with path.open("rb") as file:
        head = file.read(16)
    if head != b"SQLite format 3\x00":
        raise NotATraceError(f"{path} is not a run that relume recorded (no SQLite file).")
    try:
        # Not read-only: after a kill the log has to be recovered, which writes beside the file.
        db = sqlite3.connect(path, isolation_level=None)
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise NotATraceError(f"{path} is damaged and cannot be read: {error}.") from error
    if application != APPLICATION:
        db.close()
        raise NotATraceError(f"{path} is a SQLite file, but not one that relume wrote.")
    if version > VERSION:
        db.close()
        raise NotATraceError(
            f"{path} has schema version {version}, this relume reads up to {VERSION}; update it."
        )
    return db


def _meta(db: sqlite3.Connection) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM meta")}


def _sites(db: sqlite3.Connection) -> tuple[Site, ...]:
    found = [
        Site(name=name, **json.loads(body))
        for name, body in db.execute("SELECT name, body FROM site")
    ]
    return tuple(sorted(found, key=lambda site: (site.order, site.name)))


def _record_series(db: sqlite3.Connection) -> dict[tuple[str, str], Series]:
    columns: dict[tuple[str, str], list[tuple[NDArray[np.int64], Floats]]] = {}
    for layout, body in db.execute("SELECT id, body FROM layout").fetchall():
        keys = [(site, stat) for site, stat in json.loads(body)]
        rows = db.execute(
            "SELECT step, data FROM record WHERE layout = ? ORDER BY id", (layout,)
        ).fetchall()
        if not rows:
            continue
        steps = np.array([step for step, _ in rows], dtype=np.int64)
        flat = np.frombuffer(b"".join(data for _, data in rows), dtype="<f4")
        grid = flat.reshape(len(rows), len(keys)).astype(np.float64)
        for column, key in enumerate(keys):
            columns.setdefault(key, []).append((steps, grid[:, column]))
    return {key: _joined(parts) for key, parts in columns.items()}


def _joined(parts: list[tuple[NDArray[np.int64], Floats]]) -> Series:
    steps = np.concatenate([steps for steps, _ in parts])
    values = np.concatenate([values for _, values in parts])
    order = np.argsort(steps, kind="stable")
    return Series(steps[order], values[order])


def _step_series(db: sqlite3.Connection) -> dict[tuple[str, str], Series]:
    data = b"".join(data for (data,) in db.execute("SELECT data FROM step ORDER BY id"))
    if not data:
        return {}
    grid = np.frombuffer(data, dtype="<f8").reshape(-1, 4)
    found: dict[tuple[str, str], Series] = {}
    for column, stat in enumerate(STEP_STATS, start=1):
        rows = grid[grid[:, column] != UNSEEN]
        if len(rows):
            found["", stat] = Series(rows[:, 0].astype(np.int64), rows[:, column])
    return found


def _windows(db: sqlite3.Connection) -> dict[str, tuple[Window, ...]]:
    found: dict[str, list[Window]] = {}
    rows = db.execute(
        "SELECT site, first, last, records, samples, names, data FROM window ORDER BY first, id"
    )
    for site, first, last, records, samples, names, data in rows:
        keys = json.loads(names)
        grid = np.frombuffer(data, dtype="<f8").reshape(len(keys), -1)
        fields = {key: grid[row] for row, key in enumerate(keys)}
        found.setdefault(site, []).append(Window(first, last, records, samples, fields))
    return {site: tuple(windows) for site, windows in found.items()}
