"""A watch that is still open is judged up to now; one that is replaced or dropped ends itself."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

import relume
from relume.record.hooks.fork_guard import live_recorders


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def train(model: nn.Module, steps: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(8, 4)).square().mean().backward()
        optimizer.step()


def test_an_open_watch_is_read_up_to_now(tmp_path: Path) -> None:
    model = net()
    with relume.watch(model, path=tmp_path / "run.sqlite") as run:
        for steps in (50, 3_000):
            train(model, 50 if steps == 50 else 2_950)
            trace = run.trace()
            loss = trace.series("", "loss")
            assert loss is not None
            assert trace.meta["steps"] == steps
            assert loss.steps[-1] >= steps - 3
    assert run.trace().meta["steps"] == 3_000


def test_a_new_watch_of_a_model_closes_the_old_one(tmp_path: Path) -> None:
    model, before = net(), len(live_recorders)
    runs = [relume.watch(model, path=tmp_path / f"{number}.sqlite") for number in range(10)]
    assert len(live_recorders) == before + 1
    train(model, 5)
    assert [run.trace().meta["steps"] for run in runs[-2:]] == [0, 5]
    runs[-1].close()


def test_a_dropped_watch_ends_itself(tmp_path: Path) -> None:
    before = len(live_recorders)

    def cell(number: int) -> Any:
        model = net()
        run = relume.watch(model, path=tmp_path / f"{number}.sqlite")
        train(model, 5)
        return run

    for number in range(5):
        run = cell(number)
    assert len(live_recorders) == before + 1
    del run
    assert len(live_recorders) == before
