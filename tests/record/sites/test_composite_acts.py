"""Acts written by hand are recognised, further non-linear operations are acts, a loss has none."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Trace

DRAW = torch.Generator().manual_seed(0)
X, Y = torch.randn(64, 6, generator=DRAW), torch.arange(64) % 3
ROOT = math.sqrt(2 / math.pi)

Form = Callable[[Tensor], Tensor]


class Net(nn.Module):
    def __init__(self, act: Form) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last, self.act = nn.Linear(6, 8), nn.Linear(8, 3), act

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(self.first(x)))


def recorded(
    model: nn.Module,
    path: Path,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    steps: int = 10,
) -> Trace:
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(X), Y).backward()
            optimizer.step()
    assert run.problems == ()
    return run.trace()


WRITTEN: dict[str, tuple[Form, Form]] = {
    "gelu": (lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))), F.gelu),
    "gelu, erf first": (lambda x: x * 0.5 * (1 + torch.erf(x * 0.7071067811865476)), F.gelu),
    "gelu, tanh": (
        lambda x: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.044715 * x**3))),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "gelu, pow": (
        lambda x: 0.5 * x * (1.0 + torch.tanh(0.79788456 * (x + 0.044715 * torch.pow(x, 3.0)))),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "quick_gelu": (lambda x: x * torch.sigmoid(1.702 * x), relume.act("quick_gelu")),
    "silu": (lambda x: x * torch.sigmoid(x), F.silu),
    "softsign": (lambda x: x / (1 + x.abs()), relume.act("softsign")),
    "softplus": (lambda x: torch.log1p(torch.exp(x)), F.softplus),
    "softplus, log": (lambda x: torch.log(1 + torch.exp(x)), F.softplus),
    "mish": (lambda x: x * torch.tanh(F.softplus(x)), F.mish),
    "hardswish": (lambda x: x * F.relu6(x + 3) / 6, F.hardswish),
    "hardsigmoid": (lambda x: F.relu6(x + 3) / 6, F.hardsigmoid),
    "sigmoid": (lambda x: 1 / (1 + torch.exp(-x)), torch.sigmoid),
    "tanh": (lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()), torch.tanh),
    "elu": (lambda x: torch.where(x > 0, x, torch.exp(x) - 1), F.elu),
    "leaky_relu": (lambda x: torch.where(x > 0, x, 0.01 * x), F.leaky_relu),
    "leaky_relu, maximum": (lambda x: torch.maximum(x, 0.01 * x), F.leaky_relu),
    "squared_relu": (lambda x: F.relu(x) ** 2, relume.act("squared_relu")),
    "tanhshrink": (F.tanhshrink, relume.act("tanhshrink")),
    "snake": (lambda x: x + torch.sin(x) ** 2, relume.act("snake")),
}
STATS = ("post_rms", "flat_share_low", "flat_share_high", "grad_pre_rms", "grad_post_rms")


@pytest.mark.parametrize("form", WRITTEN)
def test_an_act_written_by_hand_is_that_act(form: str, tmp_path: Path) -> None:
    """Its numbers are those of the act itself, as one call of torch or relume."""
    by_hand, itself = WRITTEN[form]
    (tmp_path / "by_hand").mkdir()
    trace = recorded(Net(by_hand), tmp_path / "by_hand")
    (site,) = trace.sites_of("act")
    assert site.act == form.partition(",")[0]
    assert (site.role, site.units, site.layer) == ("hidden", 8, "first")
    truth = recorded(Net(itself), tmp_path)
    (same,) = truth.sites_of("act")
    for stat in STATS:
        found, told = trace.series(site.name, stat), truth.series(same.name, stat)
        assert found is not None, stat
        assert told is not None, stat
        np.testing.assert_allclose(found.values, told.values, rtol=2e-3, atol=1e-6, err_msg=stat)


FURTHER: dict[str, tuple[Form, Form]] = {
    "sin": (torch.sin, torch.cos),
    "sin, faster": (lambda x: torch.sin(3 * x), lambda x: 3 * torch.cos(3 * x)),
    "cos": (torch.cos, lambda x: -torch.sin(x)),
    "exp": (torch.exp, torch.exp),
    "pow_exp": (lambda x: torch.exp(-(x**2)), lambda x: -2 * x * torch.exp(-(x**2))),
    "pow": (lambda x: x**2, lambda x: 2 * x),
}


@pytest.mark.parametrize("form", FURTHER)
def test_another_non_linear_operation_is_an_act_with_a_slope(form: str, tmp_path: Path) -> None:
    """Its first gradients, against the slope written down, on the same model without relume."""
    act, slope = FURTHER[form]
    trace = recorded(Net(act), tmp_path)
    (site,) = trace.sites_of("act", "hidden")
    assert site.act == form.partition(",")[0]
    model = Net(act)
    z = model.first(X)
    post = act(z).detach().requires_grad_()
    F.cross_entropy(model.last(post), Y).backward()
    assert post.grad is not None
    series = trace.series(site.name, "grad_pre_rms")
    assert series is not None
    truth = (post.grad * slope(z)).square().mean().sqrt()
    assert series.values[0] == pytest.approx(float(truth.detach()), rel=1e-4)
    flat = trace.series(site.name, "flat_unit_share_high")
    assert flat is not None
    assert flat.values[0] == 0


class StreamingLoss(nn.Module):
    """A cross-entropy whose log-sum-exp keeps a running maximum."""

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        top, total = torch.full((len(z),), -math.inf), torch.zeros(len(z))
        for column in z.unbind(-1):
            new = torch.maximum(top, column)
            total, top = total * torch.exp(top - new) + torch.exp(column - new), new
        return (top + torch.log(total) - z.gather(1, y[:, None])[:, 0]).mean()


class Likelihood(nn.Module):
    """A Gaussian with a learnt variance, and a hinge on one output."""

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        variance = z[:, 1].exp()
        error = (z[:, 0] - y.float()) ** 2
        return (error / variance + torch.log(variance) + F.relu(z[:, 2])).mean()


class Norm(nn.Module):
    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.gain = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.form(x) * self.gain


NORMS: dict[str, Form] = {
    "root mean square": lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5),
    "standardised": lambda x: (
        (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + 1e-5)
    ),
    "unit length": lambda x: x / x.norm(dim=-1, keepdim=True).clamp(min=1e-6),
    "softmax": lambda x: x.exp() / x.exp().sum(-1, keepdim=True),
}


@pytest.mark.parametrize("loss", [StreamingLoss(), Likelihood()])
def test_arithmetic_of_the_loss_is_no_act(loss: nn.Module, tmp_path: Path) -> None:
    trace = recorded(Net(nn.ReLU()), tmp_path, loss)
    assert [site.name for site in trace.sites_of("act")] == ["act"]


@pytest.mark.parametrize("form", NORMS)
def test_a_norm_is_no_act(form: str, tmp_path: Path) -> None:
    assert recorded(Net(Norm(NORMS[form])), tmp_path).sites_of("act") == ()


def test_the_scale_of_a_sampled_code_is_no_hidden_act(tmp_path: Path) -> None:
    def code(x: Tensor) -> Tensor:
        mean, log_variance = x.chunk(2, -1)
        drawn = mean + torch.randn(mean.shape, generator=DRAW) * torch.exp(0.5 * log_variance)
        return torch.cat((drawn, drawn), -1)

    assert recorded(Net(code), tmp_path).sites_of("act", "hidden") == ()


def test_acts_that_only_look_alike_stay_apart(tmp_path: Path) -> None:
    """The twins: a gate by another signal, a scaled tanh in a sum, another constant."""
    forms: list[Form] = [
        lambda x: torch.sigmoid(x) * x.flip(-1),
        lambda x: x + torch.tanh(x),
        lambda x: 0.5 * x * (1 + torch.tanh(2 * x)),
    ]
    found: list[str] = []
    for place, form in enumerate(forms):
        (tmp_path / str(place)).mkdir()
        trace = recorded(Net(form), tmp_path / str(place))
        found += [site.act for site in trace.sites_of("act")]
    assert found == ["sigmoid", "tanh", "tanh"]


def test_records_of_a_known_graph_measure_composites_too(tmp_path: Path) -> None:
    trace = recorded(Net(WRITTEN["gelu"][0]), tmp_path, steps=30)
    series = trace.series("gelu()", "grad_pre_rms")
    assert series is not None
    assert len(series) == 30
