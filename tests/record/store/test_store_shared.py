"""Others at the run file while it is written: readers, and somebody who locks it."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from store_training import AT, STEPS, train, watched

from relume.errors import StoreError
from relume.record.run import Run
from relume.record.store import run_file, writer


@pytest.fixture(scope="module")
def plain() -> list[str]:
    return train()[0]


def test_a_lock_for_a_while_loses_nothing(tmp_path: Path, plain: list[str]) -> None:
    """Somebody opens the file in a database browser and writes, for ten steps."""
    path = tmp_path / "run.sqlite"
    held: list[sqlite3.Connection] = []

    def between(step: int, run: Run) -> None:
        if step == AT:
            held.append(sqlite3.connect(path, isolation_level=None))
            held[0].execute("BEGIN IMMEDIATE")
        if step == AT + 10:
            held[0].close()

    told, run = train(path, between)
    assert told == plain
    assert run.problems == ()
    series = run.trace().series("1", "post_rms")
    assert series is not None
    assert series.steps.tolist() == list(range(STEPS))


def test_a_lock_to_the_end_gives_one_sentence(
    tmp_path: Path, plain: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.01)
    held: list[sqlite3.Connection] = []

    def lock(run: Run) -> None:
        assert run.path is not None
        held.append(sqlite3.connect(run.path, isolation_level=None))
        held[0].execute("BEGIN IMMEDIATE")

    told, run = watched(tmp_path / "run.sqlite", lock)
    held[0].close()
    assert told == plain
    assert "another process has locked it" in " ".join(run.problems)
    assert len(run.problems) == 1


def test_what_waits_for_a_lock_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    made = run_file.Writer(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for step in range(writer.MOST_DELAYED):
        made.record(step, (("a", "x"),), [1.0])
    with pytest.raises(StoreError, match="another process has locked it"):
        made.record(writer.MOST_DELAYED, (("a", "x"),), [1.0])
    assert len(made._delayed) == writer.MOST_DELAYED
    other.close()
    made.close()
    assert len(run_file.read(path).table["a", "x"]) == writer.MOST_DELAYED


def test_a_reader_never_blocks_the_writer(tmp_path: Path) -> None:
    """A reader in the middle of a long look sees one moment; the writer writes on meanwhile."""
    path = tmp_path / "run.sqlite"
    made = run_file.Writer(path)
    made.record(0, (("a", "x"),), [0.0])
    with run_file.open_checked(path) as db:
        count = "SELECT count(*) FROM record"
        assert db.execute(count).fetchone()[0] == 1
        for step in range(1, 200):
            made.record(step, (("a", "x"),), [float(step)])
        assert made._delayed == []
        assert db.execute(count).fetchone()[0] == 1
        assert len(run_file.read(path).table["a", "x"]) == 200
    made.close()


def test_a_watcher_reads_on_while_it_trains(tmp_path: Path, plain: list[str]) -> None:
    path = tmp_path / "run.sqlite"
    stop, seen, wrong = threading.Event(), [0], list[BaseException]()

    def look() -> None:
        try:
            while not stop.is_set():
                series = run_file.read(path).series("1", "post_rms")
                steps = [] if series is None else series.steps.tolist()
                assert steps == list(range(len(steps)))
                assert len(steps) >= seen[-1]
                seen.append(len(steps))
        except BaseException as error:
            wrong.append(error)

    watcher = threading.Thread(target=look)

    def between(step: int, run: Run) -> None:
        if step == 0:
            watcher.start()
        while step == STEPS - 1 and len(seen) < 3 and watcher.is_alive():
            time.sleep(0.001)

    told, run = train(path, between)
    stop.set()
    watcher.join()
    assert told == plain
    assert wrong == []
    assert run.problems == ()
    assert len(seen) > 1
