"""`kill -9` at random moments: what had been completed is in the file, and the file is sound."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import store_killed

from relume.errors import NoRunError, NotATraceError
from relume.record.store import run_file

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def killed(kind: str, folder: Path, count: int, seed: int) -> None:
    """Let `count` children write and be killed."""
    command = [sys.executable, store_killed.__file__, kind, str(folder), str(count), str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def completed(log: Path) -> tuple[str, int]:
    """How far a child had come (``""``, ``opened`` or ``closed``), and its last full step."""
    words = log.read_text().split("\n")[:-1] if log.exists() else []
    steps = [int(word) for word in words if word.isdigit()]
    stage = "closed" if "closed" in words else "opened" if "opened" in words else ""
    return stage, steps[-1] if steps else -1


def check_training(path: Path, last: int) -> None:
    trace = run_file.read(path)
    series = trace.series("1", "post_rms")
    steps = [] if series is None else series.steps.tolist()
    assert steps[: last + 1] == list(range(last + 1)), "a completed record is missing"
    assert len(steps) <= last + 2
    if last >= 0:
        assert trace.windows("1")[0].records == 1, "the state at initialisation is missing"


def check_writing(path: Path, last: int) -> None:
    """Thinned by now: first, last, tail, extremes are there, and every value is its step's."""
    table = run_file.read(path).table
    tail = store_killed.BOUNDS.tail
    if last < 0:
        return
    for key, wanted in ((store_killed.KEYS[0], store_killed.value), (store_killed.KEYS[1], float)):
        series = table[key]
        steps, values = series.steps.tolist(), series.values.tolist()
        assert steps[0] == 0
        assert steps[-1] in (last, last + 1), "the last completed record is missing"
        assert steps[-tail:] == list(range(max(0, steps[-1] - tail + 1), steps[-1] + 1))
        assert values == [wanted(step) for step in steps]
        whole = [wanted(step) for step in range(steps[-1] + 1)]
        assert (min(values), max(values)) == (min(whole), max(whole))
        assert bool((np.diff(series.steps) > 0).all())
    assert table["", "loss"].steps[-1] in (last, last + 1)


def sound(path: Path) -> bool:
    with sqlite3.connect(path) as db:
        answer = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    return answer == "ok"


def made_or_said(path: Path) -> bool:
    """Whether a file holds a run without a record, or is said to be empty or not there."""
    try:
        return run_file.read(path).table == {}
    except NotATraceError as error:
        return "is empty" in str(error)
    except NoRunError as error:
        return "no run file" in str(error)


def check(kind: str, folder: Path, count: int) -> list[str]:
    """Check every file of `killed`; the stages that the children had reached."""
    stages: list[str] = []
    for number in range(count):
        path = folder / f"{number}.sqlite"
        stage, last = completed(folder / f"{number}.log")
        stages.append(stage or "begun")
        if stage:
            {"training": check_training, "writing": check_writing}[kind](path, last)
            assert sound(path)
            continue
        # killed while it made its file: all of it or nothing, and one sentence
        assert made_or_said(path)
    return stages


@pytest.mark.parametrize("kind", ["training", "writing"])
def test_kill_9_at_a_few_random_moments(kind: str, tmp_path: Path) -> None:
    killed(kind, tmp_path, 6, seed=1)
    assert "opened" in check(kind, tmp_path, 6), "no child was killed at its work"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["training", "writing"])
def test_kill_9_at_a_hundred_random_moments_each(kind: str, tmp_path: Path) -> None:
    killed(kind, tmp_path, 100, seed=2)
    stages = check(kind, tmp_path, 100)
    assert stages.count("opened") >= 50, stages


def test_the_check_rejects_a_lost_record(tmp_path: Path) -> None:
    """The twin: a file from which the last completed record is gone."""
    path = tmp_path / "0.sqlite"
    writer = run_file.Writer(path)
    for step in range(20):
        writer.record(step, store_killed.KEYS, [store_killed.value(step), float(step)])
        writer.steps([(step, store_killed.value(step), 0.1, 0.01)])
    writer.close()
    check_writing(path, 19)
    with pytest.raises(AssertionError, match="the last completed record is missing"):
        check_writing(path, 20 + 1)
