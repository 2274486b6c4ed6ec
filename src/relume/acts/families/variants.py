"""Later relatives of ReLU, leaky ReLU and softplus."""

import torch
from torch import Tensor

from relume.acts.act import register
from relume.acts.kernels.stable_math import (
    FAR,
    finite,
    gated,
    gated_curvature,
    gated_slope,
    step,
)
from relume.acts.module import ActModule


def _squared_leaky_slope(z: Tensor, negative_slope: float = 0.5) -> Tensor:
    return torch.where(z > 0, 2 * z, 2 * negative_slope**2 * z)


def _squared_leaky_curvature(z: Tensor, negative_slope: float = 0.5) -> Tensor:
    return step(z, 2 * negative_slope**2, 2.0)


@register(
    formula="leaky_relu(z, negative_slope)^2",
    family="piecewise",
    year=2026,
    reference="OpenAI Parameter Golf, 2026; of squared_relu: So et al., 2021, arXiv:2109.08668",
    slope=_squared_leaky_slope,
    curvature=_squared_leaky_curvature,
    declared_max_slope=2.0,  # there is no largest: flatness is judged against the slope at z = 1
    aliases=("leaky_relu_squared", "leaky_relu2", "leakyrelu2"),
)
def squared_leaky_relu(z: Tensor, negative_slope: float = 0.5) -> Tensor:
    """leaky_relu(z)^2: a squared ReLU whose low side learns too, and is not negative."""
    return torch.square(torch.where(z > 0, z, negative_slope * z))


class SquaredLeakyReLU(ActModule, act=squared_leaky_relu):
    """`squared_leaky_relu` as a module."""


def _rate(p: float, c: float) -> float:
    return c / p


def _smooth_leaky_slope(z: Tensor, alpha: float = 0.1, p: float = 3.0, c: float = 5.0) -> Tensor:
    t = _rate(p, c) * z.clamp(-FAR, FAR)
    return alpha + (1 - alpha) * gated_slope(t, t)


def _smooth_leaky_curvature(
    z: Tensor, alpha: float = 0.1, p: float = 3.0, c: float = 5.0
) -> Tensor:
    t = _rate(p, c) * z.clamp(-FAR, FAR)
    return gated_curvature(t, (1 - alpha) * _rate(p, c) * (2 - t * torch.tanh(t / 2)))


@register(
    formula="alpha * z + (1 - alpha) * z * sigmoid(c * z / p)",
    family="smooth",
    year=2025,
    reference="Lillo & Cheney, ICLR 2026, arXiv:2509.22562",
    slope=_smooth_leaky_slope,
    curvature=_smooth_leaky_curvature,
)
def smooth_leaky(z: Tensor, alpha: float = 0.1, p: float = 3.0, c: float = 5.0) -> Tensor:
    """A leaky ReLU without a kink, for trainings whose task changes."""
    return alpha * z + (1 - alpha) * gated(z, _rate(p, c) * finite(z))


class SmoothLeaky(ActModule, act=smooth_leaky):
    """`smooth_leaky` as a module."""


def _parts(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(min(z, 0) / 2), q = exp(-abs z), and log(1 + q) / q, which is 1 at q = 0."""
    root = torch.exp(z.clamp(max=0) / 2)
    q = torch.exp(-z.abs()).clamp(min=torch.finfo(z.dtype).smallest_normal)
    return root, q, torch.log1p(q) / q


def _sqrt_softplus_slope(z: Tensor) -> Tensor:
    root, q, ratio = _parts(z)
    low = root / (2 * (1 + q) * torch.sqrt(ratio))
    high = 1 / (2 * (1 + q) * torch.sqrt(z.clamp(min=0) + q * ratio))
    return torch.where(z < 0, low, high)


def _sqrt_softplus_curvature(z: Tensor) -> Tensor:
    root, q, ratio = _parts(z)
    below = (1 + q) * (1 + q)
    low = root * (2 * ratio - 1) / (4 * ratio * torch.sqrt(ratio) * below)
    ramp = z.clamp(min=0) + q * ratio
    high = (2 * q * ramp.clamp(max=FAR) - 1) / (4 * below) / torch.sqrt(ramp) / ramp
    return torch.where(z < 0, low, high)


@register(
    formula="sqrt(log(1 + exp(z)))",
    family="smooth",
    year=2026,
    reference="the scores of DeepSeek-V4's router, 2026",
    slope=_sqrt_softplus_slope,
    curvature=_sqrt_softplus_curvature,
    matches=("transformers.activations.SqrtSoftplusActivation",),
    aliases=("sqrtsoftplus",),
)
def sqrt_softplus(z: Tensor) -> Tensor:
    """sqrt(softplus(z)): positive, and slower than z on the high side."""
    root, q, ratio = _parts(z)
    high = torch.sqrt(z.clamp(min=0) + q * ratio)
    return torch.where(z < 0, root * torch.sqrt(ratio), high)


class SqrtSoftplus(ActModule, act=sqrt_softplus):
    """`sqrt_softplus` as a module."""
