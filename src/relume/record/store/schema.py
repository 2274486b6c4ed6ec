"""Defines the schema of a run file and its versions, and opens a file of any version for reading.

Version 3 (``PRAGMA user_version``), application id 0x524C554D ("RLUM"):

    meta(key, value)                          JSON by key
    site(name, body)                          a `core.Site` as JSON
    layout(id, body)                          [[site, stat], ...] as JSON
    record(id, step, layout, data)            float32 of the layout's length, `ABSENT` where not
                                              measured
    mask(id, body)                            of a record of a rank: which units were silent
                                              (`silent_masks.py`)
    step(id, data)                            float64 rows (step, loss, learning rate, seconds)
    thin(id, stream, level, layout, body)     old records or steps, thinned (`downsample.py`)
    window(id, site, first, last, records, samples, names, types, data)
                                              (fields, units), each field of its own type
    fact(id, kind, site, step, body)          a `core.Fact`; body is its data as JSON

Every older version stays readable, and its file is never changed: the file is copied into a
temporary database, the steps of `MIGRATIONS` are applied there, and the copy is read. So the reader
knows only the newest schema, and a new version adds one step here.
"""

import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from relume.errors import NoRunError, NotATraceError, StoreError
from relume.record.store.legacy_acts import with_traits

VERSION = 3
APPLICATION = 0x524C554D
SUFFIX = ".sqlite"
LOG = "-wal"  # SQLite's suffix for the log beside a file
WORK = 1_000_000  # instructions of SQLite between two looks at what was spent
# A run of 500 modules and 100,000 steps takes 8 million to read; 300 million are some seconds.
MOST_WORK = 300
_COMPUTED = re.compile(r"\b(VIRTUAL|GENERATED|AS|CHECK)\b", re.IGNORECASE)

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE site (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE layout (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE record (id INTEGER PRIMARY KEY, step INTEGER NOT NULL, layout INTEGER NOT NULL,
                     data BLOB NOT NULL);
CREATE TABLE mask (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE step (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE thin (id INTEGER PRIMARY KEY, stream TEXT NOT NULL, level INTEGER NOT NULL,
                   layout INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE window (id INTEGER PRIMARY KEY, site TEXT NOT NULL, first INTEGER NOT NULL,
                     last INTEGER NOT NULL, records INTEGER NOT NULL, samples INTEGER NOT NULL,
                     names TEXT NOT NULL, types TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX window_site ON window (site);
CREATE TABLE fact (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, site TEXT NOT NULL,
                   step INTEGER NOT NULL, body TEXT NOT NULL);
"""


def _to_2(db: sqlite3.Connection) -> None:
    """Add thinning and ranks, and a type for each field of a window (float64 before)."""
    db.execute("CREATE TABLE mask (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    db.execute(
        "CREATE TABLE thin (id INTEGER PRIMARY KEY, stream TEXT NOT NULL, level INTEGER NOT NULL, "
        "layout INTEGER NOT NULL, body BLOB NOT NULL)"
    )
    db.execute("ALTER TABLE window ADD COLUMN types TEXT NOT NULL DEFAULT ''")
    rows = db.execute("SELECT id, names FROM window").fetchall()
    typed = [(" ".join(["f8"] * len(json.loads(names))), number) for number, names in rows]
    db.executemany("UPDATE window SET types = ? WHERE id = ?", typed)


def _to_3(db: sqlite3.Connection) -> None:
    """Write what was known of each act by its name into its site and into facts that name it."""
    for name, text in db.execute("SELECT name, body FROM site").fetchall():
        body = json.loads(text)
        if body.get("kind") == "act":
            row = (json.dumps(with_traits("act", body)), name)
            db.execute("UPDATE site SET body = ? WHERE name = ?", row)
    facts = db.execute("SELECT id, kind, body FROM fact WHERE kind IN ('head', 'act-pair')")
    for number, kind, text in facts.fetchall():
        row = (json.dumps(with_traits(kind, json.loads(text))), number)
        db.execute("UPDATE fact SET body = ? WHERE id = ?", row)


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _to_2, 2: _to_3}
"""By version: the step that makes the next version of it."""


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Apply the migrations from `version` to the newest, in order."""
    for old in range(version, VERSION):
        MIGRATIONS[old](db)


def create(db: sqlite3.Connection) -> None:
    """Create the tables of an empty file: readable while written, and safe against a kill."""
    db.execute("PRAGMA journal_mode = WAL")
    # NORMAL syncs only at checkpoints: a killed process loses nothing that was committed,
    # a power cut may lose the last seconds, and no step waits for the disk.
    db.execute("PRAGMA synchronous = NORMAL")
    pragmas = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    # One transaction: a process killed while it makes its file leaves an empty one.
    db.executescript(f"BEGIN; {pragmas} {TABLES} COMMIT;")


@contextmanager
def open_checked(path: Path) -> Generator[sqlite3.Connection]:
    """Open a run file for reading one moment of it, in the newest schema.

    Raises:
        NoRunError: there is no such file.
        NotATraceError: relume did not write it, a newer relume did, or it is damaged.
        StoreError: it cannot be opened: no permission, or another process has locked it.
    """
    _check_head(path)
    with tempfile.TemporaryDirectory(prefix="relume-", ignore_cleanup_errors=True) as folder:
        db = _connect(path, Path(folder))
        try:
            yield db
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise NotATraceError(f"{path} was given up: reading it takes too long.") from error
            raise StoreError(f"cannot read the run file {path}: {reason(error, path)}.") from error
        except StoreError as error:
            raise type(error)(f"{path} is damaged and cannot be read: {error}.") from error
        except Exception as error:  # whatever the bytes of a stranger lead to
            why = str(error) or type(error).__name__
            raise NotATraceError(f"{path} is damaged and cannot be read: {why}.") from error
        finally:
            db.close()


def _guard(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what could run when it is read: views, triggers, computed columns; and bound the work.

    Raises:
        NotATraceError: the file has what no recorder makes.
    """
    db.execute("PRAGMA trusted_schema = OFF")
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > MOST_WORK

    db.set_progress_handler(stop, WORK)
    for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master"):
        if kind not in ("table", "index") or _COMPUTED.search(sql or ""):
            raise NotATraceError(f"{path} has {kind} {str(name)[:40]!r}, which relume never makes.")


def _check_head(path: Path) -> None:
    if not path.is_file():
        raise NoRunError(f"no run file {path}.")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise StoreError(f"cannot read the run file {path}: {error.strerror}.") from error
    if not head and not _log(path).exists():
        raise NotATraceError(f"{path} is empty: its recording never began, or never wrote.")
    if head and head != b"SQLite format 3\x00":
        raise NotATraceError(f"{path} is not a run that relume recorded (no SQLite file).")


def _connect(path: Path, folder: Path) -> sqlite3.Connection:
    """Open a file, or a copy of it where its folder cannot be written or its version is old."""
    try:
        # Not read-only: after a kill the log has to be recovered, which writes beside the file.
        return _current(sqlite3.connect(path, isolation_level=None), path, folder)
    except sqlite3.OperationalError as error:
        if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise StoreError(f"cannot read the run file {path}: {reason(error, path)}.") from error
    except sqlite3.Error as error:
        raise NotATraceError(f"{path} is damaged and cannot be read: {error}.") from error
    try:
        copy = folder / path.name
        for source in (path, _log(path)):
            if source.exists():
                shutil.copyfile(source, folder / source.name)
        return _current(sqlite3.connect(copy, isolation_level=None), path, folder)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot read the run file {path}: {error}.") from error


def _current(db: sqlite3.Connection, path: Path, folder: Path) -> sqlite3.Connection:
    """`db`, or a migrated copy of it, inside a transaction, so that all reads are of one moment."""
    try:
        db.execute("BEGIN")
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != APPLICATION:
            what = "a SQLite file, but not one that relume wrote" if tables else "empty"
            raise NotATraceError(f"{path} is {what}.")
        _guard(db, path)
        if version < 1:
            raise NotATraceError(f"{path} has no schema version: relume did not write it.")
        if version > VERSION:
            raise NotATraceError(
                f"{path} has schema version {version}, this relume reads up to {VERSION}; "
                "update relume."
            )
        if version == VERSION:
            return db
        newer = sqlite3.connect(folder / "migrated", isolation_level=None)
        db.backup(newer)
        db.close()
        _guard(newer, path)
        migrate(newer, version)
        return newer
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        db.close()
        raise NotATraceError(f"{path} is damaged and cannot be read: {error}.") from error
    except BaseException:
        db.close()
        raise


def _log(path: Path) -> Path:
    return path.with_name(path.name + LOG)


def _code(error: sqlite3.Error) -> int:
    """The primary result code, without the bytes of the extended one."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def reason(error: Exception, path: Path) -> str:
    """Why a file could not be read or written, as the end of a sentence."""
    if isinstance(error, sqlite3.Error):
        code = _code(error)
        if code == sqlite3.SQLITE_FULL:
            return "the disk is full"
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return "another process has locked it"
        if not path.parent.is_dir():
            return f"there is no folder {path.parent}"
        if not path.exists() and _writable(path.parent):
            return "it was deleted or moved"
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return "the file or its folder may not be written"
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return "it is damaged"
    elif isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error)


def _writable(folder: Path) -> bool:
    # by the effective ids, which decide whether opening succeeds, where the system knows them
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another process holds the file, so that the same write may work later."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
