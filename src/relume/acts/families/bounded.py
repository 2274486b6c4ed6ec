"""Acts that keep their output between two bounds, and are not S-shaped by an exponential alone."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import register
from relume.acts.families.smooth import gelu
from relume.acts.kernels.stable_math import bell, half_erfcx, keep_nan, phi_high, sech_squared
from relume.acts.module import ActModule

_ERF_PEAK = 2 / math.sqrt(math.pi)
_PEAK = 1 / math.sqrt(2 * math.pi)


def _softcap_slope(z: Tensor, cap: float = 30.0) -> Tensor:
    return sech_squared(z / cap)


def _softcap_curvature(z: Tensor, cap: float = 30.0) -> Tensor:
    return -2 / cap * torch.tanh(z / cap) * sech_squared(z / cap)


@register(
    formula="cap * tanh(z / cap)",
    family="smooth",
    year=2024,
    reference="Gemma Team, 2024, arXiv:2408.00118; Bello et al., ICLR 2017, arXiv:1611.09940",
    slope=_softcap_slope,
    curvature=_softcap_curvature,
    declared_max_slope=1.0,
    aliases=("soft_cap", "logit_softcap", "attention_softcap(cap=50.0)"),
)
def softcap(z: Tensor, cap: float = 30.0) -> Tensor:
    """cap tanh(z / cap): z near 0, never beyond the cap (Gemma: 30 on logits, 50 in attention)."""
    return cap * torch.tanh(z / cap)


class Softcap(ActModule, act=softcap):
    """`softcap` as a module."""


def _erf_slope(z: Tensor) -> Tensor:
    z = z.clamp(-40, 40)
    return bell(z, torch.full_like(z, _ERF_PEAK), rate=1.0)


def _erf_curvature(z: Tensor) -> Tensor:
    z = z.clamp(-40, 40)
    return bell(z, -2 * _ERF_PEAK * z, rate=1.0)


@register(
    formula="2 / sqrt(pi) * integral of exp(-t^2) from 0 to z",
    family="smooth",
    year=1996,
    reference="Williams, Computing with infinite networks, NeurIPS 1996",
    native=torch.erf,
    slope=_erf_slope,
    curvature=_erf_curvature,
    declared_max_slope=_ERF_PEAK,
    matches=("torch.erf", "torch.special.erf", "torch.Tensor.erf"),
)
def erf(z: Tensor) -> Tensor:
    """The error function, in (-1, 1): an S with the thinnest tails."""
    return torch.erf(z)


class Erf(ActModule, act=erf):
    """`erf` as a module."""


def _above_mean(z: Tensor, mu: float, sigma: float) -> Tensor:
    """How many deviations z lies above the mean, cut where both tails have long arrived."""
    return ((z - mu) / sigma).clamp(-40, 40)


def _laplace_slope(z: Tensor, mu: float = 0.707107, sigma: float = 0.282095) -> Tensor:
    t = _above_mean(z, mu, sigma)
    return bell(t, torch.full_like(t, _PEAK / sigma))


def _laplace_curvature(z: Tensor, mu: float = 0.707107, sigma: float = 0.282095) -> Tensor:
    t = _above_mean(z, mu, sigma)
    return bell(t, -_PEAK / sigma / sigma * t)


def _laplace_most(mu: float = 0.707107, sigma: float = 0.282095) -> float:
    return _PEAK / sigma


@register(
    formula="(1 + erf((z - mu) / (sigma * sqrt(2)))) / 2",
    family="smooth",
    year=2022,
    reference="Ma et al., Mega, ICLR 2023, arXiv:2209.10655",
    slope=_laplace_slope,
    curvature=_laplace_curvature,
    declared_max_slope=_laplace_most,
    centre=0.707107,
    matches=("transformers.activations.LaplaceActivation",),
)
def laplace(z: Tensor, mu: float = 0.707107, sigma: float = 0.282095) -> Tensor:
    """A normal distribution function near a squared ReLU, in (0, 1)."""
    t = _above_mean(z, mu, sigma)
    return torch.where(t < 0, bell(t, half_erfcx(t)), phi_high(t))


class Laplace(ActModule, act=laplace):
    """`laplace` as a module."""


_LEAST_AT = -0.7517915246935645  # where gelu is least, the root of its slope


def _reaches(level: float, low: float, high: float) -> float:
    """Where gelu, monotone between two places, passes a level: by bisection to the last bit."""

    def value(place: float) -> float:
        return float(gelu.value(torch.tensor(place, dtype=torch.float64)))

    rises = value(high) > value(low)
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if (value(middle) < level) == rises:
            low = middle
        else:
            high = middle
    return high


def _clipped_kinks(min: float, max: float) -> tuple[float, ...]:
    least = float(gelu.value(torch.tensor(_LEAST_AT, dtype=torch.float64)))
    found: list[float] = []
    for level in (min, max):
        if level > least:
            found.append(_reaches(level, _LEAST_AT, abs(level) + 1))
        if least < level < 0:
            found.append(_reaches(level, -40.0, _LEAST_AT))
    return tuple(found)


def _inside(z: Tensor, min: float, max: float) -> Tensor:
    h = gelu.value(z)
    return (h > min) & (h < max)


def _clipped_slope(z: Tensor, min: float = -10.0, max: float = 10.0) -> Tensor:
    assert gelu.slope is not None
    return keep_nan(z, torch.where(_inside(z, min, max), gelu.slope(z), torch.zeros_like(z)))


def _clipped_curvature(z: Tensor, min: float = -10.0, max: float = 10.0) -> Tensor:
    assert gelu.curvature is not None
    return keep_nan(z, torch.where(_inside(z, min, max), gelu.curvature(z), torch.zeros_like(z)))


def _clipped_native(z: Tensor, min: float = -10.0, max: float = 10.0) -> Tensor:
    return functional.gelu(z).clamp(min, max)


@register(
    formula="min(max(gelu(z), low), high), its parameters called min and max",
    family="smooth",
    year=2020,
    reference="Wu et al., 2020, arXiv:2004.09602; Hendrycks & Gimpel, 2016, arXiv:1606.08415",
    native=_clipped_native,
    slope=_clipped_slope,
    curvature=_clipped_curvature,
    kink="slope 0 where gelu meets a bound",
    kinks=_clipped_kinks,
    matches=("transformers.activations.ClippedGELUActivation",),
    aliases=("gelu_10", "clippedgelu"),
)
def clipped_gelu(z: Tensor, min: float = -10.0, max: float = 10.0) -> Tensor:
    """gelu cut at two bounds, so that eight bits hold it."""
    return gelu.value(z).clamp(min, max)


class ClippedGELU(ActModule, act=clipped_gelu):
    """`clipped_gelu` as a module."""
