"""Chance values of criteria that are written out: Keras' own, clipped, masked, in half precision.

The truth is the entropy of the targets, counted here.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Trace

DRAW = torch.Generator().manual_seed(0)
X, XT = torch.randn(256, 6, generator=DRAW), torch.randn(16, 10, 6, generator=DRAW)
Y = (torch.rand(256, generator=DRAW) < 0.5).long() + (torch.rand(256, generator=DRAW) < 0.2).long()
YB = (torch.rand(256, generator=DRAW) < 0.3).float()
TOKENS = torch.randint(0, 5, (16, 20), generator=DRAW)[:, :10].clone()
TOKENS[:, 7:] = -100
MASK, FILLED = (TOKENS >= 0).float(), TOKENS.clamp(min=0)
EPS = 1e-7


def entropy(labels: Tensor) -> float:
    share = torch.bincount(labels).double() / labels.numel()
    return float(-(share[share > 0] * share[share > 0].log()).sum())


TRUTH = {"class": entropy(Y), "yes": entropy(YB.long()), "token": entropy(TOKENS[TOKENS >= 0])}


def by_mask(terms: Tensor) -> Tensor:
    return (terms * MASK).sum() / MASK.sum()


def token_losses(z: Tensor) -> Tensor:
    return F.cross_entropy(z.reshape(-1, 5), FILLED.reshape(-1), reduction="none").view(16, 10)


def picked(z: Tensor) -> Tensor:
    return z.gather(-1, FILLED[..., None]).squeeze(-1)


def clipped(z: Tensor) -> Tensor:
    p = torch.sigmoid(z[:, 0]).clamp(EPS, 1 - EPS)
    return -(YB * torch.log(p) + (1 - YB) * torch.log(1 - p)).mean()


def smoothed(z: Tensor) -> Tensor:
    logs, padding = -F.log_softmax(z, -1), TOKENS.eq(-100)[..., None]
    nll = logs.gather(-1, FILLED[..., None]).masked_fill(padding, 0.0)
    rest = logs.sum(-1, keepdim=True).masked_fill(padding, 0.0)
    count = padding.numel() - padding.sum()
    return 0.9 * nll.sum() / count + 0.1 * rest.sum() / (count * 5)


LOSSES: dict[str, tuple[str, int, Callable[[Tensor], Tensor]]] = {
    "clipped bce": (
        "yes",
        1,
        lambda z: F.binary_cross_entropy(torch.sigmoid(z[:, 0]).clamp(EPS, 1 - EPS), YB),
    ),
    "bce by hand": ("yes", 1, clipped),
    "cross-entropy by index": (
        "class",
        3,
        lambda z: -torch.log(torch.softmax(z, -1)[torch.arange(256), Y] + EPS).mean(),
    ),
    "cross-entropy by one-hot": (
        "class",
        3,
        lambda z: -(F.one_hot(Y, 3) * torch.log(torch.softmax(z, -1).clamp(min=EPS))).sum(1).mean(),
    ),
    "masked tokens": ("token", 5, lambda z: by_mask(token_losses(z))),
    "gathered log-probabilities": ("token", 5, lambda z: -by_mask(picked(z.log_softmax(-1)))),
    "log-sum-exp": ("token", 5, lambda z: -by_mask(picked(z) - torch.logsumexp(z, -1))),
    "ignored tokens over their number": (
        "token",
        5,
        lambda z: (
            F.cross_entropy(z.reshape(-1, 5), TOKENS.reshape(-1), reduction="sum")
            / torch.tensor(112)
        ),
    ),
    "label smoothing": ("token", 5, smoothed),
    "half of it": ("token", 5, lambda z: 0.25 * by_mask(token_losses(z))),
}


def recorded(
    width: int, loss: Callable[[Tensor], Tensor], x: Tensor, path: Path, dtype: Any = None
) -> Trace:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, width))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for _ in range(4):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
                value = loss(model(x))
            value.backward()
            optimizer.step()
    assert run.problems == ()
    return run.trace()


@pytest.mark.parametrize("name", LOSSES)
def test_the_chance_value_is_the_entropy_of_the_targets(name: str, tmp_path: Path) -> None:
    what, width, loss = LOSSES[name]
    x = XT if what == "token" else X
    (fact,) = recorded(width, loss, x, tmp_path).facts_of("criterion")
    truth = TRUTH[what] * (0.25 if name == "half of it" else 1)
    assert fact.data["chance"] == pytest.approx(truth, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_softmax_in_half_precision_sums_to_one(dtype: Any, tmp_path: Path) -> None:
    trace = recorded(3, lambda z: F.cross_entropy(torch.softmax(z, -1), Y), X, tmp_path, dtype)
    (fact,) = trace.facts_of("head")
    assert fact.data["rows_sum_error"] == 0


def test_rows_that_miss_one_still_miss_it_in_half_precision(tmp_path: Path) -> None:
    """The twin: sigmoids are no softmax, however they are rounded."""
    loss = lambda z: F.cross_entropy(torch.sigmoid(z), Y)  # noqa: E731
    (fact,) = recorded(3, loss, X, tmp_path, torch.bfloat16).facts_of("head")
    assert fact.data["rows_sum_error"] > 0.1


def test_a_focal_loss_is_its_cross_entropy_without_a_chance_value(tmp_path: Path) -> None:
    def focal(z: Tensor) -> Tensor:
        p = torch.sigmoid(z[:, 0])
        terms = F.binary_cross_entropy(p, YB, reduction="none")
        return ((1 - (p * YB + (1 - p) * (1 - YB))) ** 2 * terms).mean()

    (fact,) = recorded(1, focal, X, tmp_path).facts_of("criterion")
    assert (fact.data["loss"], fact.data["chance"]) == ("bce", None)


KERAS = {
    "sparse_categorical_crossentropy": ("softmax", 3, "class"),
    "categorical_crossentropy": ("softmax", 3, "class"),
    "binary_crossentropy": ("sigmoid", 1, "yes"),
    "SparseCategoricalCrossentropy": (None, 3, "class"),
    "CategoricalCrossentropy": (None, 3, "class"),
    "BinaryCrossentropy": (None, 1, "yes"),
}


@pytest.mark.parametrize("name", KERAS)
def test_keras_own_losses_have_a_chance_value(name: str, tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend here")
    act, width, what = KERAS[name]
    loss = name if act else getattr(keras.losses, name)(from_logits=True)
    y = YB[:, None] if what == "yes" else Y
    y = F.one_hot(Y, 3).float() if name.lower().startswith("cat") else y
    layers = keras.layers
    keras.utils.clear_session()
    model = keras.Sequential(
        [layers.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(width, act)]
    )
    model.compile("sgd", loss)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(8):
            model.train_on_batch(X.numpy(), y.numpy())
    assert run.problems == ()
    (fact,) = run.trace().facts_of("criterion")
    assert fact.data["chance"] == pytest.approx(TRUTH[what], rel=1e-3)
    assert math.isfinite(fact.data["chance"])


@pytest.mark.parametrize("squared", [True, False], ids=["mse", "mae"])
def test_a_distance_behind_a_bias_that_is_added(squared: bool, tmp_path: Path) -> None:
    """As Keras computes a layer and its error: a product, a sum, the targets less that."""
    weight, bias = nn.Parameter(torch.zeros(6, 1)), nn.Parameter(torch.ones(1))
    target = X[:, :1] * 3 + 1
    optimizer = torch.optim.SGD([weight, bias], 1e-3)
    model = nn.ParameterList([weight, bias])
    with relume.watch(model, path=tmp_path / "run.sqlite") as run:
        for _ in range(4):
            error = target - (torch.matmul(X, weight) + bias)
            loss = torch.square(error).mean() if squared else error.abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    (fact,) = run.trace().facts_of("criterion")
    spread = target.var(correction=0) if squared else (target - target.median()).abs().mean()
    assert fact.data["chance"] == pytest.approx(float(spread), rel=1e-2)


@pytest.mark.parametrize(
    ("beside", "known"),
    [("overlap", False), ("light overlap", True), ("penalty", True), ("smoothing", True)],
)
def test_a_second_judge_of_the_same_output_leaves_no_chance_value(
    beside: str, known: bool, tmp_path: Path
) -> None:
    """What guessing gives is not known of a Dice loss, so it is not known of its sum either."""
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)), torch.randn(64, 4)
    y = (x[:, :1] > 0.5).float()
    with relume.watch(net, every=1, path=tmp_path / "run.sqlite") as run:
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for _ in range(4):
            out = net(x)
            p = out.sigmoid()
            dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
            loss = F.binary_cross_entropy_with_logits(out, y)
            if beside == "smoothing":
                both = torch.cat((-out, out), 1)
                loss = F.cross_entropy(both, y[:, 0].long(), label_smoothing=0.1)
            elif beside == "penalty":
                loss = loss + 0.5 * net[0].weight.abs().mean()
            else:
                loss = 0.1 * loss + (0.001 if "light" in beside else 1.0) * dice
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        fact = next(f for f in run.trace().facts if f.kind == "criterion")
    assert (fact.data["chance"] is not None) is known


@pytest.mark.parametrize("by", [10.0, 60.0])
def test_ten_times_a_sigmoid_reaches_ten(by: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)), torch.randn(64, 4)
    y = 20 + 10 * torch.rand(64, 1)
    with relume.watch(net, every=1, path=tmp_path / "run.sqlite") as run:
        optimizer = torch.optim.SGD(net.parameters(), 1e-3)
        for _ in range(12):
            loss = F.l1_loss(by * torch.sigmoid(net(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found = run.diagnose(select=["ACT204"]).findings
        target = run.trace().facts_of("criterion")[0].data
    assert target["target_min"] == pytest.approx(float(y.min()), rel=1e-5)
    assert bool(found) is (by == 10)
    assert not found or found[0].message.startswith("10 times the sigmoid after 2 reaches 0 to 10")


@pytest.mark.parametrize("square", [True, False])
def test_a_tanh_of_a_square_cannot_turn_left(square: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)), torch.randn(64, 4)
    y = torch.tanh(x[:, :1] * 3)
    with relume.watch(net, every=1, path=tmp_path / "run.sqlite") as run:
        optimizer = torch.optim.SGD(net.parameters(), 1e-3)
        for _ in range(12):
            out = net(x)
            loss = F.l1_loss(torch.tanh(out**2 if square else out), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found = run.diagnose(select=["ACT204"]).findings
    assert [f.severity.name for f in found] == (["WARNING"] if square else [])
