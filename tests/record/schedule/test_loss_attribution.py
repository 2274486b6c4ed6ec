"""Several optimisers: whose loss is whose, and that one iteration is recorded as a whole."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import relume
from relume.core import Trace

STEPS = 24


def net(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 8), nn.LeakyReLU(0.2), nn.Linear(8, outputs))


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), 0.05)


def gan(*, frozen: bool = False, critic: int = 1) -> tuple[nn.Module, Iterator[Any]]:
    """Yields (name, loss) of each optimiser's step."""
    nets = nn.ModuleDict({"G": net(4, 2), "D": net(2, 1)})
    optimizers = {name: sgd(model) for name, model in nets.items()}
    judge = nn.BCEWithLogitsLoss()

    def steps() -> Iterator[Any]:
        while True:
            for _ in range(critic):
                real, made = (
                    nets["D"](torch.randn(8, 2)),
                    nets["D"](nets["G"](torch.randn(8, 4)).detach()),
                )
                loss = judge(real, torch.ones(8, 1)) + judge(made, torch.zeros(8, 1))
                yield "D", descend(optimizers["D"], loss)
            nets["D"].requires_grad_(not frozen)
            loss = judge(nets["D"](nets["G"](torch.randn(8, 4))), torch.ones(8, 1))
            yield "G", descend(optimizers["G"], loss)
            nets["D"].requires_grad_(True)

    return nets, steps()


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def watched(
    made: tuple[nn.Module, Iterator[Any]], path: Path, **options: Any
) -> tuple[Trace, dict[str, list[float]]]:
    model, steps = made
    told: dict[str, list[float]] = {}
    with relume.watch(model, path=path, **{"every": 1, **options}) as run:
        for _, (name, loss) in zip(range(STEPS), steps, strict=False):
            told.setdefault(name, []).append(loss)
    assert run.problems == ()
    return run.trace(), told


def values(trace: Trace, stat: str) -> list[float]:
    series = trace.series("", stat)
    return [] if series is None else series.values.tolist()


def turns(trace: Trace) -> list[tuple[str, str, list[str]]]:
    return [(f.data["loss"], f.data["model"], f.data["reaches"]) for f in trace.facts_of("turn")]


@pytest.mark.parametrize("frozen", [False, True], ids=["open", "held still"])
@pytest.mark.parametrize("options", [{"every": 1}, {"every": 5}, {"budget": 0.5}], ids=str)
def test_a_gan_has_two_losses(options: dict[str, Any], frozen: bool, tmp_path: Path) -> None:
    trace, told = watched(gan(frozen=frozen), tmp_path / "run.sqlite", **options)
    assert values(trace, "loss") == pytest.approx(told["D"])
    assert values(trace, "loss_2") == pytest.approx(told["G"], rel=1e-6)
    assert len(values(trace, "learning_rate_2")) == len(told["G"])
    assert turns(trace) == [("loss", "D", []), ("loss_2", "G", ["loss"])]
    assert trace.meta["steps"] == STEPS / 2
    for name in ("D.0.weight", "G.0.weight"):  # neither is left out, whatever the interval
        norms = trace.series(name, "update_ratio")
        assert norms is not None, name
        assert len(norms) >= STEPS / 2 / options.get("every", 1) - 1


def test_a_critic_that_steps_five_times_as_often(tmp_path: Path) -> None:
    trace, told = watched(gan(critic=5), tmp_path / "run.sqlite")
    assert values(trace, "loss") == pytest.approx(told["D"])
    assert values(trace, "loss_2") == pytest.approx(told["G"], rel=1e-6)
    assert trace.meta["steps"] == len(told["D"])


def pair(order: str) -> tuple[nn.Module, Iterator[Any]]:
    """Two models that have nothing to do with each other, trained in one loop."""
    nets = nn.ModuleDict({"A": net(4, 1), "B": net(4, 1)})
    optimizers = [sgd(model) for model in nets.values()]

    def steps() -> Iterator[Any]:
        while True:
            losses = [model(torch.randn(8, 4)).square().mean() + 1 for model in nets.values()]
            for optimizer in optimizers:
                optimizer.zero_grad()
            for loss in losses:
                loss.backward()
            for name, optimizer, loss in zip("AB", optimizers, losses, strict=True):
                optimizer.step()
                yield name, loss.item()

    return nets, steps()


