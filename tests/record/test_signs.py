"""What the recorder tells of targets, softmax axes, acts in a row, rows of weights and inputs."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import relume
from relume.core import Trace

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(32, 6, generator=DRAW)


def recorded(
    tmp_path, model: nn.Module, loss: Callable[[Tensor], Tensor], steps: int = 3, x: Tensor = X
) -> Trace:
    optimizer = torch.optim.SGD(model.parameters(), 0.01, weight_decay=0.02)
    with relume.watch(
        model, every=1, path=tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite"
    ) as run:
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(x)).backward()
            optimizer.step()
    return run.trace()


def net(*acts: nn.Module, out: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), *acts, nn.Linear(8, out))


def test_targets_are_told_by_range_and_kind(tmp_path) -> None:
    y = torch.arange(32.0).remainder(5)[:, None]
    trace = recorded(tmp_path, net(nn.ReLU(), out=1), lambda p: nn.functional.mse_loss(p, y))
    (fact,) = trace.facts_of("criterion")
    told = {name: fact.data[f"target_{name}"] for name in ("min", "max", "whole", "distinct")}
    assert told == {"min": 0.0, "max": 4.0, "whole": True, "distinct": 5}
    assert fact.data["broadcast"] is False
    assert fact.data["target_ones_max"] is None
    assert trace.facts_of("head")[0].data["direct"] is True


def test_many_labels_a_row_are_counted(tmp_path) -> None:
    y = torch.tensor([[1.0, 1, 0, 1]]).repeat(32, 1)
    loss = nn.functional.binary_cross_entropy_with_logits
    trace = recorded(tmp_path, net(nn.ReLU()), lambda p: loss(p, y))
    assert trace.facts_of("criterion")[0].data["target_ones_max"] == 3


def test_predictions_that_meet_every_target_are_seen(tmp_path) -> None:
    y = torch.randn(32, generator=DRAW)

    def loss(p: Tensor) -> Tensor:
        with pytest.warns(UserWarning, match="target size"):
            return nn.functional.mse_loss(p, y)

    trace = recorded(tmp_path, net(nn.ReLU(), out=1), loss)
    assert trace.facts_of("criterion")[0].data["broadcast"] is True


def test_raw_rows_under_a_likelihood_are_measured(tmp_path) -> None:
    y = torch.arange(32).remainder(4)
    trace = recorded(tmp_path, net(nn.ReLU()), lambda p: nn.functional.nll_loss(p, y))
    assert trace.facts_of("criterion")[0].data["rows_logsumexp_error"] > 0.5


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_the_axis_of_a_softmax_counts_from_the_front(tmp_path, axis: int) -> None:
    y = torch.full((32, 4), 0.25)
    model = net(nn.ReLU(), nn.Linear(8, 8), nn.Tanh())
    trace = recorded(tmp_path, model, lambda p: nn.functional.mse_loss(torch.softmax(p, axis), y))
    (fact,) = trace.facts_of("softmax")
    assert (fact.data["axis"], fact.data["shape"]) == (axis % 2, [32, 4])
    assert (fact.data["batch"], fact.data["role"]) == (32, "output")
    assert set(trace.meta["looks_for"]) == {"act-pair", "softmax", "turn"}


def test_acts_in_a_row_are_pairs_and_gates_are_none(tmp_path) -> None:
    model = net(nn.ReLU(), nn.Sigmoid(), nn.Linear(8, 8), nn.SiLU(), nn.Dropout(0.1), nn.ReLU())
    trace = recorded(tmp_path, model, lambda p: p.square().mean())
    pairs = [(f.data["first"], f.data["second"], f.site) for f in trace.facts_of("act-pair")]
    assert sorted(pairs) == [("relu", "sigmoid", "2")]  # dropout at work is a product with a mask
    model.eval()
    trace = recorded(tmp_path, model, lambda p: p.square().mean())
    assert ("silu", "relu", "6") in [
        (f.data["first"], f.data["second"], f.site) for f in trace.facts_of("act-pair")
    ]


def test_rows_that_are_alike_are_followed_and_others_are_not(tmp_path) -> None:
    model = net(nn.Tanh())
    nn.init.constant_(model[0].weight, 0.1)
    trace = recorded(tmp_path, model, lambda p: p.square().mean())
    alike = trace.series("0.weight", "row_cosine_min")
    assert alike is not None
    assert len(alike) == 3
    assert alike.values[0] == pytest.approx(1.0)
    other = trace.series("2.weight", "row_cosine_min")
    assert other is not None
    assert len(other) == 1
    assert other.values[0] < 0.9


def test_weight_decay_and_the_spread_of_features_are_told(tmp_path) -> None:
    x = X * torch.tensor([1.0, 1, 1, 1, 1, 100])
    trace = recorded(tmp_path, net(nn.Tanh()), lambda p: p.square().mean(), x=x)
    assert {f.data["weight_decay"] for f in trace.facts_of("parameter")} == {0.02}
    (site,) = trace.sites_of("input")
    spread = trace.series(site.name, "feature_std_max_over_median")
    assert spread is not None
    assert 50 < spread.values[-1] < 200


def test_a_straight_act_leaves_nothing_to_bend(tmp_path) -> None:
    """Against a second derivation: the residual of numpy's own line fit, by unit."""
    for size in (1e-3, 1.0):
        model = net(nn.Tanh(), nn.Linear(8, 8), nn.ReLU())
        with torch.no_grad():
            pre = model[0](X * size).double().numpy()
        post = np.tanh(pre)
        left = sum(np.polyfit(pre[:, u], post[:, u], 1, full=True)[1][0] for u in range(8)) / sum(
            post.var(0) * len(post)
        )
        trace = recorded(tmp_path, model, lambda p: p.square().mean(), x=X * size)
        series = trace.series("1", "affine_residual_share")
        assert series is not None
        assert series.values[0] == pytest.approx(left, rel=1e-2, abs=1e-9)
        assert trace.series("3", "affine_residual_share") is None
