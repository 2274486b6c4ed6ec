"""A criterion whose input and target are spread over each other has a chance value, no error."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.record.measure.chance_loss import ChanceLoss

DRAW = torch.Generator().manual_seed(0)
X, Y = torch.randn(186, 6, generator=DRAW), torch.randn(186, generator=DRAW)

CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "smooth_l1": F.smooth_l1_loss,
    "huber": F.huber_loss,
    "by hand": lambda p, y: ((p - y) ** 2).mean(),
    "absolute by hand": lambda p, y: (p - y).abs().mean(),
    "bce": lambda p, y: F.binary_cross_entropy_with_logits(*torch.broadcast_tensors(p, y)),
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("target", [(-1,), (-1, 1), (1, -1)])
@pytest.mark.parametrize("output", [(-1,), (-1, 1)])
@pytest.mark.parametrize("name", CRITERIA)
def test_the_last_batch_may_be_smaller(
    name: str, output: tuple[int, ...], target: tuple[int, ...], tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    y = (Y > 0).float() if name == "bce" else Y
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        for begin in (*range(0, 186, 32), 0):  # 32, ..., 26, 32 rows
            optimizer.zero_grad()
            rows = slice(begin, begin + 32)
            CRITERIA[name](model(X[rows]).reshape(output), y[rows].reshape(target)).backward()
            optimizer.step()
    assert run.problems == ()
    (fact,) = run.trace().facts_of("criterion")
    if name == "mse":
        counted = torch.cat((Y, Y[:32]))
        assert fact.data["chance"] == pytest.approx(float(counted.var(correction=0)), rel=0.02)


def test_ranks_with_targets_of_other_widths_are_joined() -> None:
    """Against the variance of all targets as one column."""
    one, two = torch.randn(32, 32, generator=DRAW), torch.randn(26, 26, generator=DRAW)
    first, second, both = (ChanceLoss("mse", None) for _ in range(3))
    first.add(one)
    second.add(two)
    first.join(second.state())
    both.add(one)
    both.add(two)
    truth = float(torch.cat((one.flatten(), two.flatten())).double().var(correction=0))
    assert first.value() == pytest.approx(truth)
    assert both.value() == pytest.approx(truth)


def test_each_output_keeps_its_own_guess() -> None:
    """The twin: outputs with means of their own are not pooled while their number stays."""
    rows = torch.randn(64, 3, generator=DRAW) + torch.tensor([0.0, 10, 20])
    chance = ChanceLoss("mse", None)
    chance.add(rows[:32])
    chance.add(rows[32:])
    assert chance.value() == pytest.approx(float(rows.double().var(0, correction=0).mean()))