@pytest.mark.parametrize("options", [{"every": 1}, {"every": 7}], ids=str)
def test_losses_find_their_model_where_all_backwards_come_first(
    options: dict[str, Any], tmp_path: Path
) -> None:
    trace, told = watched(pair("AB"), tmp_path / "run.sqlite", **options)
    assert values(trace, "loss") == pytest.approx(told["A"])
    assert values(trace, "loss_2") == pytest.approx(told["B"], rel=1e-6)
    assert turns(trace) == [("loss", "A", []), ("loss_2", "B", [])]


def shared() -> tuple[nn.Module, Iterator[Any]]:
    """One loss, two optimisers."""
    model = net(4, 1)
    first, second = sgd(model[0]), sgd(model[2])

    def steps() -> Iterator[Any]:
        while True:
            loss = model(torch.randn(8, 4)).square().mean()
            second.zero_grad()
            value = descend(first, loss)
            second.step()
            yield "both", value

    return model, steps()


def phases() -> tuple[nn.Module, Iterator[Any]]:
    """A new optimiser half way: a fold, or a phase of fine tuning."""
    model = net(4, 1)

    def steps() -> Iterator[Any]:
        for _ in range(2):
            optimizer = sgd(model)
            for _ in range(STEPS // 2):
                yield "all", descend(optimizer, model(torch.randn(8, 4)).square().mean())

    return model, steps()


@pytest.mark.parametrize("make", [shared, phases])
@pytest.mark.parametrize("options", [{"every": 1}, {"every": 5}], ids=str)
def test_one_loss_stays_one_series(
    make: Callable[[], Any], options: dict[str, Any], tmp_path: Path
) -> None:
    trace, told = watched(make(), tmp_path / "run.sqlite", **options)
    (every,) = told.values()
    assert len(values(trace, "loss")) >= len(every) - 1  # the step on which a phase ends is shared
    assert set(values(trace, "loss")) <= set(every)
    assert values(trace, "loss_2") == []
    assert turns(trace) == []


def test_the_last_rows_of_a_phase_are_not_lost(tmp_path: Path) -> None:
    """The run ends before it is known whether the first optimiser comes back."""
    model = net(4, 1)
    told: list[float] = []
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1) as run:
        for count in (6, 3):
            optimizer = sgd(model)
            told += [
                descend(optimizer, model(torch.randn(8, 4)).square().mean()) for _ in range(count)
            ]
    assert values(run.trace(), "loss")[-3:] == told[-3:]


def test_three_in_turn(tmp_path: Path) -> None:
    """CycleGAN has more; each gets its series in the order of an iteration."""
    nets = nn.ModuleDict({name: net(4, 1) for name in "ABC"})
    optimizers = {name: sgd(nets[name]) for name in "ABC"}

    def steps() -> Iterator[Any]:
        while True:
            for name in "ABC":
                loss = nets[name](torch.randn(8, 4)).square().mean()
                yield name, descend(optimizers[name], loss)

    trace, told = watched((nets, steps()), tmp_path / "run.sqlite")
    for stat, name in (("loss", "A"), ("loss_2", "B"), ("loss_3", "C")):
        assert values(trace, stat) == pytest.approx(told[name], rel=1e-6), stat


@pytest.mark.parametrize("critic", [True, False], ids=["a critic", "a judge"])
def test_a_critic_s_loss_is_a_distance_to_many_values(critic: bool, tmp_path: Path) -> None:
    """An actor learns through its critic and not against it; a judge has two targets."""
    nets = nn.ModuleDict({"A": net(4, 1), "Q": net(5, 1)})
    actor, judge = sgd(nets["A"]), sgd(nets["Q"])

    def steps() -> Iterator[Any]:
        while True:
            x = torch.randn(8, 4)
            value = nets["Q"](torch.cat([x, nets["A"](x).detach()], 1))
            goal = x.square().sum(1, keepdim=True) if critic else torch.ones(8, 1)
            loss = nn.functional.mse_loss(value, goal)
            judge.zero_grad()
            loss.backward()
            judge.step()
            yield "Q", loss.item()
            gain = -nets["Q"](torch.cat([x, nets["A"](x)], 1)).mean()
            actor.zero_grad()
            gain.backward()
            actor.step()
            yield "A", gain.item()

    trace, _ = watched((nets, steps()), tmp_path / "run.sqlite")
    assert turns(trace) == [("loss", "Q", []), ("loss_2", "A", ["loss"])]
    assert [f.data["regresses"] for f in trace.facts_of("turn")] == [critic, False]
    assert [f.data["scored"] for f in trace.facts_of("turn")] == [True, False]
