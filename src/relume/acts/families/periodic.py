"""Acts of implicit representations: waves, and bells that are local.

A sine keeps its scale only from weights drawn for its frequency: uniform within
sqrt(6 / fan_in) / omega after the first layer, within 1 / fan_in in it (SIREN, arXiv:2006.09661).
"""

import math

import torch
from torch import Tensor

from relume.acts.act import register
from relume.acts.kernels.stable_math import bell
from relume.acts.module import ActModule

_SIREN = "Sitzmann et al., SIREN, NeurIPS 2020, arXiv:2006.09661"


def _sine_slope(z: Tensor, omega: float = 30.0) -> Tensor:
    return omega * torch.cos(omega * z)


def _sine_curvature(z: Tensor, omega: float = 30.0) -> Tensor:
    return -omega * omega * torch.sin(omega * z)


def _sine_most(omega: float = 30.0) -> float:
    return abs(omega)


@register(
    formula="sin(omega * z)",
    family="smooth",
    year=2020,
    reference=_SIREN,
    slope=_sine_slope,
    curvature=_sine_curvature,
    declared_max_slope=_sine_most,
    aliases=("siren",),
    init=("siren",),
)
def sine(z: Tensor, omega: float = 30.0) -> Tensor:
    """sin(omega z): a wave, whose phase wraps where omega z leaves (-pi, pi).

    NaN where the phase overflows, as for an infinite z: there is no limit that could stand for it.
    """
    return torch.sin(omega * z)


class Sine(ActModule, act=sine):
    """`sine` as a module."""


def _finer_phase(z: Tensor, omega: float) -> Tensor:
    return omega * (z.abs() + 1) * z


def _finer_slope(z: Tensor, omega: float = 30.0) -> Tensor:
    return omega * (2 * z.abs() + 1) * torch.cos(_finer_phase(z, omega))


def _finer_curvature(z: Tensor, omega: float = 30.0) -> Tensor:
    phase, rate = _finer_phase(z, omega), omega * (2 * z.abs() + 1)
    return 2 * omega * z.sign() * torch.cos(phase) - rate * rate * torch.sin(phase)


def _finer_most(omega: float = 30.0) -> float:
    return 3 * abs(omega)  # there is no largest: flatness is judged against the envelope at z = 1


@register(
    formula="sin(omega * (abs z + 1) * z)",
    family="smooth",
    year=2024,
    reference="Liu et al., FINER, CVPR 2024, arXiv:2312.02434",
    slope=_finer_slope,
    curvature=_finer_curvature,
    declared_max_slope=_finer_most,
    init=("siren",),
)
def finer(z: Tensor, omega: float = 30.0) -> Tensor:
    """sin(omega (abs z + 1) z): a wave whose frequency grows with abs z, chosen by the bias.

    NaN where the phase overflows: half types, evaluated in float32, reach that at 3e18.
    """
    return torch.sin(_finer_phase(z, omega))


class FINER(ActModule, act=finer):
    """`finer` as a module."""


def _gaussian_slope(z: Tensor, sigma: float = 1.0) -> Tensor:
    t = (z / sigma).clamp(-40, 40)
    return bell(t, -t / sigma)


def _gaussian_curvature(z: Tensor, sigma: float = 1.0) -> Tensor:
    t = (z / sigma).clamp(-40, 40)
    return bell(t, (t - 1) * (t + 1) / (sigma * sigma))


def _gaussian_most(sigma: float = 1.0) -> float:
    return math.exp(-0.5) / sigma  # at sigma


@register(
    formula="exp(-z^2 / (2 sigma^2))",
    family="smooth",
    year=2022,
    reference="Ramasinghe & Lucey, Beyond Periodicity, ECCV 2022, arXiv:2111.15135",
    slope=_gaussian_slope,
    curvature=_gaussian_curvature,
    declared_max_slope=_gaussian_most,
)
def gaussian(z: Tensor, sigma: float = 1.0) -> Tensor:
    """exp(-z^2 / (2 sigma^2)): a bump, flat on both sides."""
    t = (z / sigma).clamp(-40, 40)
    return bell(t, torch.ones_like(t))


class Gaussian(ActModule, act=gaussian):
    """`gaussian` as a module."""


def _within(z: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """scale z and z, both cut where exp(-(scale z)^2) is 0 in float64."""
    u = (scale * z).clamp(-40, 40)
    return u, z.clamp(-40 / abs(scale), 40 / abs(scale))


def _gabor_slope(z: Tensor, omega: float = 10.0, scale: float = 10.0) -> Tensor:
    u, z = _within(z, scale)
    wave, other = torch.cos(omega * z), torch.sin(omega * z)
    return bell(u, -(omega * other + 2 * scale * u * wave), rate=1.0)


def _gabor_curvature(z: Tensor, omega: float = 10.0, scale: float = 10.0) -> Tensor:
    u, z = _within(z, scale)
    wave, other = torch.cos(omega * z), torch.sin(omega * z)
    bend = 4 * scale * scale * u * u - 2 * scale * scale - omega * omega
    return bell(u, bend * wave + 4 * scale * u * omega * other, rate=1.0)


def _gabor_most(omega: float = 10.0, scale: float = 10.0) -> float:
    """By search: beyond 3 / scale the bell has closed."""
    z = torch.linspace(0, 3 / abs(scale), 300_001, dtype=torch.float64)
    return float(_gabor_slope(z, omega, scale).abs().max())


@register(
    formula="cos(omega * z) * exp(-(scale * z)^2)",
    family="smooth",
    year=2023,
    reference="Saragadam et al., WIRE, CVPR 2023, arXiv:2301.05187 (the real part)",
    slope=_gabor_slope,
    curvature=_gabor_curvature,
    declared_max_slope=_gabor_most,
)
def gabor(z: Tensor, omega: float = 10.0, scale: float = 10.0) -> Tensor:
    """cos(omega z) exp(-(scale z)^2): a wave under a bell, local in place and frequency."""
    u, z = _within(z, scale)
    return bell(u, torch.cos(omega * z), rate=1.0)


class Gabor(ActModule, act=gabor):
    """`gabor` as a module."""
