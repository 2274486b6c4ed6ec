"""One SQLite file a process: written while the run trains, readable at any moment.

Write-ahead logging makes every committed record survive a killed process; nothing is pickled.
Numbers of one record are one little-endian blob, and a *layout* says which (site, stat) each of
them is, so that a record costs one insert whatever the number of sites. The file is bounded:
old records are thinned (`archive.py`, by the law of `thin.py`).

This is the door: `Writer` appends, `read` gives the whole `Trace`, `find` and `runs` look for
files. The schema and its versions are in `schema.py`.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

from relume.core import Fact, Series, Site, Trace, Window
from relume.errors import NoRunError
from relume.record.store.read_series import read_newest, read_series
from relume.record.store.retention import RECORDS
from relume.record.store.retention import STEP_STATS as STEP_STATS
from relume.record.store.retention import UNSEEN as UNSEEN
from relume.record.store.schema import APPLICATION as APPLICATION
from relume.record.store.schema import SUFFIX as SUFFIX
from relume.record.store.schema import VERSION as VERSION
from relume.record.store.schema import open_checked as open_checked
from relume.record.store.silent_masks import Flags
from relume.record.store.silent_masks import unpacked as unpacked_silence
from relume.record.store.window_table import unpacked
from relume.record.store.writer import Sink as Sink
from relume.record.store.writer import Writer as Writer
from relume.registry import unknown


def read(path: Path) -> Trace:
    """The trace in a run file, whether the run has ended, still trains, or was killed.

    What is read is of one moment, and the writer never waits for it. The steps of each series
    strictly increase; old ones may have been thinned (`thin.py`).

    Raises:
        NoRunError: there is no such file.
        NotATraceError: the file was not written by relume, or is damaged.
        StoreError: it cannot be opened.
    """
    with open_checked(path) as db:
        return Trace(
            meta=_meta(db),
            sites=_sites(db),
            table=read_series(db),
            units=_windows(db),
            facts=_facts(db),
        )


def meta(path: Path) -> dict[str, Any]:
    """Only the run's metadata. Raises as `read` does."""
    with open_checked(path) as db:
        return _meta(db)


def newest(path: Path) -> Trace:
    """As `read`, but of the series only the newest record, and no windows: cheap at any length."""
    with open_checked(path) as db:
        step, values = read_newest(db)
        table = {key: Series(np.array([step]), np.array([v])) for key, v in values.items()}
        return Trace(meta=_meta(db), sites=_sites(db), table=table, facts=_facts(db))


def silent(path: Path) -> dict[int, dict[str, Flags]]:
    """The silent units by step and site, where a rank of several kept them (`silence.py`)."""
    with open_checked(path) as db:
        rows = db.execute("SELECT step, body FROM mask JOIN record USING (id)")
        return {step: unpacked_silence(body) for step, body in rows}


def is_thinned(path: Path) -> bool:
    """Whether old records of a file were thinned."""
    with open_checked(path) as db:
        found = db.execute("SELECT EXISTS (SELECT 1 FROM thin WHERE stream = ?)", (RECORDS,))
        return bool(found.fetchone()[0])


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


def _meta(db: sqlite3.Connection) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM meta")}


def _sites(db: sqlite3.Connection) -> tuple[Site, ...]:
    found = [
        Site(name=name, **json.loads(body))
        for name, body in db.execute("SELECT name, body FROM site")
    ]
    return tuple(sorted(found, key=lambda site: (site.order, site.name)))


def _facts(db: sqlite3.Connection) -> tuple[Fact, ...]:
    rows = db.execute("SELECT kind, site, step, body FROM fact ORDER BY id")
    return tuple(Fact(kind, site, step, json.loads(body)) for kind, site, step, body in rows)


def _windows(db: sqlite3.Connection) -> dict[str, tuple[Window, ...]]:
    found: dict[str, list[Window]] = {}
    rows = db.execute(
        "SELECT site, first, last, records, samples, names, types, data FROM window "
        "ORDER BY first, id"
    )
    for site, first, last, records, samples, names, types, data in rows:
        fields = unpacked(names, types, data)
        found.setdefault(site, []).append(Window(first, last, records, samples, fields))
    return {site: tuple(windows) for site, windows in found.items()}
