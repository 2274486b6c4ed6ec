"""Opens run files: one SQLite file a process, written while the run trains, readable at any moment.

Write-ahead logging makes every committed record survive a killed process; nothing is pickled. The
numbers of one record are one little-endian blob, and a *layout* says which (site, stat) each of
them is, so a record costs one insert at any number of sites. The size of the file is bounded: old
records are thinned (`retention.py`, which uses `downsample.py`).

`Writer` appends, `read` returns the whole `Trace`, `find` and `runs` find files. The tables and
their versions are in `schema.py`.
"""

import contextlib
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
from relume.record.store.run_values import check_fact, check_meta, check_site, check_window
from relume.record.store.schema import APPLICATION as APPLICATION
from relume.record.store.schema import SUFFIX as SUFFIX
from relume.record.store.schema import VERSION as VERSION
from relume.record.store.schema import open_checked as open_checked
from relume.record.store.silent_masks import Flags
from relume.record.store.silent_masks import unpack as unpack_masks
from relume.record.store.window_table import unpack_fields
from relume.record.store.writer import Sink as Sink
from relume.record.store.writer import Writer as Writer
from relume.registry import unknown


def read(path: Path) -> Trace:
    """Read the trace in a run file, whether the run has ended, still trains, or was killed.

    The trace is of one moment, and the writer never waits for the reader. The steps of each series
    strictly increase; old ones may have been thinned (`downsample.py`).

    Raises:
        NoRunError: there is no such file.
        NotATraceError: the file was not written by relume, or is damaged.
        StoreError: it cannot be opened.
    """
    with open_checked(path) as db:
        windows, unreadable = _windows(db)
        return Trace(
            meta=_meta(db),
            sites=_sites(db),
            table=read_series(db),
            units=windows,
            facts=(*_facts(db), *unreadable),
        )


def meta(path: Path) -> dict[str, Any]:
    """Read the run's metadata alone. Raises as `read` does."""
    with open_checked(path) as db:
        return _meta(db)


def add_meta(path: Path, key: str, value: Any) -> None:
    """Add an entry to the metadata of a run that has ended; a file of an older version, or one that
    cannot be written, stays as it is."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA user_version").fetchone() == (VERSION,):
            with db:
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))


def newest(path: Path) -> Trace:
    """Read as `read`, but only the newest record and no windows: fast at any length of the run."""
    with open_checked(path) as db:
        step, values = read_newest(db)
        table = {key: Series(np.array([step]), np.array([v])) for key, v in values.items()}
        return Trace(meta=_meta(db), sites=_sites(db), table=table, facts=_facts(db))


def silent_units(path: Path) -> dict[int, dict[str, Flags]]:
    """Read the silent units by step and site, which one rank of several keeps (`silent_masks`)."""
    with open_checked(path) as db:
        rows = db.execute("SELECT step, body FROM mask JOIN record USING (id)")
        return {step: unpack_masks(body) for step, body in rows}


def is_thinned(path: Path) -> bool:
    """Whether old records of a file were thinned."""
    with open_checked(path) as db:
        row = db.execute("SELECT EXISTS (SELECT 1 FROM thin WHERE stream = ?)", (RECORDS,))
        return bool(row.fetchone()[0])


def runs(folder: Path) -> list[Path]:
    """List the run files in a folder, the newest first; empty where there is none."""
    if not folder.is_dir():
        return []
    # Names begin with the start time, so a copied file sorts as before.
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.name, reverse=True)


def find(name: str | None, folder: Path) -> Path:
    """Find the run file of a path, a name, or a unique beginning of one; the latest for None.

    Raises:
        NoRunError: there is none; the message names the folder that was searched, and the nearest.
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
    meta = {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM meta")}
    check_meta(meta)
    return meta


def _sites(db: sqlite3.Connection) -> tuple[Site, ...]:
    sites: list[Site] = []
    for name, text in db.execute("SELECT name, body FROM site"):
        body = {**json.loads(text), "name": name}
        check_site(body)
        sites.append(Site.from_json(body))
    return tuple(sorted(sites, key=lambda site: (site.order, site.name)))


def _facts(db: sqlite3.Connection) -> tuple[Fact, ...]:
    rows = db.execute("SELECT kind, site, step, body FROM fact ORDER BY id")
    facts = [Fact(kind, site, step, json.loads(body)) for kind, site, step, body in rows]
    for fact in facts:
        check_fact(fact.kind, fact.site, fact.step, fact.data)
    return tuple(facts)


def _windows(
    db: sqlite3.Connection,
) -> tuple[dict[str, tuple[Window, ...]], list[Fact]]:
    """Read all windows; one that cannot be read is left out, and a fact ``error`` says so."""
    windows_of: dict[str, list[Window]] = {}
    unreadable: list[Fact] = []
    rows = db.execute(
        "SELECT site, first, last, records, samples, names, types, data FROM window "
        "ORDER BY first, id"
    )
    for site, first, last, records, samples, names, types, data in rows:
        check_window(first, last, records, samples)
        try:
            fields = unpack_fields(names, types, data)
        except (ValueError, TypeError) as error:
            text = f"the counters from step {first} to {last} cannot be read: {error}"
            unreadable.append(Fact("error", site, first, {"where": "reading", "text": text}))
            continue
        windows_of.setdefault(site, []).append(Window(first, last, records, samples, fields))
    return {site: tuple(windows) for site, windows in windows_of.items()}, unreadable
