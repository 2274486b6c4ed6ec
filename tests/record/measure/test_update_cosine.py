"""`update_cosine`: against updates that are known on paper, and against weights kept by hand."""

from pathlib import Path

import pytest
import torch
from torch import nn

import relume


def recorded(tmp_path: Path, rate: float, steps: int, every: int) -> tuple[list[float], list[int]]:
    """Least squares along one axis: each step multiplies the error by 1 - 2 rate."""
    layer = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(3.0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=rate)
    path = tmp_path / f"{rate}-{every}.sqlite"
    with relume.watch(layer, every=every, path=path) as run:
        for _ in range(steps):
            optimizer.zero_grad()
            layer(torch.ones(4, 1)).square().mean().backward()
            optimizer.step()
    assert not run.problems
    series = run.trace().series("weight", "update_cosine")
    assert series is not None
    return series.values.tolist(), series.steps.tolist()


@pytest.mark.parametrize("every", [1, 7])
def test_steps_too_long_turn_back_and_short_ones_go_on(tmp_path: Path, every: int) -> None:
    """Beyond a rate of 1/2 the error changes its sign with every step, and so does the update."""
    back, _ = recorded(tmp_path, 0.9, 60, every)
    onward, _ = recorded(tmp_path, 0.1, 60, every)
    assert len(back) >= 2
    assert all(cosine == pytest.approx(-1, abs=1e-5) for cosine in back)
    assert all(cosine == pytest.approx(1, abs=1e-5) for cosine in onward)


def test_it_is_the_cosine_of_the_followed_step_and_the_next(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    kept: list[torch.Tensor] = []
    x = torch.randn(40, 5)
    with relume.watch(model, every=3, path=tmp_path / "run.sqlite") as run:
        for _ in range(40):
            kept.append(model[0].weight.detach().double().flatten().clone())
            optimizer.zero_grad()
            (model(x[torch.randint(40, (8,))]) - x[:8, :1]).square().mean().backward()
            optimizer.step()
    series = run.trace().series("0.weight", "update_cosine")
    assert series is not None
    moved = torch.stack(kept).diff(dim=0)
    for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
        followed = next(s for s in range(step - 3, -1, -3) if s // 3 % 4 == 0)
        truth = torch.cosine_similarity(moved[followed], moved[followed + 1], dim=0)
        assert value == pytest.approx(float(truth), abs=1e-3)
    assert len(series) >= 3
