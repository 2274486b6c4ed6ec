"""Files of every version stay readable: an old file is made here by the code of its day."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from relume.errors import NotATraceError, StoreError
from relume.record.store import run_file, schema

# What version 1 of relume executed, word for word.
V1 = """
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


def version_1(path: Path) -> None:
    """A file as version 1 left it, with every kind of row."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA application_id = 1380734285")
    db.execute("PRAGMA user_version = 1")
    db.executescript(V1)
    db.execute("INSERT INTO meta VALUES ('run', '\"old\"'), ('steps', '3')")
    body = {"kind": "act", "act": "relu", "role": "hidden", "path": "", "layer": "fc1", "index": 0}
    body |= {"order": 1, "units": 2, "file": "train.py", "line": 7, "smooth": False}
    db.execute("INSERT INTO site VALUES ('relu()', ?)", (json.dumps(body),))
    db.execute(
        "INSERT INTO layout VALUES (1, ?)", ('[["relu()", "post_mean"], ["w", "grad_norm"]]',)
    )
    for step, row in enumerate([(0.5, 1.0), (float("nan"), float("inf")), (-0.25, 3.0)]):
        data = np.array(row, "<f4").tobytes()
        db.execute("INSERT INTO record (step, layout, data) VALUES (?, 1, ?)", (step, data))
    rows = np.array([(0, 2.5, 0.1, 0.01), (1, -np.inf, 0.1, 0.02)], "<f8")
    db.execute("INSERT INTO step (data) VALUES (?)", (rows.tobytes(),))
    for first, last, records in ((0, 0, 1), (1, 2, 2)):
        data = np.array([[1.0, 2.0], [1 / 3, np.nan]], "<f8").tobytes()
        db.execute(
            "INSERT INTO window (site, first, last, records, samples, names, data) "
            "VALUES ('relu()', ?, ?, ?, 30, ?, ?)",
            (first, last, records, '["active", "post_sum"]', data),
        )
    db.execute("INSERT INTO fact (kind, site, step, body) VALUES ('end', '', 2, '{\"code\": 0}')")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def test_a_file_of_version_1_is_read_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    version_1(path)
    before = path.read_bytes()
    trace = run_file.read(path)
    assert trace.meta == {"run": "old", "steps": 3}
    assert trace.sites[0].line == 7
    assert trace.table["relu()", "post_mean"].values.tolist()[::2] == [0.5, -0.25]
    assert np.isnan(trace.table["relu()", "post_mean"].values[1])
    assert trace.table["w", "grad_norm"].values.tolist() == [1.0, np.inf, 3.0]
    assert trace.table["", "loss"].steps.tolist() == [0]
    assert trace.table["", "step_seconds"].steps.tolist() == [0, 1]
    one, two = trace.windows("relu()")
    assert (one.last, two.first, two.records) == (0, 1, 2)
    assert two.fields["active"].tolist() == [1.0, 2.0]
    assert two.fields["post_sum"][0] == 1 / 3
    assert trace.facts_of("end")[0].data == {"code": 0}
    assert run_file.meta(path)["run"] == "old"
    assert path.read_bytes() == before, "reading an old file must not change it"


def test_a_migrated_file_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    """The tables of every version, migrated step by step, are those that `TABLES` makes."""

    def shape(db: sqlite3.Connection) -> dict[str, list[tuple[str, str]]]:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: sorted((n, kind) for _, n, kind, *_ in db.execute(f"PRAGMA table_info({name})"))
            for (name,) in tables
        }

    old, new = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    old.executescript(V1)
    schema.migrate(old, 1)
    new.executescript(schema.TABLES)
    assert shape(old) == shape(new)
    old.close()
    new.close()


def test_every_version_has_its_step() -> None:
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.VERSION))


def test_the_steps_are_applied_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that does not exist yet: the mechanism, not this version's step."""
    done: list[int] = []

    def step(number: int) -> Callable[[sqlite3.Connection], None]:
        return lambda db: done.append(number)

    monkeypatch.setattr(schema, "VERSION", 4)
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS | {2: step(2), 3: step(3)})
    path = tmp_path / "old.sqlite"
    version_1(path)
    assert run_file.read(path).meta["run"] == "old"
    assert done == [2, 3]


def test_a_file_of_a_newer_relume_gives_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    run_file.Writer(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    for read in (run_file.read, run_file.meta):
        with pytest.raises(NotATraceError) as caught:
            read(path)
        assert str(caught.value) == (
            f"{path} has schema version 9, this relume reads up to "
            f"{run_file.VERSION}; update relume."
        )


def test_a_file_that_holds_something_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    version_1(path)
    with pytest.raises(StoreError, match=r"run.sqlite already holds something; give a new file"):
        run_file.Writer(path)
    assert run_file.read(path).meta["run"] == "old"
    text = tmp_path / "notes.txt"
    text.write_text("hello, this is no database at all" * 40)
    with pytest.raises(StoreError, match="it is damaged"):
        run_file.Writer(text)
    assert text.read_text().startswith("hello")
