"""Recording leaves no trace: not a bit, not a hook, not an error."""

import copy
import gc
import inspect
import itertools
import pickle
import random
import subprocess
import sys
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_entries import ZOO
from zoo_kinds import Entry
from zoo_watch import built, left_in_torch, plain
from zoo_watch import state as zoo_state

import relume
from relume.errors import UsageError
from relume.instrument import grad_scaling
from relume.record import recorder
from relume.record.capture import (
    graph_reader,
    optimizer_steps,
    parameter_stats,
    pending_records,
    recorded_step,
)
from relume.record.capture.step_record import GradientHook, StepRecord
from relume.record.facts import fact_log
from relume.record.measure import row_cosine
from relume.record.schedule import loss_attribution, overhead_budget
from relume.record.sites import find_acts, function_mode, module_hooks, module_trace, sites
from relume.record.store import run_file


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


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    assert left_in_torch() == []
    yield
    assert left_in_torch() == []


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
    assert len(left_in_torch()) >= 4
    train(model, 3)
    watched.close()
    watched.close()
    assert left_in_torch() == []


def test_between_records_only_the_step_hook_and_the_loss_are_ours(tmp_path: Path) -> None:
    model = Net()
    watched = relume.watch(model, path=tmp_path / "run.sqlite", every=1000)
    train(model, 3)
    assert left_in_torch() == ["optimizer post", "backward", "grad", "scale", "update", "compile"]
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
    assert left_in_torch() == []
    assert watched.problems == ()
    (end,) = watched.trace().facts_of("end")
    assert end.data["how"] == "exception"


