"""Our own kernels for Mish and PReLU: exact, like torch's, and torch's own where they may not run.

Sizes are above `LEAST` and on both sides of a block; below them torch's own path runs.
"""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from act_contract import errors, places
from act_oracles import ROWS
from torch import Tensor
from torch.nn import functional as F

from relume.acts.kernels import blocks, fused_cpu

HALF = (torch.float16, torch.bfloat16)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that a test of a few thousand elements runs over several."""
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    monkeypatch.setattr(fused_cpu, "LEAST", 64)


def spread(count: int, dtype: torch.dtype) -> Tensor:
    """Numbers of both signs over twelve decades, and around zero."""
    made = torch.Generator().manual_seed(0)
    near = torch.randn(count, generator=made, dtype=torch.float64) * 5
    far = near.sign() * 10 ** torch.empty_like(near).uniform_(-8, 4, generator=made)
    return torch.where(torch.arange(count) % 2 == 0, near, far).to(dtype)


def taken(call: Callable[..., Tensor], *inputs: Tensor, seed: int = 1) -> list[Tensor]:
    """Value and gradients of every input."""
    given = [each.detach().clone().requires_grad_() for each in inputs]
    value = call(*given)
    pull = torch.randn(value.shape, generator=torch.Generator().manual_seed(seed)).to(value.dtype)
    return [value.detach(), *torch.autograd.grad(value, given, pull)]


def kernel_ran(value: Tensor) -> bool:
    return type(value.grad_fn).__name__.startswith("Relume")


@pytest.mark.parametrize("low", [True, False], ids=["with far below zero", "without"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_mish_is_right_to_its_bound(dtype: torch.dtype, low: bool) -> None:
    """Both ways that a block can go: with entries for which exp(z) is no normal number, without."""
    row = next(row for row in ROWS if row.act == "mish")
    at = [place for place in places(row, dtype) if low or place > -80]
    z = torch.tensor(at, dtype=torch.float64).to(dtype).requires_grad_()
    value = fused_cpu.mish(z)
    assert kernel_ran(value)
    (slope,) = torch.autograd.grad(value.sum(), z)
    least = 4 * torch.finfo(dtype).smallest_normal
    found = errors(row, dtype, at, (value.detach(), slope))
    root = -1.1924  # of the slope, near which it is a difference, as in float64 everywhere
    found = [e for e in found if abs(e.truth) > least]
    found = [e for e in found if e.order == "value" or abs(e.z - root) * 4 > max(-root, -e.z)]
    assert max(e.ulp for e in found if e.order == "value") <= 4
    assert max(e.ulp for e in found if e.order == "slope") <= 5


@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_mish_in_half_types_is_rounded_once(dtype: torch.dtype) -> None:
    z = spread(4321, dtype)
    value, _ = taken(fused_cpu.mish, z)
    truth = z.double() * torch.tanh(F.softplus(z.double(), threshold=1e9))
    assert (
        torch.equal(value, truth.to(dtype))
        or ((value.double() - truth).abs() <= truth.abs() * torch.finfo(dtype).eps).all()
    )


def test_mish_keeps_nan_and_limits() -> None:
    z = spread(500, torch.float32)
    z[7], z[300], z[400] = float("nan"), float("-inf"), float("inf")
    value, slope = taken(fused_cpu.mish, z)
    assert value[7].isnan()
    assert slope[7].isnan()
    assert value[300] == 0  # torch: NaN
    assert value[400] == float("inf")
    assert int(value.isnan().sum()) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF], ids=str)
@pytest.mark.parametrize(
    "shape",
    [(3000,), (50, 60), (5, 6, 20, 20), (0, 7), (64, 64)],
    ids=lambda s: "x".join(map(str, s)),
)
def test_prelu_with_one_slope_is_torchs(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    z = spread(torch.Size(shape).numel(), torch.float64).clamp(-100, 100).to(dtype).view(shape)
    for slope in (0.25, -0.5, 0.0, 1.0, 2.0):
        weight = torch.tensor([slope], dtype=dtype)
        ours, theirs = taken(fused_cpu.prelu, z, weight), taken(F.prelu, z, weight)
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])
        low = z.clamp(max=0).double().abs().sum()
        assert abs(ours[2] - theirs[2]) <= 4 * torch.finfo(dtype).eps * low.to(dtype) + 1e-30


@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF], ids=str)
def test_prelu_with_a_slope_a_channel_is_torchs(dtype: torch.dtype, last: bool) -> None:
    z = spread(8 * 6 * 12 * 11, torch.float64).clamp(-100, 100).to(dtype).view(8, 6, 12, 11)
    if last:
        z = z.to(memory_format=torch.channels_last)
    weight = torch.linspace(-0.5, 1.5, 6, dtype=dtype)
    assert kernel_ran(fused_cpu.prelu(z.requires_grad_(), weight.requires_grad_()))
    ours, theirs = taken(fused_cpu.prelu, z, weight), taken(F.prelu, z, weight)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    low = z.detach().clamp(max=0).double().abs().sum((0, 2, 3))
    assert ((ours[2] - theirs[2]).double().abs() <= 8 * torch.finfo(dtype).eps * low).all()


def test_the_weights_gradient_is_more_exact_than_a_sum_in_float32() -> None:
    z = -torch.rand(200_000, generator=torch.Generator().manual_seed(2))
    ones = torch.ones_like(z)
    weight = torch.tensor([0.25], requires_grad=True)
    (found,) = torch.autograd.grad(fused_cpu.prelu(z, weight), weight, ones)
    truth = z.double().sum()
    assert abs(found.double() - truth) <= 1e-6 * abs(truth)


def test_an_infinite_gradient_at_a_zero_is_torchs() -> None:
    z = torch.randn(500, generator=torch.Generator().manual_seed(3))
    z[3] = 0.0
    pull = torch.ones(500)
    pull[3] = float("inf")
    found: list[Any] = []
    for call in (fused_cpu.prelu, F.prelu):
        weight = torch.tensor([0.25], requires_grad=True)
        found.append(torch.autograd.grad(call(z, weight), weight, pull)[0])
    assert torch.equal(found[0].isnan(), found[1].isnan())


@pytest.mark.parametrize("gaps", [False, True])
def test_what_lies_with_gaps_is_left_to_torch(gaps: bool) -> None:
    wide = torch.randn(40, 100, requires_grad=True)
    z = wide[:, ::2] if gaps else wide
    assert kernel_ran(fused_cpu.mish(z)) is not gaps
    assert torch.allclose(fused_cpu.mish(z), F.mish(z))


@pytest.mark.parametrize("act", ["mish", "prelu"])
def test_second_derivatives(act: str) -> None:
    z = (torch.randn(100, dtype=torch.float64) + 0.01).requires_grad_()
    weight = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    if act == "mish":
        assert kernel_ran(fused_cpu.mish(z))
        assert torch.autograd.gradgradcheck(fused_cpu.mish, (z,))
    else:
        assert kernel_ran(fused_cpu.prelu(z, weight))
        assert torch.autograd.gradgradcheck(fused_cpu.prelu, (z, weight))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # by forward_ad
def test_transforms_and_traces_take_torchs_path() -> None:
    z, weight = torch.randn(20, 10), torch.tensor(0.3)
    total = lambda t: fused_cpu.mish(t).sum()  # noqa: E731
    assert torch.allclose(torch.func.grad(total)(z), torch.func.grad(lambda t: F.mish(t).sum())(z))
    by_row = torch.func.vmap(lambda t: fused_cpu.prelu(t, weight))(z)
    assert torch.equal(by_row, F.prelu(z, weight))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(z, torch.ones_like(z))
        assert torch.autograd.forward_ad.unpack_dual(fused_cpu.mish(dual)).tangent is not None
    with torch.autocast("cpu", torch.bfloat16):
        assert not kernel_ran(fused_cpu.mish(z.requires_grad_()))


def test_blocks_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    z = spread(5000, torch.float32)
    found: list[list[Tensor]] = []
    for size in (700, 5000, 10**6):
        monkeypatch.setattr(blocks, "BLOCK", size)
        found.append(taken(fused_cpu.mish, z))
    for one, two in itertools.pairwise(found):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_in_place_is_torchs() -> None:
    z = torch.randn(300)
    other = z.clone()
    assert fused_cpu.mish(z, inplace=True) is z
    assert torch.equal(z, F.mish(other, inplace=True))
