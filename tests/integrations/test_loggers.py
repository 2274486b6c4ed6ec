"""Figures and findings reach each logger: through its own client where it is installed, else
through a stand-in that keeps what it is given."""

import importlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import relume
from relume.cli.app import main
from relume.errors import UsageError
from relume.integrations.logged_run import COLUMNS, POINTS, LoggedRun, logged
from relume.record.run import Run

pytestmark = pytest.mark.filterwarnings("ignore")  # other people's deprecations are theirs to mend
STEPS = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A training whose gradients are never cleared."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    rows = torch.randn(64, 8)
    path = tmp_path_factory.mktemp("run") / "20261201-sick.sqlite"
    with relume.watch(model, every=5, path=path) as made:
        for _ in range(STEPS):
            (model(rows) - rows[:, :1]).square().mean().backward()
            optimizer.step()
    return made


def test_what_is_sent_is_what_was_recorded(run: Run) -> None:
    sent = logged(run)
    points = dict(sent.points())
    trace = run.trace()
    loss = trace.series("", "loss")
    assert loss is not None
    known = dict(zip(loss.steps.tolist(), loss.values.tolist(), strict=True))
    assert {s: v["relume/loss"] for s, v in points.items() if "relume/loss" in v} == known
    assert list(points) == sorted(points)
    act = trace.series("1", "silent_unit_share")
    assert act is not None
    for step, value in zip(act.steps.tolist(), act.values.tolist(), strict=True):
        assert points[step]["relume/worst_silent_share"] == value
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in sent.findings]
    assert "gradients-not-cleared" in {row["name"] for row in rows}
    assert all(row["severity"] != "fact" for row in rows)
    assert sent.verdict["verdict"] == run.diagnose().verdict


def test_a_long_curve_is_thinned_and_keeps_its_end() -> None:
    from relume.integrations.logged_run import _spread

    chosen = _spread(100_000)
    assert len(chosen) <= POINTS
    assert chosen[-1] == 99_999
    assert _spread(3).tolist() == [0, 1, 2]


def test_tensorboard_reads_it_back(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: NOT tested")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from relume.integrations.log_tensorboard import log

    where = log(run, tmp_path)
    events = EventAccumulator(where).Reload()
    assert len(events.Scalars("relume/loss")) == STEPS
    (text,) = events.Tensors("relume/findings/text_summary")
    assert b"gradients-not-cleared" in text.tensor_proto.string_val[0]


def test_wandb_keeps_it_offline(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    given = None if find_spec("wandb") else _stand_in(monkeypatch, "wandb", Wandb())
    from relume.integrations.log_wandb import log

    where = Path(log(run))
    if given is None:
        assert where.name.startswith("offline-run-")
        assert any(file.stat().st_size > 1000 for file in where.glob("*.wandb"))
        return
    assert given.mode == "offline"
    assert sum("relume/loss" in row for row in given.rows) == STEPS
    (table,) = [row["relume/findings"] for row in given.rows if "relume/findings" in row]
    assert any("gradients-not-cleared" in row for row in table.data)
    assert given.finished


def test_mlflow_gives_it_back(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    given = None if find_spec("mlflow") else _stand_in(monkeypatch, "mlflow", Mlflow())
    from relume.integrations.log_mlflow import log

    where = log(run)
    number = where.split("run ")[1].rstrip(")")
    if given is not None:
        assert sum(metric.key == "relume/loss" for metric in given.metrics) == STEPS
        assert max(given.batches) <= 1_000
        assert "gradients-not-cleared" in json.dumps(given.files["relume/findings.json"])
        return
    client = importlib.import_module("mlflow").MlflowClient()
    assert len(client.get_metric_history(number, "relume/loss")) == STEPS
    assert client.get_run(number).data.tags["relume/verdict"] == run.diagnose().verdict
    assert {file.path for file in client.list_artifacts(number, "relume")} == {
        "relume/findings.json",
        "relume/diagnosis.json",
    }


def test_trackio_keeps_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    given = None if find_spec("trackio") else _stand_in(monkeypatch, "trackio", Trackio())
    from relume.integrations.log_trackio import log

    log(run)
    if given is not None:
        assert sum("relume/loss" in row for _, row in given.rows) == STEPS
        assert any("relume/findings" in row for _, row in given.rows)
        return
    storage = importlib.import_module("trackio").SQLiteStorage
    rows = storage.get_logs("relume", logged(run).name)
    assert sum("relume/loss" in row for row in rows) == STEPS


def test_the_command_sends_and_says_where(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    if not find_spec("trackio"):
        _stand_in(monkeypatch, "trackio", Trackio())
    assert main(["export", str(run.path), "--to", "trackio"]) == 0
    assert "findings and the figures are in" in capsys.readouterr().err
    assert main(["export", str(run.path), "--to", "comet"]) == 2
    assert "csv, parquet, tensorboard, wandb, mlflow, trackio" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_a_logger_that_is_missing_is_named(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    sending = importlib.import_module(f"relume.integrations.log_{name}")
    with pytest.raises(UsageError, match=f"{name} is not installed: pip install"):
        sending.send(LoggedRun(run.trace(), run.diagnose()), "relume")


def _stand_in(monkeypatch: pytest.MonkeyPatch, name: str, client: Any) -> Any:
    """Put a stand-in of a client where its import finds it; it keeps what it is given."""
    module = ModuleType(name)
    for each in dir(client):
        if not each.startswith("_"):
            setattr(module, each, getattr(client, each))
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, f"{name}.entities", module)
    return client


class Wandb:
    """The part of wandb that is called: a run that is not open, then one."""

    run = None
    Table = SimpleNamespace

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.finished = False
        self.mode = ""
        self.config = self.summary = {}

    def init(self, *, project: str, name: str, mode: str) -> Any:
        self.mode = mode
        own = SimpleNamespace(config={}, summary={}, dir="x/files", log=self.rows.append)
        own.define_metric = lambda name, step_metric=None: None
        own.finish = lambda: setattr(self, "finished", True)
        return own


class Mlflow:
    """The part of MLflow that is called."""

    def __init__(self) -> None:
        self.metrics: list[Any] = []
        self.batches: list[int] = []
        self.files: dict[str, Any] = {}

    def Metric(self, key: str, value: float, time: int, step: int) -> Any:
        return SimpleNamespace(key=key, value=value, step=step)

    def MlflowClient(self) -> Any:
        def log_batch(run: str, metrics: list[Any]) -> None:
            self.metrics += metrics
            self.batches.append(len(metrics))

        return SimpleNamespace(
            get_experiment_by_name=lambda name: None,
            create_experiment=lambda name: "1",
            create_run=lambda number, run_name: SimpleNamespace(info=SimpleNamespace(run_id="abc")),
            log_batch=log_batch,
            set_tag=lambda run, key, value: None,
            log_dict=lambda run, data, file: self.files.update({file: data}),
            log_text=lambda run, text, file: self.files.update({file: text}),
            set_terminated=lambda run: None,
        )

    def active_run(self) -> None:
        return None

    def get_tracking_uri(self) -> str:
        return "file"


class Trackio:
    """The part of Trackio that is called."""

    TRACKIO_DIR = "there"
    Table = SimpleNamespace

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, Any]]] = []

    def init(self, **options: Any) -> Any:
        return SimpleNamespace(
            log=lambda values, step: self.rows.append((step, values)), finish=lambda: None
        )
