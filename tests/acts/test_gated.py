"""Gated units: torch's formula, their gradients to the second, what they keep, the layer."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
import relume.acts as room
from relume.acts import GatedLinear, bytes_for_backward
from relume.errors import UsageError

GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "glu": torch.sigmoid,
    "reglu": F.relu,
    "geglu": F.gelu,
    "geglu(approximate='tanh')": lambda b: F.gelu(b, approximate="tanh"),
    "swiglu": F.silu,
}
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
ours = pytest.mark.parametrize("name", GATES)
without_torchs = pytest.mark.parametrize("name", [name for name in GATES if name != "glu"])


def plain(name: str, dim: int) -> Callable[[Tensor], Tensor]:
    def call(z: Tensor) -> Tensor:
        a, b = z.chunk(2, dim)
        return a * GATES[name](b)

    return call


def taken(call: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    at = z.detach().clone().requires_grad_()
    value = call(at)
    pull = torch.randn(value.shape, generator=torch.Generator().manual_seed(1)).to(value.dtype)
    return value.detach(), torch.autograd.grad(value, at, pull)[0]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@without_torchs
def test_the_native_path_is_torch_bit_for_bit(name: str, dtype: torch.dtype) -> None:
    act = relume.act(name)
    made = torch.Generator().manual_seed(0)
    for shape, dim in [((9, 16), -1), ((4, 6, 5), 1), ((8,), 0), ((0, 4), 1)]:
        z = torch.randn(shape, generator=made).mul(3).to(dtype)
        mine, theirs = taken(lambda t: act(t, dim=dim), z), taken(plain(name, dim), z)  # noqa: B023
        assert torch.equal(mine[0], theirs[0])
        assert torch.equal(mine[1], theirs[1])


@ours
def test_exact_is_right_where_torch_is_not(name: str) -> None:
    act = relume.act(name)
    z = torch.tensor([[1.5, -9.0], [1.5, 40.0], [-2.0, -0.3], [0.7, 3e-5]])
    value, into = taken(lambda t: act(t, exact=True), z)
    wide = z.double()
    b = wide[:, 1:]
    high: Any = {
        "glu": lambda t: torch.exp(-F.softplus(-t)),
        "reglu": F.relu,
        "geglu": lambda t: t * 0.5 * torch.erfc(-t / 2**0.5),
        "swiglu": lambda t: t * torch.exp(-F.softplus(-t)),
    }.get(name)
    if high is None:  # 1 + tanh(u) = 2 sigmoid(2 u)
        inner = lambda t: (2 / math.pi) ** 0.5 * (t + 0.044715 * t**3)  # noqa: E731
        high = lambda t: t * torch.exp(-F.softplus(-2 * inner(t)))  # noqa: E731
    truth = wide[:, :1] * high(b)
    assert torch.allclose(value.double(), truth, rtol=3e-7, atol=0)
    assert into.shape == z.shape


def test_the_slope_of_an_exact_glu_is_not_a_false_zero() -> None:
    z = torch.tensor([[1.0, 50.0]], requires_grad=True)
    (exact,) = torch.autograd.grad(relume.act("glu")(z, exact=True).sum(), z)
    (torchs,) = torch.autograd.grad(F.glu(z).sum(), z)
    assert torchs[0, 1] == 0
    assert exact[0, 1] == pytest.approx(1.9287498479639178e-22, rel=1e-6)  # exp(-50)


@ours
@pytest.mark.parametrize("exact", [True, False])
def test_second_derivatives_and_transforms(name: str, exact: bool) -> None:
    act = relume.act(name)
    z = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z.requires_grad_()
    call = lambda t: act(t, exact=exact)  # noqa: E731
    assert torch.autograd.gradcheck(call, (z,))
    assert torch.autograd.gradgradcheck(call, (z,))
    assert torch.allclose(torch.func.vmap(call)(z), call(z))
    total = torch.func.grad(lambda t: call(t).sum())(z)
    assert torch.allclose(total, torch.autograd.grad(call(z).sum(), z)[0])


@without_torchs
def test_one_tensor_less_is_kept(name: str) -> None:
    act, linear, out = relume.act(name), nn.Linear(32, 64), nn.Linear(32, 8)
    x = torch.randn(100, 32)
    lean = bytes_for_backward(nn.Sequential(linear, act.module(), out), x)

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.out = linear, out

        def forward(self, at: Tensor) -> Tensor:
            return self.out(plain(name, -1)(self.linear(at)))

    assert lean.bytes == 4 * 100 * (64 + 32)  # z, and the next layer's input
    assert bytes_for_backward(Plain(), x).bytes - lean.bytes == 4 * 100 * 32


@ours
def test_autocast_and_compiled_code_agree_with_eager(name: str) -> None:
    act = relume.act(name)
    z = torch.randn(4, 8, requires_grad=True)
    compiled = torch.compile(act.module(), fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(z), act(z), atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        mixed, truth = act(z), plain(name, -1)(z) if name != "glu" else F.glu(z)
    assert torch.equal(mixed, truth)


@ours
def test_gain(name: str) -> None:
    """Against the sample moment of two independent halves."""
    z = torch.randn(400_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    square = float(plain(name, -1)(z).square().mean())
    assert relume.gain(name) == pytest.approx(square**-0.5, rel=0.02)


@ours
def test_the_gradient_of_a_layer_has_the_size_that_the_gain_says(name: str) -> None:
    """With unit weights for a standard normal input, over the square root of fan_out in units."""
    torch.manual_seed(0)
    x = torch.randn(300, 256, requires_grad=True)
    linear = nn.Linear(256, 2 * 256, bias=False)
    nn.init.normal_(linear.weight, std=256**-0.5)
    value = relume.act(name)(linear(x))
    (into,) = torch.autograd.grad(value, x, torch.randn_like(value))
    square = float(into.square().mean())
    assert relume.gain(name, direction="backward") == pytest.approx(square**-0.5, rel=0.05)


@ours
def test_the_layer_keeps_the_size_of_its_signal(name: str) -> None:
    torch.manual_seed(0)
    layer = GatedLinear(400, 300, name.split("(")[0])
    assert layer.state_dict().keys() == {"linear.weight", "linear.bias"}
    with torch.no_grad():
        assert 0.8 < float(layer(torch.randn(200, 400)).square().mean()) < 1.25
    assert GatedLinear(4, 3, bias=False).linear.bias is None


@ours
def test_the_module_has_the_acts_words(name: str) -> None:
    kind = {"glu": "GLU", "reglu": "ReGLU", "geglu": "GEGLU", "swiglu": "SwiGLU"}
    module = getattr(room, kind[name.split("(")[0]])(dim=1)
    assert module.dim == 1
    assert "dim=1" in repr(module)


def test_what_cannot_be_says_why() -> None:
    with pytest.raises(UsageError, match="cuts axis -1 in two halves; the input has shape"):
        relume.act("swiglu")(torch.zeros(2, 3))
    with pytest.raises(UsageError, match="cuts axis 2 in two halves"):
        relume.act("glu")(torch.zeros(2, 4), dim=2)
    with pytest.raises(UsageError, match="one of glu, reglu, geglu, swiglu; got 'gelu'"):
        GatedLinear(2, 3, "gelu")
