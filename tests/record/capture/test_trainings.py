"""Several trainings in one script are told apart; optimisers that alternate are one training."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

import relume
from relume.record.run import begin

STEPS = 60


@contextmanager
def everything(path: Path) -> Iterator[relume.Run]:
    """Record whatever trains in this process, as `relume run` does."""
    run = begin(path, (), budget=0.01, every=None, about={})
    try:
        yield run
    finally:
        run.close()


def fit(model: nn.Module, rate: float = 0.05, steps: int = STEPS) -> None:
    torch.manual_seed(1)
    x = torch.randn(64, 4)
    y = x.sum(1, keepdim=True).tanh()
    optimizer = torch.optim.SGD(model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def test_folds_in_a_loop_are_trainings(tmp_path: Path) -> None:
    torch.manual_seed(0)
    with everything(tmp_path / "run.sqlite") as run:
        for rate in (0.05, 1e4, 0.05):
            fit(net(), rate)
    trace = run.trace()
    assert trace.meta["trainings"] == [0, STEPS, 2 * STEPS]
    parts = trace.trainings()
    assert [len(part.table["", "loss"]) for part in parts] == [STEPS] * 3
    assert all(part.windows("1")[0].records == 1 for part in parts)
    assert all(w.first >= part.meta["first"] for part in parts for w in part.windows("1"))


def test_models_that_are_kept_are_trainings_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(32, 4), torch.randn(32, 1)
    models = [net() for _ in range(3)]
    optimizers = [torch.optim.SGD(model.parameters(), 0.01) for model in models]
    with everything(tmp_path / "run.sqlite") as run:
        for model, optimizer in zip(models, optimizers, strict=True):
            for _ in range(STEPS):
                optimizer.zero_grad()
                nn.functional.mse_loss(model(x), y).backward()
                optimizer.step()
    assert len(run.trace().trainings()) == 3


def test_a_gan_and_a_second_phase_are_one_training(tmp_path: Path) -> None:
    torch.manual_seed(0)
    maker, judge = net(), nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))
    pairs = [(m, torch.optim.SGD(m.parameters(), 0.01)) for m in (judge, maker)]
    with everything(tmp_path / "gan.sqlite") as run:
        for _ in range(STEPS):
            for _, optimizer in pairs:
                optimizer.zero_grad()
                judge(maker(torch.randn(16, 4))).mean().backward()
                optimizer.step()
    assert len(run.trace().trainings()) == 1
    model = net()
    with relume.watch(model, path=tmp_path / "phases.sqlite") as run:
        fit(model)
        fit(model, 0.005)
    assert run.trace().meta["trainings"] == [0]
