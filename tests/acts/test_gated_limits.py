"""Later gated units: value and gradient against mpmath, limits, gain."""

from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from mpmath import mpf
from torch import nn

import relume


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def cut(z: Any, limit: int) -> Any:
    return max(min(z, mpf(limit)), mpf(-limit))


def oss(a: Any, b: Any) -> Any:
    below = min(b, mpf(7))
    return (cut(a, 7) + 1) * below * sigmoid(mpf("1.702") * below)


def powlu(a: Any, b: Any) -> Any:
    gate = b ** (3 / (mpmath.sqrt(b) + 1)) if b > 0 else b
    return a * gate * sigmoid(b)


# As printed, of the signal a and the gate b.
ORACLES: dict[str, Callable[[Any, Any], Any]] = {
    "bilinear": lambda a, b: a * b,
    "clamped_swiglu": lambda a, b: cut(a, 10) * min(b, mpf(10)) * sigmoid(min(b, mpf(10))),
    "oss_swiglu": oss,
    "situ_glu": lambda a, b: 25 * mpmath.tanh(a / 25) * 4 * mpmath.tanh(b / 4) * sigmoid(b),
    "powlu": powlu,
}
PAIRS = [
    (a, b) for a in (-30.0, -2.5, 0.3, 6.9, 12.0) for b in (-60.0, -9.0, -0.4, 1e-6, 0.7, 6.5, 40.0)
]
ours = pytest.mark.parametrize("name", ORACLES)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@ours
def test_value_and_gradients_are_exact(name: str, dtype: torch.dtype) -> None:
    call = ORACLES[name]
    z = torch.tensor(PAIRS, dtype=dtype, requires_grad=True)
    out = relume.act(name)(z, exact=True)
    (into,) = torch.autograd.grad(out.sum(), z)
    # exp amplifies the rounding of its argument, 1.702 b, where there is no wider type
    size = 4 * torch.finfo(dtype).eps * (60 if dtype is torch.float64 else 1)
    out = out.detach()
    with mpmath.workdps(80):
        for place, pair in enumerate(z.tolist()):
            a, b = (mpf(one) for one in pair)
            step = mpf(10) ** -30
            pulls = [
                (call(a + step, b) - call(a - step, b)) / (2 * step),
                (call(a, b + step) - call(a, b - step)) / (2 * step),
            ]
            found = [float(out[place]), *into[place].tolist()]
            for got, true in zip(found, [call(a, b), *pulls], strict=True):
                assert got == pytest.approx(float(true), rel=size, abs=1e-44), (pair, got, true)


@ours
def test_the_fast_path_agrees(name: str) -> None:
    act = relume.act(name)
    z = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * 4
    torch.testing.assert_close(act(z), act(z, exact=True), rtol=1e-5, atol=1e-6)
    wide = z[:4].double().requires_grad_()
    assert torch.autograd.gradcheck(act, (wide,))
    assert torch.autograd.gradgradcheck(act, (wide,))
    torch._dynamo.reset()  # it stops after eight classes with one forward
    compiled = torch.compile(act.module(), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(z), act(z), rtol=1e-5, atol=1e-6)
    torch._dynamo.reset()
    half = act(z.half())
    assert half.dtype is torch.float16
    assert torch.isfinite(half).all()
    assert torch.equal(act(z.t(), dim=0), act(z).t())


@ours
def test_gain(name: str) -> None:
    """Against sample moments: of the value, and of the gradient into a layer's input."""
    z = torch.randn(400_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    square = float(relume.act(name)(z).square().mean())
    assert relume.gain(name) == pytest.approx(square**-0.5, rel=0.02)
    torch.manual_seed(0)
    x = torch.randn(300, 256, requires_grad=True)
    linear = nn.Linear(256, 2 * 256, bias=False)
    nn.init.normal_(linear.weight, std=256**-0.5)
    value = relume.act(name)(linear(x))
    (into,) = torch.autograd.grad(value, x, torch.randn_like(value))
    backward = float(into.square().mean()) ** -0.5
    assert relume.gain(name, direction="backward") == pytest.approx(backward, rel=0.05)


@pytest.mark.parametrize(
    ("name", "most"), [("clamped_swiglu", 100.0), ("oss_swiglu", 56.0), ("situ_glu", 100.0)]
)
def test_the_product_stays_in_range(name: str, most: float) -> None:
    z = torch.tensor([[6e4, 6e4], [-6e4, 6e4]], dtype=torch.float16)
    found = relume.act(name)(z)
    assert float(found.abs().max()) == pytest.approx(most, rel=1e-2)
    assert not torch.isfinite(relume.act("swiglu")(z)).all()


def test_both_sides_of_a_crelu() -> None:
    act = relume.act("crelu")
    z = torch.tensor([[1.5, -2.0]], requires_grad=True)
    assert act(z).tolist() == [[1.5, 0, 0, 2]]
    assert act(z, dim=0).tolist() == [[1.5, 0], [0, 2]]
    (into,) = torch.autograd.grad(act(z).sum(), z)
    assert into.tolist() == [[1, -1]]
