"""Learned parameters: their gradients against mpmath, their broadcasting against plain torch."""

from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from act_contract import unit
from mpmath import mpf
from torch import Tensor
from torch.nn import functional as F

from relume.acts.act import Act, acts, find_act

# The definitions as printed, of z and the learned parameters in order.
ORACLES: dict[str, Callable[..., Any]] = {
    "prelu": lambda z, a: z if z > 0 else a * z,
    "swish": lambda z, beta: z / (1 + mpmath.exp(-beta * z)),
    "snake": lambda z, alpha: z + mpmath.sin(alpha * z) ** 2 / alpha,
    "star_relu": lambda z, scale, bias: scale * max(z, mpf(0)) ** 2 + bias,
    "dyt": lambda z, alpha, weight, bias: weight * mpmath.tanh(alpha * z) + bias,
    "derf": lambda z, alpha, shift, weight, bias: weight * mpmath.erf(alpha * z + shift) + bias,
    "poly_relu": lambda z, a1, a2, a3, a0: (
        a0 + sum(a * max(z, mpf(0)) ** k for k, a in enumerate((a1, a2, a3), 1))
    ),
    "xielu": lambda z, p, n: _xielu(
        z, mpmath.log(1 + mpmath.exp(p)), mpmath.log(1 + mpmath.exp(n))
    ),
}
AT = {
    "prelu": (0.25, -0.5),
    "swish": (1.0, 0.0, -0.75, 2.5),
    "snake": (1.0, 0.5, -3.0),
    "star_relu": (0.8944, -0.4472),
    "dyt": (0.5, 1.25, -0.5),
    "derf": (0.5, 0.25, 1.25, -0.5),
    "poly_relu": (0.5, 0.25, -0.125, 0.75),
    "xielu": (0.2034, -1.05),
}
PLAIN: dict[str, Callable[..., Tensor]] = {
    "prelu": lambda z, a: torch.where(z > 0, z, a * z),
    "swish": lambda z, beta: z * torch.sigmoid(beta * z),
    "snake": lambda z, alpha: z + torch.sin(alpha * z) ** 2 / alpha,
    "star_relu": lambda z, scale, bias: scale * torch.relu(z) ** 2 + bias,
    "dyt": lambda z, alpha, weight, bias: weight * torch.tanh(alpha * z) + bias,
    "derf": lambda z, alpha, shift, weight, bias: weight * torch.erf(alpha * z + shift) + bias,
    "poly_relu": lambda z, a1, a2, a3, a0: (
        a0 + a1 * torch.relu(z) + a2 * torch.relu(z) ** 2 + a3 * torch.relu(z) ** 3
    ),
    "xielu": lambda z, p, n: torch.where(
        z > 0,
        F.softplus(p) * z * z + 0.5 * z,
        (torch.expm1(z) - z) * (0.5 + F.softplus(n)) + 0.5 * z,
    ),
}
POINTS = [s * p for p in (1e-4, 0.03, 0.4, 1.1, 2.6, 5.0, 9.0, 17.0, 40.0) for s in (-1, 1)]


def _xielu(z: Any, p: Any, n: Any) -> Any:
    beta = mpf("0.5")
    if z > 0:
        return p * z * z + beta * z
    return (beta + n) * (mpmath.exp(z) - 1 - z) + beta * z


def parameter_sets(name: str) -> list[tuple[float, ...]]:
    """One learned parameter varies over `AT`; more than one are taken together."""
    return [AT[name]] if len(find_act(name).learnable) > 1 else [(value,) for value in AT[name]]


def wrong(act: Act, oracle: Callable[..., Any], values: tuple[float, ...], z: float) -> list[float]:
    """Errors of the gradients of f(z) with respect to each parameter, in float32 units."""
    named = {
        name: torch.tensor([value], requires_grad=True)
        for name, value in zip(act.learnable, values, strict=True)
    }
    at = torch.tensor([[z]])
    found = torch.autograd.grad(act(at, exact=True, **named).sum(), list(named.values()))
    held = [mpf(tensor.item()) for tensor in named.values()]
    errors: list[float] = []
    for place, got in enumerate(found):
        with mpmath.workdps(200):
            step = mpf(10) ** -40
            ends = []
            for sign in (1, -1):
                moved = [h + sign * step * (i == place) for i, h in enumerate(held)]
                ends.append(oracle(mpf(float(at)), *moved))
            truth = (ends[0] - ends[1]) / (2 * step)
            errors.append(float(abs(mpf(float(got)) - truth) / unit(truth, torch.float32)))
    return errors


def test_every_learnable_act_is_here() -> None:
    own = {name for name, act in acts().items() if act.learnable and act.elementwise}
    own -= {"jump_relu"}  # its threshold trains by a declared gradient (test_sparse.py)
    assert own == set(ORACLES) == set(PLAIN) == set(AT)


@pytest.mark.parametrize("name", ORACLES)
def test_parameter_gradients_are_exact(name: str) -> None:
    act = find_act(name)
    for values in parameter_sets(name):
        for z in POINTS:
            assert max(wrong(act, ORACLES[name], values, z)) <= 4, (values, z)


