"""Structure read from real graphs: the head, the criterion, and pairs with nothing between."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Fact, Trace
from relume.record.measure.input_moments import InputMoments

Loss = Callable[[Tensor, Tensor], Tensor]


def traced(model: nn.Module, loss: Loss, target: Tensor, path: Path, steps: int = 2) -> Trace:
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    with relume.watch(model, path=path, every=1) as run:
        for _ in range(steps):
            value = loss(model(torch.randn(len(target), 6)), target)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    assert run.problems == ()
    return run.trace()


def fact(trace: Trace, kind: str) -> Fact:
    return trace.facts_of(kind)[-1]


LABELS = torch.arange(40) % 4
REAL = torch.linspace(-3, 5, 40)[:, None]


def smooth(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z, y, label_smoothing=0.1)


def by_hand(z: Tensor, y: Tensor) -> Tensor:
    return -(F.one_hot(y, 4) * F.log_softmax(z, 1)).sum(1).mean()


def decayed(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z, y) + 1e-4 * z.square().sum()


MSE = float(REAL.var(correction=0))
CRITERIA: list[tuple[str, Loss, Tensor, int, str, float | None]] = [
    ("cross entropy", F.cross_entropy, LABELS, 4, "cross_entropy", math.log(4)),
    ("label smoothing", smooth, LABELS, 4, "cross_entropy", math.log(4)),
    ("by hand", by_hand, LABELS, 4, "cross_entropy", math.log(4)),
    (
        "soft targets",
        F.cross_entropy,
        torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.4, 0.2, 0.2, 0.2]]).repeat(20, 1),
        4,
        "cross_entropy",
        -(0.55 * math.log(0.55) + 3 * 0.15 * math.log(0.15)),
    ),
    (
        "several labels, a mean over everything",
        lambda z, y: -(y * F.log_softmax(z, 1)).mean(),
        torch.tensor([[1.0, 1, 0, 0], [0, 1, 0, 0]]).repeat(20, 1),
        4,
        "cross_entropy",
        -(0.5 * math.log(1 / 3) + math.log(2 / 3)) / 4,
    ),
    ("logits in nll", F.nll_loss, LABELS, 4, "nll", math.log(4)),
    ("mse", F.mse_loss, REAL, 1, "mse", float(REAL.var(correction=0))),
    ("mse by hand", lambda z, y: (z - y).pow(2).mean(), REAL, 1, "mse", MSE),
    ("the other way round", lambda z, y: ((y - z) ** 2).mean(), REAL, 1, "mse", MSE),
    ("squeezed", lambda z, y: ((z.squeeze(1) - y[:, 0]) ** 2).mean(), REAL, 1, "mse", MSE),
    ("a sum by hand", lambda z, y: ((z - y) ** 2).sum() / 8, REAL, 1, "mse", 5 * MSE),
    ("a product", lambda z, y: 0.5 * (lambda d: d * d)(z - y).mean(), REAL, 1, "mse", MSE / 2),
    ("behind an act", lambda z, y: ((z.tanh() - y) ** 2).mean(), REAL, 1, "mse", MSE),
    ("spread over each other", lambda z, y: ((z - y[:, 0]) ** 2).mean(), REAL, 1, "mse", None),
    ("l1", F.l1_loss, REAL, 1, "l1", float((REAL - REAL.median()).abs().mean())),
    (
        "bce with logits",
        F.binary_cross_entropy_with_logits,
        (REAL > 0).float(),
        1,
        "bce_with_logits",
        -(0.625 * math.log(0.625) + 0.375 * math.log(0.375)),
    ),
    (
        "an accumulation over four batches",
        lambda z, y: F.cross_entropy(z, y) / 4,
        LABELS,
        4,
        "cross_entropy",
        math.log(4) / 4,
    ),
    (
        "a sum over outputs, a mean over rows, and a penalty",
        lambda z, y: F.mse_loss(z, y, reduction="sum") / len(y) + 1e-3 * z.abs().mean(),
        REAL,
        1,
        "mse",
        float(REAL.var(correction=0)),
    ),
    (
        "a scale that is learned",
        lambda z, y: F.mse_loss(z, y) * z.std(),
        REAL,
        1,
        "mse",
        None,
    ),
    (
        "targets that are all alike",
        F.binary_cross_entropy_with_logits,
        torch.ones(40, 1),
        1,
        "bce_with_logits",
        None,
    ),
    ("sum", lambda z, y: F.mse_loss(z, y, reduction="sum"), REAL, 1, "mse", 40 * 5.607),
]


@pytest.mark.parametrize(
    ("loss", "target", "out", "name", "chance"),
    [row[1:] for row in CRITERIA],
    ids=[row[0] for row in CRITERIA],
)
def test_criterion(
    loss: Loss, target: Tensor, out: int, name: str, chance: float | None, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, out))
    found = fact(traced(model, loss, target, tmp_path / "run.sqlite"), "criterion").data
    assert found["loss"] == name
    assert found["chance"] == (None if chance is None else pytest.approx(chance, rel=1e-3))
    assert found["line"] > 0


def test_a_penalty_beside_the_criterion_does_not_hide_it(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
    trace = traced(model, decayed, LABELS, tmp_path / "run.sqlite")
    assert fact(trace, "criterion").data["loss"] in ("cross_entropy", "mse")
    assert fact(trace, "head").data["layer"] == "2"


def test_unbalanced_targets_have_a_lower_chance_value(tmp_path: Path) -> None:
    labels = (torch.arange(100) % 10 == 0).long()
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    trace = traced(model, F.cross_entropy, labels, tmp_path / "run.sqlite", steps=4)
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert fact(trace, "criterion").data["chance"] == pytest.approx(entropy, rel=1e-6)


@pytest.mark.parametrize(
    ("tail", "loss", "acts", "sums"),
    [
        ([], F.cross_entropy, [], None),
        ([nn.Softmax(1)], F.cross_entropy, ["softmax"], 0.0),
        ([nn.Softmax(-1)], F.cross_entropy, ["softmax"], 0.0),
        ([nn.LogSoftmax(1)], F.cross_entropy, ["log_softmax"], None),
        ([nn.ReLU()], F.cross_entropy, ["relu"], None),
        ([nn.ReLU(), nn.Softmax(1)], F.cross_entropy, ["relu", "softmax"], 0.0),
        ([nn.LogSoftmax(1)], F.nll_loss, [], None),
    ],
)
def test_head(
    tail: list[nn.Module], loss: Loss, acts: list[str], sums: float | None, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4), *tail)
    found = fact(traced(model, loss, LABELS, tmp_path / "run.sqlite"), "head").data
    assert found["layer"] == "2"
    assert [act["act"] for act in found["acts"]] == acts
    if sums is not None:
        assert found["rows_sum_error"] == pytest.approx(sums, abs=1e-5)
        assert found["rows_min"] >= 0


def pairs(trace: Trace) -> dict[tuple[str, str], Any]:
    return {(f.data["first"], f.data["second"]): f.data for f in trace.facts_of("affine-pair")}


def test_two_linear_layers_are_their_product(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 16), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4))
    found = pairs(traced(model, F.cross_entropy, LABELS, tmp_path / "run.sqlite"))
    assert list(found) == [("0", "1")]
    data = found["0", "1"]
    assert data["shape"] == [6, 16, 16]
    assert data["exempt"] is None
    assert data["additivity_error"] < 1e-5


class Between(nn.Module):
    def __init__(self, step: Callable[[Tensor], Tensor], middle: int = 16) -> None:
        super().__init__()
        self.one, self.two, self.step = nn.Linear(6, middle), nn.Linear(middle, 12), step
        self.out = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.two(self.step(self.one(x)))))


@pytest.mark.parametrize(
    ("step", "linear"),
    [
        (lambda h: h * 0.5, True),
        (lambda h: h + 1, True),
        (lambda h: F.dropout(h, 0.5), True),
        (lambda h: h.reshape(-1, 4, 4).flatten(1), True),
        (nn.BatchNorm1d(16), True),
        (nn.LayerNorm(16), False),
        (torch.relu, False),
        (lambda h: h * (h > 0), False),
        (lambda h: torch.where(h > 0, h, 0.1 * h), False),
        (lambda h: h * torch.sigmoid(h), False),
        (lambda h: h + torch.tanh(h), False),
        (F.normalize, False),
        (lambda h: h**2, False),
        (lambda h: h.abs(), False),
    ],
)
def test_what_stands_between(
    step: Callable[[Tensor], Tensor], linear: bool, tmp_path: Path
) -> None:
    found = pairs(traced(Between(step), F.cross_entropy, LABELS, tmp_path / "run.sqlite"))
    assert (("one", "two") in found) == linear


def test_pairs_that_are_meant(tmp_path: Path) -> None:
    def same(h: Tensor) -> Tensor:
        return h

    low = pairs(traced(Between(same, 3), F.cross_entropy, LABELS, tmp_path / "a.sqlite"))
    assert "low-rank" in low["one", "two"]["exempt"]
    model = Between(same)
    model.one.requires_grad_(False)
    assert pairs(traced(model, F.cross_entropy, LABELS, tmp_path / "b.sqlite")) == {}

    class Separable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.depth, self.point = nn.Conv1d(2, 4, 2, groups=2), nn.Conv1d(4, 4, 1)
            self.out = nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.relu(self.point(self.depth(x.reshape(-1, 2, 3)))).flatten(1))

    found = pairs(traced(Separable(), F.cross_entropy, LABELS, tmp_path / "c.sqlite"))
    assert "separable" in found["depth", "point"]["exempt"]

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.out = nn.Linear(6, 16), nn.Linear(16, 8), nn.Linear(24, 4)

        def forward(self, x: Tensor) -> Tensor:
            h = self.one(x)  # also used past the second map: the two are not one
            return self.out(torch.cat((torch.relu(h), torch.tanh(self.two(h))), 1))

    assert pairs(traced(Shared(), F.cross_entropy, LABELS, tmp_path / "d.sqlite")) == {}


def test_attention_is_no_pair(tmp_path: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.Linear(1, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.out = nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.up(x[..., None]))
            return self.out(F.layer_norm(h + self.attention(h, h, h)[0], (8,)).mean(1))

    found = pairs(traced(Tokens(), F.cross_entropy, LABELS, tmp_path / "run.sqlite"))
    assert [data for data in found.values() if data["exempt"] is None] == []


def test_a_bias_before_batch_norm_is_known(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    trace = traced(model, F.cross_entropy, LABELS, tmp_path / "run.sqlite")
    known = {f.site: f.data["before_norm"] for f in trace.facts_of("parameter")}
    assert [name for name, before in known.items() if before] == ["0.bias"]


@pytest.mark.parametrize("offset", [0.0, 1.0, 4.0])
def test_input_moments_against_numbers_known_on_paper(offset: float) -> None:
    torch.manual_seed(0)
    moments = InputMoments(axis=1)
    for phase in range(20):
        found = moments.add(torch.randn(100, 8) + offset, phase)
    truth = offset**2 / (1 + offset**2)  # norm(E x)^2 / E norm(x)^2 for unit variance
    assert found["mean_energy_share"] == pytest.approx(truth, abs=0.01)
    ratio = moments.eigen_ratio()
    # 1,000 rows of 8 features spread the sample eigenvalues by (1 + sqrt(8/1000))^2 at most
    assert ratio == pytest.approx(1 + 8 * offset**2, rel=0.25)


def test_codes_are_not_measurements() -> None:
    moments = InputMoments(axis=1)
    assert moments.add(F.one_hot(torch.arange(100) % 5).float(), 0) == {}
