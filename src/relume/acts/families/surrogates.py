"""Steps whose slope is declared: the true one is 0, and a training takes another in its place.

The declared slope is what autograd gives and what `exact_slope`, the cards and the gain take.
"""

import math

import torch
from torch import Tensor

from relume.acts.act import register
from relume.acts.kernels.stable_math import band, flat, keep_nan
from relume.acts.module import ActModule

_STRAIGHT = "Bengio, Leonard & Courville, 2013, arXiv:1308.3432"


def _unit_band(z: Tensor) -> Tensor:
    return band(z, -1.0, 1.0)


def _ends() -> tuple[float, ...]:
    return -1.0, 1.0


@register(
    formula="sign(z), trained with the slope 1 for abs z < 1 and 0 elsewhere",
    family="surrogate",
    year=2016,
    reference=f"Courbariaux et al., 2016, arXiv:1602.02830; {_STRAIGHT}",
    slope=_unit_band,
    curvature=flat,
    declared_max_slope=1.0,
    kink="declared slope 0 at -1 and 1",
    kinks=_ends,
    aliases=("sign_ste", "binarize"),
)
def straight_sign(z: Tensor) -> Tensor:
    """The sign of z; the gradient passes as through a hardtanh."""
    return keep_nan(z, z.sign())


class StraightSign(ActModule, act=straight_sign):
    """`straight_sign` as a module."""


def _step(z: Tensor) -> Tensor:
    return keep_nan(z, (z > 0).to(z.dtype))


@register(
    formula="1 if z > 0 else 0, trained with the slope 1 for abs z < 1 and 0 elsewhere",
    family="surrogate",
    year=2013,
    reference=_STRAIGHT,
    slope=_unit_band,
    curvature=flat,
    declared_max_slope=1.0,
    kink="declared slope 0 at -1 and 1",
    kinks=_ends,
    aliases=("step_ste", "heaviside_ste"),
)
def straight_step(z: Tensor) -> Tensor:
    """1 above 0, else 0; the gradient passes where abs z < 1."""
    return _step(z)


class StraightStep(ActModule, act=straight_step):
    """`straight_step` as a module."""


def _fast_share(z: Tensor, slope: float) -> Tensor:
    return 1 / (1 + slope * z.abs())


def _spike_slope(z: Tensor, slope: float = 25.0) -> Tensor:
    share = _fast_share(z, slope)
    return share * share


def _spike_curvature(z: Tensor, slope: float = 25.0) -> Tensor:
    share = _fast_share(z, slope)
    return -2 * slope * z.sign() * share * share * share


@register(
    formula="1 if z > 0 else 0, trained with the slope 1 / (1 + slope * abs z)^2",
    family="surrogate",
    year=2018,
    reference="Zenke & Ganguli, SuperSpike, Neural Computation 30, 2018, arXiv:1705.11146",
    slope=_spike_slope,
    curvature=_spike_curvature,
    declared_max_slope=1.0,
    aliases=("fast_sigmoid_spike",),
)
def spike(z: Tensor, slope: float = 25.0) -> Tensor:
    """A neuron's spike, z its potential above the threshold; the slope of a fast sigmoid."""
    return _step(z)


class Spike(ActModule, act=spike):
    """`spike` as a module."""


def _cauchy(z: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """t = pi alpha z / 2 and 1 / (1 + t^2), where t^2 itself would overflow."""
    t = math.pi / 2 * alpha * z
    share = 1 / torch.hypot(t, torch.ones_like(t))
    return t, share * share


def _atan_slope(z: Tensor, alpha: float = 2.0) -> Tensor:
    return alpha / 2 * _cauchy(z, alpha)[1]


def _atan_curvature(z: Tensor, alpha: float = 2.0) -> Tensor:
    t, share = _cauchy(z, alpha)
    return -math.pi / 2 * alpha * alpha * torch.sin(torch.atan(t)) * share * share.sqrt()


def _atan_most(alpha: float = 2.0) -> float:
    return alpha / 2


@register(
    formula="1 if z > 0 else 0, trained with the slope alpha / 2 / (1 + (pi * alpha * z / 2)^2)",
    family="surrogate",
    year=2021,
    reference="Fang et al., ICCV 2021, arXiv:2007.05785",
    slope=_atan_slope,
    curvature=_atan_curvature,
    declared_max_slope=_atan_most,
)
def spike_atan(z: Tensor, alpha: float = 2.0) -> Tensor:
    """A neuron's spike with the slope of an arc tangent: its tails are those of 1 / z^2."""
    return _step(z)


class SpikeAtan(ActModule, act=spike_atan):
    """`spike_atan` as a module."""
