"""What every `RelumeCallback` promises, one row a framework, against the real libraries."""

from pathlib import Path
from typing import Any

import pytest
import torch
from framework_rows import BATCHES, ROWS, Boom, Row, find_library
from torch.nn.modules import module as torch_module
from torch.optim import optimizer as torch_optimizer

import relume
from relume.errors import UnknownNameError, UsageError
from relume.integrations import callback_core

# other people's deprecations are theirs to mend
pytestmark = pytest.mark.filterwarnings("ignore")
FIGURES = {
    "relume/worst_silent_share",
    "relume/gradient_ratio",
    "relume/update_ratio",
    "relume/overhead",
    "relume/findings",
}


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest) -> type[Row]:
    if find_library(request.param) is None:
        pytest.skip("install the dev extra to run this")
    return ROWS[request.param]


def left_behind() -> list[Any]:
    """What a recorder could leave in torch, and in Keras."""
    import sys

    keras: Any = sys.modules.get("keras")
    apply = keras.optimizers.Optimizer.apply if keras else None
    return [
        len(torch_module._global_forward_hooks),
        len(torch_module._global_forward_pre_hooks),
        len(torch_optimizer._global_optimizer_post_hooks),
        len(torch_optimizer._global_optimizer_pre_hooks),
        torch.autograd.backward.__module__,
        getattr(torch.autograd.backward, "__wrapped__", None),
        getattr(apply, "__wrapped__", None),
        torch.is_anomaly_enabled(),
    ]


def inner_of(callback: Any) -> callback_core.CallbackCore:
    """scikit-learn's way with attributes asks for another name in skorch's."""
    return vars(callback).get("_core") or callback.core_


CLEAN = [0, 0, 0, 0, "torch.autograd", None, None, False]


def test_a_broken_training_is_named_with_its_cause_and_stopped(
    row: type[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = row(broken=True)
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", stop_on="error")
    one.train(callback, 6)
    assert left_behind() == CLEAN
    root = callback.diagnosis.roots[0]
    assert (root.code, root.severity) == ("ACT201", relume.Severity.ERROR)
    assert one.epochs == 1, "it was to be stopped after the first epoch"
    told = capsys.readouterr().err
    assert "softmax-before-cross-entropy" in told
    assert "stopped the training: ACT201" in told
    assert set(one.logged) >= FIGURES
    assert one.logged["relume/findings"] == 1.0
    assert inner_of(callback).problems == []


def test_a_sound_training_is_left_alone_to_the_bit(
    row: type[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare, one = row(), row()
    bare.train(None, 3)
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", stop_on="error", report=False)
    one.train(callback, 3)
    assert left_behind() == CLEAN
    for mine, theirs in zip(one.weights(), bare.weights(), strict=True):
        assert torch.equal(mine, theirs)
    assert one.epochs == 3
    assert callback.diagnosis.ok
    assert capsys.readouterr().err == "", "no report was asked for"
    for name in FIGURES:
        assert one.logged[name] == one.logged[name], f"{name} is not a number"
    assert 0 < one.logged["relume/gradient_ratio"] <= 1
    assert 0 < one.logged["relume/update_ratio"] < 0.1
    assert one.logged["relume/worst_silent_share"] < 0.5


def test_only_the_training_is_recorded(row: type[Row], tmp_path: Path) -> None:
    """Each of these trains with a validation pass every epoch, Lightning with a sanity check."""
    one = row()
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    one.train(callback, 2)
    trace = callback.run.trace()
    losses = trace.series("", "loss")
    trained = 2 * len(set_of_training(one))
    assert losses is not None
    assert list(losses.steps) == list(range(trained))
    assert trace.meta["steps"] == trained
    assert trace.meta["optimizer"].startswith("Adam")
    assert trace.meta["ended"] == "normal"
    names = [site.name for site in trace.sites_of("act")]
    assert len(names) == 2, names
    assert all("relu" in name for name in names)
    parameters = {site.name.split(".")[-2] for site in trace.sites_of("parameter")}
    assert parameters == {"first", "second", "out"}


def set_of_training(one: Row) -> range:
    """Steps of an epoch: skorch keeps a fifth of the rows for validation."""
    return range(7 if type(one).__name__ == "Skorch" else BATCHES)


def test_an_error_of_the_user_passes_and_leaves_nothing(row: type[Row], tmp_path: Path) -> None:
    one = row(fails_at=5)
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    with pytest.raises(Boom):
        one.train(callback, 2)
    assert left_behind() == CLEAN
    assert callback.run.trace().meta["ended"].startswith("exception")
    assert callback.run.trace().meta["steps"] == 4


def test_trained_twice_makes_two_recordings(row: type[Row], tmp_path: Path) -> None:
    one = row()
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    one.train(callback, 1)
    first = callback.run.path
    one.train(callback, 1)
    assert left_behind() == CLEAN
    assert (first.name, callback.run.path.name) == ("run.sqlite", "run-2.sqlite")
    assert [relume.load(p).trace().meta["ended"] for p in (first, callback.run.path)] == [
        "normal",
        "normal",
    ]


@pytest.mark.parametrize("where", ["_begin", "_refresh", "_decide", "_end"])
def test_an_error_of_ours_never_reaches_the_training(
    where: str, row: type[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("ours")

    one = row()
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False, stop_on="note")
    monkeypatch.setattr(callback_core.CallbackCore, where, fail)
    one.train(callback, 1)
    assert one.epochs == 1
    inner = inner_of(callback)
    assert any("ours" in problem for problem in inner.problems)
    monkeypatch.undo()
    if inner.run is not None:
        inner.run.close()
    assert left_behind() == CLEAN


def test_under_relume_run_it_joins_that_recording(row: type[Row], tmp_path: Path) -> None:
    from relume.record.run import begin

    one = row(broken=True)
    about = {"script": "train.py", "argv": []}
    outer = begin(tmp_path / "outer.sqlite", (), budget=0.01, every=1, about=about)
    try:
        callback = one.callback(stop_on="error")
        one.train(callback, 6)
    finally:
        outer.close()
    assert left_behind() == CLEAN
    assert callback.run.path == outer.path
    assert one.epochs == 1
    assert outer.diagnose().roots[0].code == "ACT201"
    assert list(tmp_path.glob("*.sqlite")) == [outer.path]


@pytest.mark.parametrize(
    ("wishes", "error", "text"),
    [
        ({"budget": 2.0}, UsageError, "a budget of 2.0 was given; it is a share of wall time"),
        ({"every": 0}, UsageError, "every=0 was given; it is a number of steps, 1 or more"),
        ({"stop_on": "eror"}, UnknownNameError, "unknown severity 'eror'; did you mean 'error'"),
        ({"ignore": ["deed-units"]}, UnknownNameError, "did you mean 'dead-units'"),
    ],
)
def test_a_wrong_wish_is_said_at_once(
    wishes: dict[str, Any], error: type[Exception], text: str, row: type[Row]
) -> None:
    one = row()
    with pytest.raises(error, match=text):
        one.callback(**wishes)
