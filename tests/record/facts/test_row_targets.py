"""Rows that return in a later step, with their own target or with another row's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume

Losses = Callable[[Tensor, Tensor, Tensor, int], Tensor]


def counts(path: Path, loss_of: Losses, model: nn.Module, x: Tensor, steps: int = 40) -> Any:
    """Train on rows of `x`, and return the fact's data."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    draw = torch.Generator().manual_seed(1)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for step in range(steps):
            rows, other = (torch.randperm(len(x), generator=draw)[:16] for _ in "ab")
            optimizer.zero_grad()
            loss_of(x[rows], rows, other, step).backward()
            optimizer.step()
        facts = run.diagnose(select=["ACT913"]), run.trace().facts_of("row-targets")
        assert not run.problems
    diagnosis, found = facts
    return bool(diagnosis.findings), found[-1].data if found else {}


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("kind", ["classes", "one", "numbers"])
def test_rows_that_return_with_another_rows_target(kind: str, apart: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(100, 5), torch.randint(3, (100,))
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3 if kind == "classes" else 1))

    def loss(batch: Tensor, rows: Tensor, other: Tensor, _step: int) -> Tensor:
        target = y[other if apart else rows]
        if kind == "classes":
            return F.cross_entropy(model(batch), target)
        if kind == "one":
            return F.binary_cross_entropy_with_logits(model(batch)[:, 0], (target > 0).float())
        return F.mse_loss(model(batch), target[:, None] + 0.01 * target[:, None] ** 2)

    told, data = counts(tmp_path, loss, model, x)
    assert data["returned"] > 300
    assert told is apart


def test_targets_that_move_were_not_exchanged(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1)), torch.randn(100, 5)

    def loss(batch: Tensor, _rows: Tensor, _other: Tensor, _step: int) -> Tensor:
        return F.mse_loss(model(batch), torch.randn(16, 1))

    told, data = counts(tmp_path, loss, model, x)
    assert data["strange"] == data["changed"] > 300
    assert not told


def test_equal_rows_are_no_keys(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = torch.randint(2, (100, 3)).float(), torch.randint(2, (100,))
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    told, data = counts(tmp_path, lambda b, rows, *_: F.cross_entropy(model(b), y[rows]), model, x)
    assert data["changed"] > 50
    assert not told


def test_two_tasks_on_the_same_rows_have_their_own_targets(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(100, 5), torch.randint(2, (2, 100))
    body = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
    heads = nn.ModuleList([nn.Linear(8, 2), nn.Linear(8, 2)])
    model = nn.ModuleDict({"body": body, "heads": heads})

    def loss(batch: Tensor, rows: Tensor, _other: Tensor, step: int) -> Tensor:
        return F.cross_entropy(heads[step % 2](body(batch)), y[step % 2][rows])

    told, data = counts(tmp_path, loss, model, x)
    assert data["returned"] > 300
    assert (data["changed"], told) == (0, False)


def test_rows_that_are_augmented_never_return(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(100, 5), torch.randint(2, (100,))
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))

    def loss(batch: Tensor, _rows: Tensor, other: Tensor, _step: int) -> Tensor:
        return F.cross_entropy(model(batch + 0.01 * torch.randn_like(batch)), y[other])

    told, data = counts(tmp_path, loss, model, x)
    assert (data["returned"], told) == (0, False)


def test_two_critics_share_targets_that_move(tmp_path: Path) -> None:
    torch.manual_seed(0)
    critics = nn.ModuleList(
        nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1)) for _ in "ab"
    )
    x, kept = torch.randn(100, 5), list[Tensor]()

    def loss(batch: Tensor, _rows: Tensor, _other: Tensor, step: int) -> Tensor:
        if step % 2 == 0:
            kept[:] = [batch, torch.randn(16, 1)]
        return F.smooth_l1_loss(critics[step % 2](kept[0]), kept[1])

    told, data = counts(tmp_path, loss, critics, x, steps=80)
    assert data["strange"] == data["changed"] > 300
    assert not told
