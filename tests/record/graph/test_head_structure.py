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
    assert {"act-pair", "softmax", "turn", "wiring"} <= set(trace.meta["looks_for"])


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


LOGARITHMS = {
    "softmax, cut": (lambda z: z.softmax(1).clamp(1e-7, 1 - 1e-7), ["clamp"], "softmax"),
    "rectified, shared": (
        lambda z: z.relu() / (z.relu().sum(1, keepdim=True) + 1e-7) + 1e-9,
        None,  # two different rectifiers: what is divided is not what is summed
        None,
    ),
    "scores, cut": (lambda z: z.clamp(1e-6, 1 - 1e-6), ["clamp"], None),
    "something learned between": (lambda z: (z * z.abs().mean()).sigmoid() * z.exp(), None, None),
}


@pytest.mark.parametrize("name", LOGARITHMS)
def test_what_stands_before_a_logarithm_is_told(tmp_path, name: str) -> None:
    head, guards, last = LOGARITHMS[name]
    trace = recorded(tmp_path, net(nn.ReLU()), lambda z: -head(z).log().mean())
    (fact,) = trace.facts_of("head")
    assert trace.facts_of("criterion")[0].data["loss"] == "log_likelihood"
    assert fact.data["guarded"] == guards
    acts = [act["act"] for act in fact.data["acts"]]
    assert last is None or acts[0] == last


def test_rows_divided_by_their_own_sum_are_seen_through(tmp_path) -> None:
    def loss(z: Tensor) -> Tensor:
        p = z.relu()
        p = (p / (p.sum(1, keepdim=True) + 1e-7)).clamp(1e-7, 1 - 1e-7)
        return -p.log().mean()

    trace = recorded(tmp_path, net(nn.ReLU()), loss)
    (fact,) = trace.facts_of("head")
    assert fact.data["guarded"] == ["clamp", "renormalised"]
    assert [act["act"] for act in fact.data["acts"]] == ["relu", "clamp"]
    assert fact.data["acts"][1]["low"] == pytest.approx(1e-7)
    assert fact.data["layer"] == "2"


@pytest.mark.parametrize(("axis", "over"), [(0, True), (2, False)])
def test_a_softmax_over_the_sequences_of_a_batch(tmp_path, axis: int, over: bool) -> None:
    """Sixteen sequences of two tokens: there are more targets than sequences."""
    y = torch.arange(32).remainder(4)

    def loss(z: Tensor) -> Tensor:
        p = z.reshape(16, 2, 4).softmax(axis) + 1e-9
        return nn.functional.nll_loss(p.log().reshape(32, 4), y)

    trace = recorded(tmp_path, net(nn.ReLU()), loss)
    (fact,) = trace.facts_of("softmax")
    assert fact.data["batch"] == 16
    found = trace.facts_of("softmax")[0].data["axis"] == 0
    assert found is over


def test_soft_targets_are_told_too(tmp_path) -> None:
    y = torch.tensor([[1.0, 1, 0, 1]]).repeat(32, 1)
    for loss in (
        lambda z: nn.functional.cross_entropy(z, y),
        lambda z: -(y * z.log_softmax(1)).sum(1).mean(),
    ):
        trace = recorded(tmp_path, net(nn.ReLU()), loss)
        assert trace.facts_of("criterion")[0].data["target_ones_max"] == 3


def test_a_choice_by_comparison_swallows_nan(tmp_path) -> None:
    """Five of eight units get NaN weights, and ``where`` hides it; ``relu`` does not."""

    class Own(nn.Module):
        def __init__(self, hides: bool) -> None:
            super().__init__()
            self.a, self.b, self.hides = nn.Linear(6, 8), nn.Linear(8, 1), hides

        def forward(self, x: Tensor) -> Tensor:
            z = self.a(x)
            return self.b(torch.where(z > 0, z, torch.zeros(())) if self.hides else z.relu())

    for hides in (True, False):
        model = Own(hides)
        with torch.no_grad():
            model.a.weight[:5] = float("nan")
        trace = recorded(tmp_path, model, lambda p: p.square().mean())
        (site,) = trace.sites_of("act")
        series = trace.series(site.name, "nonfinite_swallowed_share")
        if hides:
            assert series is not None
            assert series.values.tolist() == [5 / 8] * 3
            assert trace.series(site.name, "nonfinite_share").values.max() == 0
        else:
            assert series is None
