"""The TensorBoard sink: what it writes is read back by TensorBoard's own reader."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import relume
from relume.cli.app import main
from relume.errors import UnknownNameError, UsageError
from relume.record.store import tensorboard

STEPS = 6


def train(steps: int = STEPS) -> list[float]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    return descend(model, steps)


def descend(model: nn.Module, steps: int) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(torch.randn(16, 6)), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def watched(path: Path, **options: Any) -> tuple[list[float], relume.Run]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    with relume.watch(model, path=path, every=1, **options) as run:
        losses = descend(model, STEPS)
    return losses, run


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar of a folder's event files, by tag."""
    loading = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the tensorboard extra is not installed",
    )
    found = loading.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    tags = found.Tags()["scalars"]
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in tags}


def test_every_series_by_site(tmp_path: Path) -> None:
    losses, run = watched(tmp_path / "one.sqlite", sink=f"tensorboard:{tmp_path / 'board'}")
    assert run.problems == ()
    told = scalars(tmp_path / "board" / "one")
    trace = run.trace()
    for (site, stat), series in trace.table.items():
        pairs = told[f"{site or 'run'}/{stat}"]
        assert [step for step, _ in pairs] == series.steps.tolist()
        assert [value for _, value in pairs] == pytest.approx(series.values.tolist(), nan_ok=True)
    assert [value for _, value in told["run/loss"]] == pytest.approx(losses)
    assert {"1/silent_unit_share", "0.weight/update_ratio"} <= set(told)


def test_it_is_there_while_the_training_runs(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    with relume.watch(model, path=tmp_path / "one.sqlite", every=1, sink="tensorboard"):
        descend(model, STEPS)
        told = scalars(tmp_path / "tensorboard" / "one")
        assert [step for step, _ in told["1/post_rms"]] == list(range(STEPS))


def test_of_many_steps_some_are_left_out_evenly(tmp_path: Path) -> None:
    board = tensorboard.open_sink("tensorboard", tmp_path / "run.sqlite")
    board.steps([(step, float(step), tensorboard.UNSEEN, 0.1) for step in range(100)])
    board.close()
    told = scalars(tmp_path / "tensorboard" / "run")
    kept = [step for step, _ in told["run/loss"]]
    assert kept == list(range(3, 100, 4))
    assert "run/learning_rate" not in told


def test_a_script_and_its_sink(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import os, torch\nos.chdir('/')\nm = torch.nn.Sequential(torch.nn.Linear(2, 2), "
        "torch.nn.ReLU())\no = torch.optim.SGD(m.parameters(), 0.1)\n"
        "for _ in range(3): o.zero_grad(); m(torch.randn(4, 2)).sum().backward(); o.step()\n"
    )
    command = [sys.executable, "-m", "relume", "run", "--isolated", "--quiet", "--every", "1"]
    done = subprocess.run(
        [*command, "--sink", "tensorboard:board", str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    (folder,) = (tmp_path / "board").iterdir()
    assert len(scalars(folder)["1/post_rms"]) == 3


class Broken:
    """A sink that fails, after so many calls."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def record(self, *_: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")

    steps = record

    def close(self) -> None:
        self.record()


@pytest.mark.parametrize("calls", [0, 3])
def test_an_error_in_a_sink_costs_the_sink(calls: int, tmp_path: Path) -> None:
    losses, run = watched(tmp_path / "run.sqlite", sink=Broken(calls))
    assert losses == train()
    (problem,) = run.problems
    assert problem.startswith("the sink was left out: OSError")
    series = run.trace().series("1", "post_rms")
    assert series is not None
    assert len(series) == STEPS, "the file goes on"


def test_a_folder_that_cannot_be_written_costs_the_sink(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    losses, run = watched(tmp_path / "run.sqlite", sink=f"tensorboard:{tmp_path}/file")
    assert losses == train()
    assert "the sink was left out" in run.problems[0]
    assert len(run.trace().sites_of("act")) == 1


def test_what_is_wrong_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "train.py"
    script.write_text("raise SystemExit('it ran')")
    assert main(["run", "--sink", "tensorbored", str(script)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "unknown sink 'tensorbored'; did you mean 'tensorboard'?" in said
    with pytest.raises(UnknownNameError):
        relume.watch(nn.Linear(2, 2), sink="wandb")
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    for name in ("event_pb2", "summary_pb2"):
        monkeypatch.delitem(sys.modules, f"tensorboard.compat.proto.{name}", raising=False)
    assert main(["run", "--sink", "tensorboard:board", str(script)]) == 2
    assert "pip install 'relume[tensorboard]'" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(UsageError, match="pip install"):
        relume.watch(nn.Linear(2, 2), sink="tensorboard")
    assert list(tmp_path.iterdir()) == [script], "nothing was made"
