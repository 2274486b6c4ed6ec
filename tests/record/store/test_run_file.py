"""The run file: what is written is read, and nothing else is accepted."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from relume.core import Fact, Site, Window
from relume.errors import NoRunError, NotATraceError, StoreError
from relume.record.run import new_path
from relume.record.store import run_file


def filled(path: Path) -> run_file.Writer:
    writer = run_file.Writer(path)
    writer.meta({"run": "r", "steps": 3})
    writer.site(Site("fc1", "act", "relu", units=2, order=4))
    writer.site(Site("fc0", "act", "relu", units=2, order=1))
    writer.fact(Fact("opaque", "lstm", 2, {"operation": "x"}))
    writer.record(0, (("fc1", "post_mean"), ("fc1", "pre_rms")), [0.5, float("nan")])
    writer.record(1, (("fc1", "post_mean"),), [1e60])
    writer.record(2, (("fc1", "post_mean"), ("fc1", "pre_rms")), [0.25, 2.0])
    writer.steps([(0, 2.5, 0.1, 0.01), (1, float("inf"), 0.1, 0.02)])
    writer.windows("fc1", [Window(0, 2, 3, 30, {"active": np.array([1.0, 2.0])})])
    return writer


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    filled(path).close()
    trace = run_file.read(path)
    assert trace.meta == {"run": "r", "steps": 3}
    assert [site.name for site in trace.sites] == ["fc0", "fc1"]
    series = trace.series("fc1", "post_mean")
    assert series is not None
    assert series.steps.tolist() == [0, 1, 2]
    assert series.values.tolist() == [0.5, float("inf"), 0.25]  # too large for float32
    pre = trace.series("fc1", "pre_rms")
    assert pre is not None
    assert pre.steps.tolist() == [0, 2]
    assert np.isnan(pre.values[0])
    loss = trace.series("", "loss")
    assert loss is not None
    assert loss.values.tolist() == [2.5, float("inf")]
    assert trace.facts_of("opaque")[0].data == {"operation": "x"}
    window = trace.windows("fc1")[0]
    assert (window.first, window.last, window.records, window.samples) == (0, 2, 3, 30)
    assert window.fields["active"].tolist() == [1.0, 2.0]


def test_it_is_readable_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    writer = filled(path)
    assert len(run_file.read(path).table) == 5
    writer.record(3, (("fc1", "post_mean"),), [1.0])
    series = run_file.read(path).series("fc1", "post_mean")
    assert series is not None
    assert len(series) == 4
    writer.close()


def test_facts_and_windows_are_replaced(tmp_path: Path) -> None:
    writer = filled(tmp_path / "run.sqlite")
    writer.replace_fact(Fact("opaque", "lstm", 9, {"operation": "y"}))
    writer.windows("fc1", [Window(0, 0, 1, 5, {"active": np.array([7.0])})])
    trace = run_file.read(writer.path)
    assert [fact.data["operation"] for fact in trace.facts_of("opaque")] == ["y"]
    assert [w.fields["active"].tolist() for w in trace.windows("fc1")] == [[7.0]]
    writer.close()


def test_strangers_are_told_from_runs(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    with pytest.raises(NotATraceError, match=r"notes.txt is not a run that relume recorded"):
        run_file.read(text)
    foreign = tmp_path / "other.sqlite"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    with pytest.raises(NotATraceError, match="not one that relume wrote"):
        run_file.read(foreign)
    with pytest.raises(NoRunError, match="no run file"):
        run_file.read(tmp_path / "none.sqlite")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {run_file.VERSION + 1}")
    db.close()
    newer = (
        f"schema version {run_file.VERSION + 1}, this relume reads up to {run_file.VERSION}; update"
    )
    with pytest.raises(NotATraceError, match=newer):
        run_file.read(path)


def test_a_damaged_file_gives_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    filled(path).close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(NotATraceError, match="is damaged"):
        run_file.read(path)


def test_an_unwritable_place_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write the run file"):
        run_file.Writer(tmp_path / "file" / "run.sqlite")


def test_runs_are_found_by_name_prefix_and_age(tmp_path: Path) -> None:
    with pytest.raises(NoRunError, match="no recorded run in"):
        run_file.find(None, tmp_path)
    names = ["20260101-000000-train", "20260102-000000-train", "20260102-000001-test"]
    for name in names:
        run_file.Writer(tmp_path / f"{name}.sqlite").close()
    assert run_file.find(None, tmp_path).stem == names[2]
    assert run_file.find("20260101", tmp_path).stem == names[0]
    assert run_file.find(str(tmp_path / f"{names[1]}.sqlite"), tmp_path).stem == names[1]
    with pytest.raises(NoRunError, match="is the beginning of 2 runs"):
        run_file.find("20260102", tmp_path)
    with pytest.raises(NoRunError, match=r"did you mean '20260101-000000-train'\?"):
        run_file.find("20260101-000000-trian", tmp_path)


def test_runs_begun_in_the_same_second_do_not_share_a_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: new_path(tmp_path, "train"), range(40)))
    assert len(set(paths)) == 40
    (tmp_path / "file").write_text("")
    assert new_path(tmp_path / "file", "train").parent.name == "file"


TRAINING = """
import sys, torch, relume
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), 0.01)
run = relume.watch(model, path=sys.argv[1], every=1)
step = 0
while True:
    loss = (model(torch.randn(16, 8)) - 1).square().mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    print(step, flush=True)
    step += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("steps", [1, 40])
def test_a_killed_process_leaves_every_finished_record(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "run.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        done = -1
        while done < steps:
            line = process.stdout.readline()
            assert line, "the training ended by itself"
            done = int(line)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    time.sleep(0)
    series = run_file.read(path).series("1", "post_mean")
    assert series is not None
    assert series.steps.tolist()[: done + 1] == list(range(done + 1))
    assert run_file.read(path).windows("1")[0].records == 1


def test_what_is_written_together_is_one_transaction(tmp_path: Path) -> None:
    """A reader sees all of it or nothing; an error in the block keeps what came before it."""
    path = tmp_path / "run.sqlite"
    writer = run_file.Writer(path)

    def broken() -> None:
        with writer.together():
            writer.site(Site("a", "act"))
            with writer.together():
                writer.fact(Fact("wiring", "a"))
            assert run_file.read(path).sites == ()
            assert run_file.read(path).facts == ()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert [site.name for site in run_file.read(path).sites] == ["a"]
    assert [fact.site for fact in run_file.read(path).facts_of("wiring")] == ["a"]
    writer.fact(Fact("wiring", "b"))
    assert len(run_file.read(path).facts_of("wiring")) == 2
    writer.close()


def test_a_fact_that_is_replaced_is_found_without_a_search(tmp_path: Path) -> None:
    """The work of a thousand replacements does not grow with the facts that are there."""
    path = tmp_path / "run.sqlite"
    writer = run_file.Writer(path)
    for at in range(3):
        writer.fact(Fact("wiring", "again", at))
    with writer.together():
        for at in range(50):
            writer.fact(Fact("other", f"{at}"))
    said: list[str] = []
    writer._db.set_trace_callback(said.append)
    for at in range(5):
        writer.replace_fact(Fact("wiring", "again", at))
    deletes = [sql for sql in said if sql.startswith("DELETE FROM fact")]
    assert len(deletes) == 3 + 4
    assert all("WHERE id =" in sql for sql in deletes)
    assert [fact.step for fact in run_file.read(path).facts_of("wiring")] == [4]
    assert len(run_file.read(path).facts_of("other")) == 50
    writer.close()
