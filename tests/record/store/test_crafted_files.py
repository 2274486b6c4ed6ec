"""Whatever a `.sqlite` holds, each command ends in a sentence: files made by a grammar."""

import contextlib
import io
import json
import shutil
import sqlite3
from pathlib import Path
from time import thread_time

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import relume
from relume.cli.app import main
from relume.record.store import run_file

ALL = list(HealthCheck)  # of hypothesis: four commands a file are slow
SECONDS = 20.0  # of CPU for one command on one file

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
"""What JSON may hold, NaN and infinities as Python writes them."""

NOT_JSON = st.sampled_from(["", "{", "[" * 100_000, "nul", "\x00", '{"a": 1e999}', "[1,]"])
BODY = JSON.map(json.dumps) | NOT_JSON
BLOB = st.binary(max_size=64) | st.text(max_size=8) | st.integers() | st.none()
COLUMNS = {
    "meta": ("value",),
    "site": ("body", "name"),
    "layout": ("body",),
    "record": ("step", "layout", "data"),
    "step": ("data",),
    "window": ("first", "last", "records", "samples", "names", "types", "data", "site"),
    "fact": ("kind", "site", "step", "body"),
}
KEYS = ["steps", "argv", "trainings", "ended", "started", "world", "looks_for", "script"]
FORGED = [
    "DROP TABLE meta; CREATE VIEW meta(key, value) AS SELECT key, value FROM meta",
    "ALTER TABLE meta RENAME TO m2; CREATE VIEW meta AS WITH RECURSIVE c(key, value) AS "
    "(SELECT 'steps', '1' UNION ALL SELECT key, value FROM c) SELECT * FROM c",
    "DROP TABLE fact",
    "DROP TABLE window; CREATE TABLE window (a)",
    "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM fact; END",
    "ALTER TABLE fact ADD COLUMN x GENERATED ALWAYS AS (zeroblob(100000000))",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = -1",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = 99",
    "PRAGMA application_id = 0",
]


Changes = tuple[tuple[str, tuple[object, ...]], ...]


@st.composite
def changes(draw: st.DrawFn) -> Changes:
    """Statements that change a run file: schema, one field of a row, a row more."""
    made: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["schema", "field", "field", "field", "key", "fact"]))
        if kind == "schema":
            made.append((draw(st.sampled_from(FORGED)), ()))
        elif kind == "key":
            known = [
                "steps",
                "argv",
                "trainings",
                "ended",
                "started",
                "world",
                "looks_for",
                "script",
            ]
            key = draw(st.sampled_from(known) | st.text(max_size=6))
            made.append(("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, draw(BODY))))
        elif kind == "fact":
            names = ["criterion", "head", "affine-pair", "end", "wiring", "softmax", "path", "turn"]
            row = (draw(st.sampled_from(names)), draw(st.text(max_size=4)), 0, draw(BODY))
            made.append(("INSERT INTO fact (kind, site, step, body) VALUES (?, ?, ?, ?)", row))
        else:
            table = draw(st.sampled_from(sorted(COLUMNS)))
            column = draw(st.sampled_from(COLUMNS[table]))
            value = draw(BLOB if column in ("data", "step", "first", "layout") else BODY)
            where = f"(SELECT rowid FROM {table} LIMIT 1 OFFSET {draw(st.integers(0, 5))})"
            made.append(
                (f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid = {where}", (value,))
            )
    return tuple(made)


def forged(
    source: Path, target: Path, statements: tuple[tuple[str, tuple[object, ...]], ...]
) -> None:
    """Write a copy of a run file with these changes; what SQLite itself refuses is left out."""
    shutil.copyfile(source, target)
    with contextlib.closing(sqlite3.connect(target)) as db:
        for sql, values in statements:
            with contextlib.suppress(sqlite3.Error, OverflowError):
                if values:
                    db.execute(sql, values)
                else:
                    db.executescript(sql)
        db.commit()


def sentences(folder: Path, path: Path) -> None:
    """Each command ends with a code and no traceback, in time."""
    commands = (
        ["diagnose", "--isolated", str(path)],
        ["diagnose", "--isolated", "--output-format", "json", str(path)],
        ["report", str(path), "-o", str(folder / "out.html")],
        ["runs", "--dir", str(folder)],
    )
    for command in commands:
        out, err, begun = io.StringIO(), io.StringIO(), thread_time()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(command)
        assert code in (0, 1, 2), command
        assert "Traceback" not in err.getvalue()
        assert thread_time() - begun < SECONDS, command
        if code == 2:
            assert err.getvalue().startswith("relume: ")


def recorded_file(folder: Path) -> Path:
    """Record a small training."""
    path = folder / "run.sqlite"
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    with relume.watch(model, path=path, every=1):
        for _ in range(40):
            x = torch.randn(16, 4)
            loss = torch.nn.functional.cross_entropy(model(x), x.argmax(1) % 3)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_file(tmp_path_factory.mktemp("whole"))


def check(whole: Path, statements: Changes) -> None:
    folder = whole.parent / "forged"
    folder.mkdir(exist_ok=True)
    forged(whole, folder / "run.sqlite", statements)
    sentences(folder, folder / "run.sqlite")


@given(changes())
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_two_hundred_crafted_files(whole: Path, statements: Changes) -> None:
    check(whole, statements)


@pytest.mark.slow
@given(changes())
@settings(max_examples=10_000, deadline=None, suppress_health_check=ALL)
def test_ten_thousand_crafted_files(whole: Path, statements: Changes) -> None:
    check(whole, statements)


@pytest.mark.parametrize("sql", FORGED)
def test_each_forged_schema(whole: Path, sql: str) -> None:
    check(whole, ((sql, ()),))


def test_the_whole_file_is_read(whole: Path) -> None:
    """The twin: without a change nothing is refused."""
    assert run_file.read(whole).meta["steps"]
    assert main(["diagnose", "--isolated", str(whole)]) in (0, 1)
