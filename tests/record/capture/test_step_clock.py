"""What a step is where no optimiser has stepped yet: gradients are gathered, or nothing steps."""

from pathlib import Path

import pytest
import torch
from torch import nn

import relume
from relume.record import recorder


def trained(path: Path, gather: int, backwards: int = 60, *, lost: bool = False) -> relume.Trace:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    if lost:
        del optimizer
    with relume.watch(model, path=path, every=1) as run:
        for at in range(backwards):
            model(torch.ones(2, 4)).square().mean().backward()
            if not lost and (at + 1) % gather == 0:
                optimizer.step()
                optimizer.zero_grad()
            if lost:  # by hand
                for weight in model.parameters():
                    assert weight.grad is not None
                    weight.data -= 1e-3 * weight.grad
                    weight.grad = None
    assert run.problems == ()
    return run.trace()


@pytest.mark.parametrize("gather", [1, 3, 6, 20])
def test_gathered_gradients_are_one_step(gather: int, tmp_path: Path) -> None:
    trace = trained(tmp_path / "run.sqlite", gather)
    assert trace.meta["steps"] == 60 // gather
    assert trace.meta["backwards"] == 60


def test_by_hand_every_backward_is_a_step(tmp_path: Path) -> None:
    assert trained(tmp_path / "run.sqlite", 1, lost=True).meta["steps"] > 50


def test_an_optimiser_that_is_never_asked_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_GATHERED", 20)
    trace = trained(tmp_path / "run.sqlite", 10**6)
    assert trace.meta["steps"] == 60
    loss = trace.series("", "loss")
    assert loss is not None
    assert loss.steps.tolist() == list(range(60))
