"""Formulas that several acts share, without cancellation, overflow or a swallowed NaN.

All work in the dtype of their input, propagate NaN, and take infinities to their limits.
"""

import math
from typing import Any

import torch
from torch import Tensor

FAR = 1600.0
"""Beyond it exp(-t / 2) is zero in float64; arguments of exp are clamped here."""


def finite(z: Tensor) -> Tensor:
    """`z` with its infinities at the largest finite number; NaN stays."""
    most = torch.finfo(z.dtype).max
    return z.clamp(-most, most)


def keep_nan(z: Tensor, slope: Tensor) -> Tensor:
    """`slope`, and NaN where `z` is: a comparison alone turns NaN into a number."""
    return torch.where(z.isnan(), z, slope)


def flat(z: Tensor, **parameters: object) -> Tensor:
    """The curvature of straight pieces: 0."""
    return keep_nan(z, torch.zeros_like(z))


def step(z: Tensor, low: float | Tensor = 0.0, high: float | Tensor = 1.0) -> Tensor:
    """`high` where z > 0, `low` elsewhere, at 0 too."""
    up, down = torch.ones_like(z) * high, torch.ones_like(z) * low
    return keep_nan(z, torch.where(z > 0, up, down))


def band(z: Tensor, low: float | Tensor | None, high: float | Tensor | None) -> Tensor:
    """1 strictly inside (low, high), 0 elsewhere; None stands for no bound."""
    inside = torch.ones_like(z)
    if low is not None:
        inside = inside * (z > low)
    if high is not None:
        inside = inside * (z < high)
    return keep_nan(z, inside)


def logistic(t: Tensor) -> Tensor:
    """1 / (1 + exp(-t)), by an exp that cannot overflow."""
    return torch.exp(t.clamp(max=0)) / (1 + torch.exp(-t.abs()))


def logistic_slope(t: Tensor) -> Tensor:
    """The derivative of `logistic`, even, not 1 - s: that cancels on the high side."""
    q = torch.exp(-t.abs())
    return q / (1 + q) / (1 + q)


def log1pexp(t: Tensor) -> Tensor:
    """log(1 + exp(-abs t)), in (0, log 2]."""
    return torch.log1p(torch.exp(-t.abs()))


def sech_squared(t: Tensor) -> Tensor:
    """1 - tanh(t)^2, without the difference."""
    return 4 * logistic_slope(2 * t)


def _parts(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """r = exp(min(t, 0) / 2), s = exp(-max(t, 0) / 2) and q = exp(-abs t) for a finite t, so that
    sigmoid(t) = r r / (1 + q) and sigmoid(-t) = s s / (1 + q), whose autograd is right at 0 too.

    A product with sigmoid(t) is taken in two halves, (x r) r: sigmoid(t) may be subnormal and
    have lost its digits where x sigmoid(t) is still a normal number.
    """
    low = t.clamp(max=0)
    root, other = torch.exp(low / 2), torch.exp((low - t) / 2)
    return root, other, torch.square(root * other)


def gated(z: Tensor, t: Tensor) -> Tensor:
    """z sigmoid(t), for a t that grows with z: 0 at z = -inf, and z at inf."""
    most = torch.finfo(z.dtype).max
    root, _, both = _parts(t.clamp(-FAR, FAR))
    # an infinite z enters by addition alone: times 0 it is NaN, in a parameter's gradient too
    return finite(z) * root * root / (1 + both) + (z.clamp(min=most) - most)


def gated_slope(t: Tensor, lift: Tensor) -> Tensor:
    """sigmoid(t) (1 + lift sigmoid(-t)), the slope of z sigmoid(t(z)) for lift = z t'(z)."""
    root, other, both = _parts(t)
    return (1 + lift * other * other / (1 + both)) * root * root / (1 + both)


def gated_curvature(t: Tensor, factor: Tensor) -> Tensor:
    """factor sigmoid(t) sigmoid(-t), where the logistic part alone may be subnormal."""
    root, other, both = _parts(t)
    return factor * root * root * other * other / (1 + both) / (1 + both)


def bell(z: Tensor, factor: Tensor, rate: float = 0.5) -> Tensor:
    """factor exp(-rate z^2), with z^2 split so that its rounding is not amplified by exp.

    z = c + r with c a multiple of 1/16: c^2 is exact, and z^2 - c^2 = r (z + c) is small. The
    large part is taken in two halves, since exp(-rate c^2) alone may be subnormal. A rate that is
    a power of two is exact.
    """
    z = z.clamp(-40, 40)  # exp(-800) is 0 in float64
    coarse = torch.round(z * 16) / 16
    root = torch.exp(-coarse * coarse * (rate / 2))
    return factor * torch.exp(-(z - coarse) * (z + coarse) * rate) * root * root


def half_erfcx(z: Tensor) -> Tensor:
    """erfcx(-z / sqrt 2) / 2 for z <= 0, so that the normal Phi(z) is it times exp(-z^2 / 2)."""
    erfcx: Any = torch.ops.aten.special_erfcx  # torch.special has no types
    return 0.5 * erfcx(-z.clamp(max=0) / math.sqrt(2))


def phi_high(z: Tensor) -> Tensor:
    """The normal distribution Phi(z) for z >= 0."""
    return 0.5 * torch.erfc(-z.clamp(min=0) / math.sqrt(2))