def test_the_check_rejects_a_wrong_gradient() -> None:
    act = find_act("swish")
    assert max(wrong(act, lambda z, beta: z / (1 + mpmath.exp(-2 * beta * z)), (1.0,), 0.4)) > 4


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 4), (2, 3, 4, 4)], ids=str)
@pytest.mark.parametrize("name", PLAIN)
def test_one_parameter_a_channel(name: str, shape: tuple[int, ...], exact: bool) -> None:
    act = find_act(name)
    module = act.module(num_parameters=3, exact=exact)
    values = [getattr(module, one) for one in act.learnable]
    for value in values:
        value.data += torch.tensor([0.0, 0.3, -0.2])
    z = torch.randn(shape, requires_grad=True)
    wide = [v.reshape(-1, *[1] * (len(shape) - 2)) for v in values]
    out, plain = module(z), PLAIN[name](z, *wide)
    torch.testing.assert_close(out, plain)
    weight = torch.randn(shape)
    ours = torch.autograd.grad((out * weight).sum(), [z, *values])
    theirs = torch.autograd.grad((plain * weight).sum(), [z, *values])
    for one, two in zip(ours, theirs, strict=True):
        assert one.shape == two.shape
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PLAIN)
def test_one_parameter_for_all(name: str) -> None:
    act = find_act(name)
    module = act.module(exact=True)
    z = torch.randn(7, requires_grad=True)  # no channel axis at all
    out = module(z)
    out.sum().backward()
    assert all(
        weight.grad is not None and weight.grad.shape == (1,) for weight in module.parameters()
    )


@pytest.mark.parametrize("name", ORACLES)
def test_double_backward_through_the_parameters(name: str) -> None:
    act = find_act(name)
    z = torch.tensor([[-2.3, -0.4, 0.7], [0.2, 1.9, -3.1]], dtype=torch.float64)
    values = [
        torch.tensor([v, v + 0.1, v + 0.2], dtype=torch.float64, requires_grad=True)
        for v in parameter_sets(name)[0]
    ]

    def call(at: Tensor, *given: Tensor) -> Tensor:
        return act(at, *given, exact=True)

    assert torch.autograd.gradcheck(call, (z.requires_grad_(), *values))
    assert torch.autograd.gradgradcheck(call, (z, *values))


@pytest.mark.parametrize("name", ["prelu", "swish", "star_relu", "xielu"])
def test_an_infinite_pre_does_not_poison_a_parameter(name: str) -> None:
    """Where f does not depend on the parameter at an infinity, its gradient there is 0."""
    act = find_act(name)
    flat_side = {
        "prelu": torch.inf,
        "swish": torch.inf,
        "star_relu": -torch.inf,
        "xielu": -torch.inf,
    }
    z = torch.tensor([[flat_side[name]], [0.5]])
    module = act.module(exact=True)
    module(z).sum().backward()
    first = next(iter(module.parameters()))
    assert torch.isfinite(first.grad).all()
    if name == "swish":
        module.zero_grad()
        module(torch.tensor([[-torch.inf], [0.5]])).sum().backward()
        assert torch.isfinite(module.beta.grad).all()


def test_swish_is_silu_and_meets_its_ends() -> None:
    z = torch.linspace(-5, 5, 101)
    swish = find_act("swish")
    torch.testing.assert_close(swish(z), F.silu(z))
    assert torch.equal(swish(z, beta=0.0), z / 2)
    torch.testing.assert_close(swish(z, beta=1e4), z.relu(), rtol=0, atol=1e-5)


def test_star_relu_starts_at_mean_0_and_variance_1() -> None:
    z = torch.randn(400_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    post = find_act("star_relu")(z)
    assert float(post.mean()) == pytest.approx(0, abs=0.01)
    assert float(post.var()) == pytest.approx(1, abs=0.02)


def test_xielu_starts_where_transformers_starts() -> None:
    module = find_act("xielu").module()
    assert set(dict(module.named_parameters())) == {"alpha_p", "alpha_n"}
    assert F.softplus(module.alpha_p).item() == pytest.approx(0.8)
    assert (module.beta + F.softplus(module.alpha_n)).item() == pytest.approx(0.8)


@pytest.mark.parametrize("beta", [1.5, -1.5, torch.tensor(-0.5), torch.tensor([2.0, -2.0])])
def test_swish_has_its_limits_at_any_beta(beta: Any) -> None:
    """The gate's end that is 0 gives 0, not infinity times 0; the other end is a straight line."""
    inf = float("inf")
    z = torch.tensor([[-inf, -inf], [inf, inf]], requires_grad=True)
    value = find_act("swish")(z, beta=beta, exact=True)
    (slope,) = torch.autograd.grad(value.sum(), z)
    up = torch.as_tensor(beta).expand(2) > 0
    assert torch.equal(value, torch.stack((torch.where(up, 0.0, -inf), torch.where(up, inf, 0.0))))
    assert torch.equal(slope, torch.stack(((~up).float(), up.float())))


@pytest.mark.parametrize("name", ["swish", "quick_gelu"])
def test_the_fast_slope_is_a_number_at_any_finite_input(name: str) -> None:
    most = torch.finfo(torch.float32).max
    z = torch.tensor([-most, -1e30, 1e30, most], requires_grad=True)
    (slope,) = torch.autograd.grad(find_act(name)(z).sum(), z)
    assert slope.tolist() == [0, 0, 1, 1]
