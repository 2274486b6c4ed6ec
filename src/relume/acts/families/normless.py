"""Learned acts that stand where a norm layer would, and polynomials of a ReLU.

Learned scales are one number, or one for each channel on axis 1.
"""

import math

import torch
from torch import Tensor

from relume.acts.act import register
from relume.acts.kernels.stable_math import bell, sech_squared, step
from relume.acts.module import ActModule

Number = float | Tensor


def _dyt_slope(z: Tensor, alpha: Number = 0.5, weight: Number = 1.0, bias: Number = 0.0) -> Tensor:
    return weight * alpha * sech_squared(alpha * z) + 0 * bias


def _dyt_curvature(
    z: Tensor, alpha: Number = 0.5, weight: Number = 1.0, bias: Number = 0.0
) -> Tensor:
    t = alpha * z
    return -2 * weight * alpha * alpha * torch.tanh(t) * sech_squared(t) + 0 * bias


def _tanh(t: Tensor) -> Tensor:
    """tanh whose gradient does not cancel where it is flat, as torch's 1 - tanh^2 does.

    The value is torch's. The gradient, 4 s (1 - s) with s = sigmoid(-2 abs t), comes from a term
    that is 0; no Function: compiled code follows none within a backward.
    """
    tail = torch.where(t > 0, -2 * torch.sigmoid(-2 * t), 2 * torch.sigmoid(2 * t))
    return torch.tanh(t).detach() + (tail - tail.detach())


@register(
    formula="weight * tanh(alpha * z) + bias, all learned",
    family="learnable",
    year=2025,
    reference="Zhu et al., CVPR 2025, arXiv:2503.10622",
    slope=_dyt_slope,
    curvature=_dyt_curvature,
    learnable=("alpha", "weight", "bias"),
    aliases=("dynamic_tanh",),
)
def dyt(z: Tensor, alpha: Number = 0.5, weight: Number = 1.0, bias: Number = 0.0) -> Tensor:
    """weight tanh(alpha z) + bias: a transformer's LayerNorm without a mean or a variance."""
    return weight * _tanh(alpha * z) + bias


class DyT(ActModule, act=dyt):
    """`dyt` as a module."""


_PEAK = 2 / math.sqrt(math.pi)


def _derf_slope(
    z: Tensor,
    alpha: Number = 0.5,
    shift: Number = 0.0,
    weight: Number = 1.0,
    bias: Number = 0.0,
) -> Tensor:
    t = (alpha * z + shift).clamp(-40, 40)
    return bell(t, weight * alpha * _PEAK * torch.ones_like(t), rate=1.0) + 0 * bias


def _derf_curvature(
    z: Tensor,
    alpha: Number = 0.5,
    shift: Number = 0.0,
    weight: Number = 1.0,
    bias: Number = 0.0,
) -> Tensor:
    t = (alpha * z + shift).clamp(-40, 40)
    return bell(t, -2 * weight * alpha * alpha * _PEAK * t, rate=1.0) + 0 * bias


@register(
    formula="weight * erf(alpha * z + shift) + bias, all learned",
    family="learnable",
    year=2025,
    reference="Chen et al., Stronger normalization-free transformers, 2025, arXiv:2512.10938",
    slope=_derf_slope,
    curvature=_derf_curvature,
    learnable=("alpha", "shift", "weight", "bias"),
)
def derf(
    z: Tensor,
    alpha: Number = 0.5,
    shift: Number = 0.0,
    weight: Number = 1.0,
    bias: Number = 0.0,
) -> Tensor:
    """weight erf(alpha z + shift) + bias: as `dyt`, with thinner tails."""
    return weight * torch.erf(alpha * z + shift) + bias


class Derf(ActModule, act=derf):
    """`derf` as a module."""


def _poly_kinks(a1: Number, a2: Number, a3: Number, a0: Number) -> tuple[float, ...]:
    return (0.0,)


def _poly_slope(
    z: Tensor, a1: Number = 1 / 3, a2: Number = 1 / 3, a3: Number = 1 / 3, a0: Number = 0.0
) -> Tensor:
    up = z.clamp(min=0)
    return step(z) * (a1 + up * (2 * a2 + up * (3 * a3))) + 0 * a0


def _poly_curvature(
    z: Tensor, a1: Number = 1 / 3, a2: Number = 1 / 3, a3: Number = 1 / 3, a0: Number = 0.0
) -> Tensor:
    return step(z) * (2 * a2 + z.clamp(min=0) * (6 * a3)) + 0 * a0 + 0 * a1


@register(
    formula="a1 * r + a2 * r^2 + a3 * r^3 + a0, r = max(0, z), all learned",
    family="learnable",
    year=2024,
    reference="Zhuo et al., PolyCom, ICLR 2025, arXiv:2411.03884",
    slope=_poly_slope,
    curvature=_poly_curvature,
    declared_max_slope=2.0,  # there is no largest: flatness is judged against the slope at z = 1
    learnable=("a1", "a2", "a3", "a0"),
    kink="slope 0 at 0",
    kinks=_poly_kinks,
)
def poly_relu(
    z: Tensor, a1: Number = 1 / 3, a2: Number = 1 / 3, a3: Number = 1 / 3, a0: Number = 0.0
) -> Tensor:
    """A cubic of max(0, z) with learned coefficients."""
    up = z.clamp(min=0)
    return up * (a1 + up * (a2 + up * a3)) + a0


class PolyReLU(ActModule, act=poly_relu):
    """`poly_relu` as a module."""


def _unit_rms(z: Tensor, eps: float) -> Tensor:
    return z * torch.rsqrt(z.square().mean(-1, keepdim=True) + eps)


@register(
    formula="a1 * n(z) + a2 * n(z^2) + a3 * n(z^3) + a0, n(x) = x / sqrt(mean x^2 + eps)",
    family="learnable",
    year=2024,
    reference="Zhuo et al., PolyCom, ICLR 2025, arXiv:2411.03884",
    elementwise=False,
    learnable=("a1", "a2", "a3", "a0"),
)
def poly_norm(
    z: Tensor,
    a1: Number = 1 / 3,
    a2: Number = 1 / 3,
    a3: Number = 1 / 3,
    a0: Number = 0.0,
    eps: float = 1e-6,
) -> Tensor:
    """The first three powers of z, each at a root mean square of 1 over the last axis, mixed."""
    square = z * z
    parts = (_unit_rms(part, eps) for part in (z, square, square * z))
    return sum((a * part for a, part in zip((a1, a2, a3), parts, strict=True)), start=a0 + 0 * z)


class PolyNorm(ActModule, act=poly_norm):
    """`poly_norm` as a module."""
