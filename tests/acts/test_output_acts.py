"""Acts over an axis against mpmath: value and the product of their Jacobian with a vector."""

from typing import Any

import mpmath
import pytest
import torch
from mpmath import mpf
from torch import Tensor

from relume.acts.act import find_act

ROWS = [
    [0.0, 0.0, 0.0, 0.0],
    [1.0, -2.0, 0.5, 3.0],
    [80.0, -80.0, 0.0, 79.5],
    [1e4, -1e4, 9999.0, 0.0],
    [1e-6, -1e-6, 2e-6, 0.0],
]
WEIGHT = [0.3, -1.0, 2.0, 0.7]


def softmax(z: list[Any]) -> list[Any]:
    top = [mpmath.exp(one) for one in z]
    return [one / mpmath.fsum(top) for one in top]


def log_softmax(z: list[Any]) -> list[Any]:
    return [mpmath.log(one) for one in softmax(z)]


def truth(name: str, row: list[float]) -> tuple[list[float], list[float]]:
    """Value and gradient of sum_i w_i f_i, by differences at 20,000 digits where exp needs them."""
    call = softmax if name == "softmax" else log_softmax
    with mpmath.workdps(60 if max(map(abs, row)) < 1000 else 9000):
        step = mpf(10) ** -25
        at = [mpf(one) for one in row]
        gradient: list[float] = []
        for place in range(len(row)):
            ends = []
            for sign in (1, -1):
                moved = [one + sign * step * (i == place) for i, one in enumerate(at)]
                ends.append(
                    mpmath.fsum(mpf(w) * f for w, f in zip(WEIGHT, call(moved), strict=True))
                )
            gradient.append(float((ends[0] - ends[1]) / (2 * step)))
        return [float(one) for one in call(at)], gradient


def found(name: str, z: Tensor, *, exact: bool) -> tuple[Tensor, Tensor]:
    z = z.clone().requires_grad_()
    out = find_act(name)(z, exact=exact)
    weight = torch.tensor(WEIGHT, dtype=z.dtype)
    (gradient,) = torch.autograd.grad((out * weight).sum(), z)
    return out.detach(), gradient


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_value_and_gradient(name: str, dtype: torch.dtype) -> None:
    rows = [r for r in ROWS if torch.tensor(r).to(dtype).tolist() == torch.tensor(r).tolist()]
    for row in rows:
        value, gradient = truth(name, row)
        out, got = found(name, torch.tensor(row, dtype=dtype), exact=True)
        eps = torch.finfo(dtype).eps
        wide = torch.float64
        tiny = torch.finfo(dtype).smallest_normal
        torch.testing.assert_close(
            out.to(wide), torch.tensor(value, dtype=wide), rtol=4 * eps, atol=tiny
        )
        torch.testing.assert_close(
            got.to(wide), torch.tensor(gradient, dtype=wide), rtol=16 * eps, atol=4 * eps
        )


def test_the_check_rejects_the_other_axis() -> None:
    z = torch.tensor([ROWS[1], ROWS[1]])
    value, _ = truth("softmax", ROWS[1])
    wrong = find_act("softmax")(z, 0)[0]
    assert not torch.allclose(wrong, torch.tensor(value))


def test_a_masked_entry_gets_nothing() -> None:
    z = torch.tensor([[0.0, -torch.inf, 1.0]], requires_grad=True)
    out = find_act("softmax")(z, exact=True)
    assert out[0, 1].item() == 0
    out[0, 0].backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
    assert z.grad[0, 1].item() == 0


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_axis_is_named_as_in_torch(name: str) -> None:
    z = torch.randn(2, 3, 4)
    act = find_act(name)
    assert torch.equal(act(z, dim=1), getattr(torch, name)(z, dim=1))
    assert torch.equal(act(z), getattr(torch, name)(z, dim=-1))
    assert torch.equal(act.module(dim=0)(z), getattr(torch, name)(z, dim=0))
    assert not act.elementwise
