"""Recording leaves no trace: not a bit, not a hook, not an error."""

import gc
import itertools
import random
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks
from torch.optim import optimizer as optim_hooks

import relume
from relume.errors import UsageError
from relume.record import harvest, ledger, marks, notes, optimizers, recorder, sites, store, weights
from relume.record.look import Look


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.drop, self.fc, self.out = nn.Dropout(0.3), nn.Linear(16, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.conv(x.reshape(-1, 1, 4, 4))), inplace=True)
        return self.out(torch.sigmoid(self.fc(self.drop(x.flatten(1)))) + 1)


class Boom(Exception):
    pass


def batches(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(count):
        yield torch.randn(8, 16), torch.randint(0, 3, (8,))


def train(model: nn.Module, steps: int, *, clip: bool = True) -> list[float]:
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    losses = []
    for x, y in batches(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
        if len(losses) % 7 == 0:  # an evaluation in between
            model.eval()
            with torch.no_grad():
                model(x)
            model.train()
    return losses


def state(model: nn.Module) -> tuple[dict[str, Tensor], Tensor, Any, Any]:
    numbers = {name: value.clone() for name, value in model.state_dict().items()}
    return numbers, torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()


def run(path: Path | None, steps: int, **options: Any) -> tuple[list[float], Any]:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = Net()
    if path is None:
        return train(model, steps), state(model)
    with relume.watch(model, path=path, **options) as watched:
        losses = train(model, steps)
    assert watched.problems == ()
    return losses, state(model)


def ours_in_torch() -> list[str]:
    """Everything that recording puts into torch while it is on."""
    left = []
    if getattr(torch.autograd.backward, "__wrapped__", None) is not None:
        left.append("torch.autograd.backward")
    if torch.is_anomaly_enabled():
        left.append("anomaly mode")
    tables = {
        "forward pre": hooks._global_forward_pre_hooks,
        "forward": hooks._global_forward_hooks,
        "optimizer pre": optim_hooks._global_optimizer_pre_hooks,
        "optimizer post": optim_hooks._global_optimizer_post_hooks,
    }
    return left + [name for name, table in tables.items() if table]


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    assert ours_in_torch() == []
    yield
    assert ours_in_torch() == []


@pytest.mark.parametrize("options", [{"every": 1}, {"every": 3}, {"budget": 0.01}])
def test_losses_weights_and_random_states_are_bit_identical(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    plain = run(None, 200)
    recorded = run(tmp_path / "run.sqlite", 200, **options)
    assert plain[0] == recorded[0]
    for name, value in plain[1][0].items():
        assert torch.equal(value, recorded[1][0][name]), name
    assert torch.equal(plain[1][1], recorded[1][1])
    assert plain[1][2:] == recorded[1][2:]


def test_the_comparison_sees_one_bit() -> None:
    """The twin: a recorder that drew one random number would be caught."""
    plain = run(None, 5)
    torch.manual_seed(0)
    model = Net()
    torch.rand(1)
    assert train(model, 5) != plain[0]


def test_hooks_are_in_while_recording_and_gone_after(tmp_path: Path) -> None:
    model = Net()
    watched = relume.watch(model, path=tmp_path / "run.sqlite", every=1)
    assert len(ours_in_torch()) >= 4
    train(model, 3)
    watched.close()
    watched.close()
    assert ours_in_torch() == []


def test_between_records_only_the_step_hook_and_the_loss_are_ours(tmp_path: Path) -> None:
    model = Net()
    watched = relume.watch(model, path=tmp_path / "run.sqlite", every=1000)
    train(model, 3)
    assert ours_in_torch() == ["torch.autograd.backward", "optimizer post"]
    watched.close()


@pytest.mark.parametrize("where", ["forward", "backward", "optimizer", "interrupt", "exit"])
def test_nothing_is_left_after_an_error_of_the_users(where: str, tmp_path: Path) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    error = {"interrupt": KeyboardInterrupt, "exit": SystemExit}.get(where, Boom)

    def fail(*_: object) -> None:
        raise error

    train(model, 1)
    if where in ("forward", "interrupt", "exit"):
        model.fc.register_forward_hook(fail)
    elif where == "backward":
        model.fc.weight.register_hook(fail)
    else:
        optimizer.register_step_pre_hook(fail)

    def step() -> None:
        F.cross_entropy(model(torch.randn(8, 16)), torch.zeros(8, dtype=torch.long)).backward()
        optimizer.step()

    watched = relume.watch(model, path=tmp_path / "run.sqlite", every=1)
    with pytest.raises(error), watched:
        step()
    assert ours_in_torch() == []
    assert watched.problems == ()
    (end,) = watched.trace().facts_of("end")
    assert end.data["how"] == "exception"


TARGETS = [
    (harvest.Harvest, "arm"),
    (harvest.Harvest, "_begin"),
    (harvest.Harvest, "read"),
    (harvest.Harvest, "read_gradients"),
    (marks.Marks, "leave"),
    (ledger.Ledger, "loss"),
    (recorder.Recorder, "_tick"),
    (harvest.Harvest, "read_updates"),
    (optimizers.Optimizers, "_meet"),
    (recorder.Recorder, "_flush"),
    (sites.Sites, "acts_in"),
    (notes.Notes, "view"),
    (notes.Notes, "inputs"),
    (notes.Notes, "parameters"),
    (notes.Notes, "finish"),
    (weights.Weights, "snapshot"),
    (weights.Weights, "gradients"),
    (weights.Weights, "moved"),
    (ledger.Ledger, "record"),
    (ledger.Ledger, "drain"),
    (store.Writer, "record"),
    (store.Writer, "all_windows"),
    (store.Writer, "meta"),
    (Look, "act"),
    (Look, "head"),
]


@pytest.mark.parametrize(("owner", "method"), TARGETS, ids=lambda x: getattr(x, "__name__", x))
def test_an_error_of_ours_never_reaches_the_user(
    owner: type, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(None, 12)
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = Net()
    watched = relume.watch(model, path=tmp_path / "run.sqlite", every=1)

    def fail(*_: object, **__: object) -> None:
        raise Boom

    monkeypatch.setattr(owner, method, fail)
    losses = train(model, 12)
    watched.close()
    assert losses == plain[0]
    for name, value in plain[1][0].items():
        assert torch.equal(value, model.state_dict()[name]), name
    assert any("Boom" in problem for problem in watched.problems)


def test_errors_in_hooks_inside_backward_are_ours_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Boom

    monkeypatch.setattr("relume.record.host.backward_sums", fail)
    with relume.watch(model := Net(), path=tmp_path / "run.sqlite", every=1) as watched:
        assert train(model, 4)
    assert any("gradient: Boom" in problem for problem in watched.problems)


def test_an_unwritable_file_does_not_stop_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with relume.watch(model := Net(), path=tmp_path / "file" / "run.sqlite") as watched:
        assert len(train(model, 3)) == 3
    assert watched.path is None
    assert "cannot write the run file" in watched.problems[0]


def test_a_model_is_not_kept_alive(tmp_path: Path) -> None:
    model = Net()
    gone = weakref.ref(model)
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1):
        train(model, 5)
        del model
        gc.collect()
        assert gone() is None


def test_no_tensor_of_a_step_outlives_it(tmp_path: Path) -> None:
    def count() -> int:
        gc.collect()
        return sum(1 for thing in gc.get_objects() if type(thing) is Tensor)

    model = Net()
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1):
        train(model, 12)
        before = count()
        train(model, 40)
        assert count() <= before + 4


def test_two_watches_at_once_and_one_after_the_other(tmp_path: Path) -> None:
    one, two = Net(), nn.Sequential(nn.Linear(16, 3), nn.Tanh())
    with relume.watch(one, path=tmp_path / "a.sqlite", every=1) as first:
        with relume.watch(two, path=tmp_path / "b.sqlite", every=1) as second:
            train(one, 3)
            train(two, 4)
        train(one, 2)
    assert first.problems == second.problems == ()
    # the first step of a second optimiser belongs to the iteration in which the first one stepped
    assert first.trace().meta["steps"] == 4
    assert second.trace().meta["steps"] == 4
    assert [site.act for site in second.trace().sites_of("act")] == ["tanh"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"budget": 0.0}, r"a budget of 0.0 was given; it is a share of wall time in \(0, 1\]"),
        ({"budget": 2.0}, "a budget of 2.0 was given"),
        ({"every": 0}, "every=0 was given; it is a number of steps, 1 or more"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        relume.watch(Net(), **arguments)


def test_something_that_is_no_model() -> None:
    with pytest.raises(UsageError, match=r"was given list, int; it takes a torch\.nn\.Module"):
        relume.watch([[], 3])  # type: ignore[list-item]


def test_a_forked_child_does_not_write_to_the_parents_file(tmp_path: Path) -> None:
    script = """
import os, sys, torch, relume
model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
def step():
    optimizer.zero_grad(); model(torch.randn(8, 4)).sum().backward(); optimizer.step()
run = relume.watch(model, path=sys.argv[1], every=1)
step()
child = os.fork()
if child == 0:
    step(); step()
    assert torch.autograd.backward.__module__ == "torch.autograd"
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
step()
run.close()
print(run.trace().meta["steps"], run.trace().meta["records"], run.problems)
"""
    path = tmp_path / "run.sqlite"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "2 2 ()\n", done.stderr


def test_weights_updated_by_hand_are_still_clocked(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
    with relume.watch(model, path=tmp_path / "run.sqlite", budget=1.0) as watched:
        for x, y in batches(30):
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.sub_(0.1 * parameter.grad)
                    parameter.grad = None
    trace = watched.trace()
    loss_series = trace.series("", "loss")
    assert loss_series is not None
    assert len(loss_series) >= 25
    assert all(b - a in (0, 1) for a, b in itertools.pairwise(loss_series.steps.tolist()))
    assert [site.name for site in trace.sites_of("act")] == ["1"]
    gradient = trace.series("1", "grad_pre_rms")
    assert gradient is not None
    assert len(gradient) >= 20
    assert "optimizer.step" in [fact.data["operation"] for fact in trace.facts_of("opaque")]