TARGETS = [
    (recorded_step.RecordedStep, "arm"),
    (module_hooks.ModuleHooks, "_begin"),
    (recorded_step.RecordedStep, "read"),
    (recorded_step.RecordedStep, "read_gradients"),
    (module_trace.ModuleTrace, "leave"),
    (pending_records.PendingRecords, "add_loss"),
    (recorder.Recorder, "_tick"),
    (recorded_step.RecordedStep, "read_updates"),
    (optimizer_steps.OptimizerSteps, "_add"),
    (recorder.Recorder, "_flush"),
    (sites.Sites, "acts_in"),
    (fact_log.FactLog, "read_graph"),
    (fact_log.FactLog, "read_inputs"),
    (fact_log.FactLog, "write_parameters"),
    (fact_log.FactLog, "finish"),
    (parameter_stats.WeightStats, "snapshot"),
    (parameter_stats.WeightStats, "gradients"),
    (parameter_stats.WeightStats, "moved"),
    (pending_records.PendingRecords, "add_record"),
    (pending_records.PendingRecords, "drain"),
    (run_file.Writer, "record"),
    (run_file.Writer, "all_windows"),
    (run_file.Writer, "meta"),
    (StepRecord, "read_act"),
    (StepRecord, "read_head"),
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


MORE = [
    ("GradScaler", grad_scaling.GradScaling, "read_scale"),
    ("GradScaler", grad_scaling.GradScaling, "unscale"),
    ("GradScaler", grad_scaling.GradScaling, "clear"),
    ("GradScaler", recorded_step.RecordedStep, "skip"),
    ("GAN in a ModuleDict", loss_attribution.LossAttribution, "assign"),
    ("GAN in a ModuleDict", graph_reader.GraphReader, "frozen_parameters"),
    ("checkpoint, reentrant", recorded_step.RecordedStep, "read_inner"),
    ("checkpoint", function_mode.ActCapture, "enter"),
    ("checkpoint", function_mode.ActCapture, "leave"),
    ("checkpoint", function_mode, "sample"),
    ("checkpoint", function_mode, "wrapped"),
    ("frozen backbone", graph_reader.GraphReader, "_relevant_acts"),
    ("nn.GRU", row_cosine.RowCosines, "measure"),
    ("threads", module_trace.ModuleTrace, "enter"),
    ("F.gelu", GradientHook, "_add_sums"),
    ("x * (x > 0)", find_acts, "relu_input"),
    ("F.relu", parameter_stats.WeightStats, "nonfinite"),
    ("F.relu", pending_records.PendingRecords, "end_step"),
    ("F.relu", overhead_budget.OverheadBudget, "step"),
]


def with_error(
    entry: Entry, owner: Any, method: str, path: Path, **options: Any
) -> tuple[Any, tuple[str, ...]]:
    """A training of the zoo with an error in a function of ours; and what is said."""
    training = built(entry)
    torch.manual_seed(1)
    watched = relume.watch(*training.models, path=path, **{"every": 1, **options})
    with patch.object(owner, method, side_effect=Boom("injected")):
        losses = [training.step() for _ in range(12)]
        watched.close()
    return zoo_state(losses, training), watched.problems


@pytest.mark.parametrize(("name", "owner", "method"), MORE, ids=lambda x: getattr(x, "__name__", x))
def test_an_error_of_ours_in_the_forms_of_the_zoo(
    name: str, owner: Any, method: str, tmp_path: Path
) -> None:
    watched, said = with_error(ZOO[name], owner, method, tmp_path / "run.sqlite")
    assert watched == plain(ZOO[name])
    assert any("Boom" in problem for problem in said), said


@pytest.mark.parametrize("method", ["add_loss", "end_step"])
def test_an_error_of_ours_on_a_plain_step(method: str, tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    watched, said = with_error(
        ZOO["F.relu"], pending_records.PendingRecords, method, path, every=100
    )
    assert watched == plain(ZOO["F.relu"])
    assert any("Boom" in problem for problem in said), said


@pytest.mark.filterwarnings("ignore:.torch.jit.:FutureWarning")  # deprecated from 2.15 on
def test_a_watched_model_is_copied_pickled_saved_and_scripted_as_before(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    before, own = pickle.dumps(model), set(vars(model))
    x = torch.randn(8, 16)

    def same(other: Any) -> bool:
        other.eval()
        expected = model.eval()(x)
        model.train()
        return torch.equal(other(x), expected)

    with relume.watch(model, path=tmp_path / "run.sqlite", every=1):
        assert pickle.dumps(model) == before, "watching adds nothing to a model"
        train(model, 3)
        assert set(vars(model)) == own
        copied, pickled = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        torch.save(model.state_dict(), tmp_path / "state.pt")
        saved = Net()
        saved.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # deprecated, and still in use
            scripted = torch.jit.script(copy.deepcopy(model))
        assert all(same(other) for other in (copied, pickled, saved, scripted))
        for other in (copied, pickled):
            hooked = [n for n, value in vars(other).items() if "_hooks" in n and value]
            assert hooked == []
        train(copied, 2)  # of no concern to the recording
    assert left_in_torch() == []


def test_closed_early_and_many_times_over(tmp_path: Path) -> None:
    plainly = run(None, 30)
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = Net()
    watched = [
        relume.watch([model, nn.Identity()], path=tmp_path / f"{n}.sqlite", every=1 + n)
        for n in range(4)
    ]  # nested, of one model, each with another one beside it
    done = 0

    def close_one(*_: object) -> None:
        nonlocal done
        done += 1
        if done % 6 == 0 and done // 6 <= len(watched):
            watched[done // 6 - 1].close()  # not in the order in which they were opened

    handle = model.out.register_forward_hook(close_one)
    losses = train(model, 30)
    handle.remove()
    assert losses == plainly[0]
    assert left_in_torch() == []
    for each in watched:
        assert each.problems == ()
        assert [site.act for site in each.trace().sites_of("act")] == ["relu", "sigmoid"]


def test_two_recordings_that_sleep_in_turn_build_no_tower(tmp_path: Path) -> None:
    """Each takes its wrapper out and puts it back, over and over, while the other is there."""
    from relume.instrument.monkeypatch import MonkeyPatch

    class Owner:
        @staticmethod
        def call() -> int:
            return len(inspect.stack())

    def make(original: Any) -> Any:
        def wrapper() -> Any:
            return original()

        return wrapper

    plainly, own = Owner.call(), vars(Owner)["call"]
    one, two = (MonkeyPatch(Owner, "call", make) for _ in range(2))
    one.install()
    for _ in range(50):
        two.install()
        one.remove()
        one.install()
        two.remove()
    assert Owner.call() == plainly + 2, "the switch and one wrapper"
    theirs = Owner.call
    Owner.call = make(theirs)  # somebody wraps ours
    one.remove()
    assert Owner.call() == plainly + 2
    one.install()
    one.remove()
    assert Owner.call() == plainly + 2, "nothing of ours was added to theirs"
    assert theirs.__wrapped__ is own.__func__


def test_errors_in_hooks_inside_backward_are_ours_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Boom

    monkeypatch.setattr("relume.record.measure.act_stats.backward_sums", fail)
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
    # the first optimiser is gone when the second comes, so the two do not step in turn
    assert first.trace().meta["steps"] == 5
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
