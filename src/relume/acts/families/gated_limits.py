"""Later gated units: bilinear, and those that keep their product in the range of half types.

The halves of one axis as in `gated.py`: signal (up) first, gate second. gpt-oss interleaves the
two, Llama and DeepSeek put the gate first: exchange the rows of a weight that comes from there.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import register
from relume.acts.families.gated import halves
from relume.acts.families.sigmoids import tanh
from relume.acts.gain import normal_mean
from relume.acts.kernels.stable_math import gated, logistic
from relume.acts.module import ActModule
from relume.acts.wide_precision import derivative

Part = Callable[[Tensor], Tensor]


def _mean_square(direction: str, signal: Part, gate: Part, kinks: tuple[float, ...] = ()) -> float:
    """E (g(a) f(b))^2 for independent standard normals; backward the sum over a unit's two rows."""

    def mean(part: Part) -> float:
        return normal_mean(lambda z: torch.square(part(z)), kinks)

    if direction == "forward":
        return mean(signal) * mean(gate)
    return mean(derivative(signal)) * mean(gate) + mean(signal) * mean(derivative(gate))


def _bilinear_square(direction: str, dim: int = -1) -> float:
    return 1.0 if direction == "forward" else 2.0


@register(
    formula="a * b, (a, b) the halves of z along one axis",
    family="gated",
    year=2020,
    reference="Shazeer, 2020, arXiv:2002.05202; Mnih & Hinton, ICML 2007",
    elementwise=False,
    mean_square=_bilinear_square,
    aliases=("bilinear_glu",),
)
def bilinear(z: Tensor, dim: int = -1) -> Tensor:
    """a b, (a, b) the halves of z along `dim`: a gated unit without an act."""
    a, b = halves(z, dim)
    return a * b


class Bilinear(ActModule, act=bilinear):
    """`bilinear` as a module."""


def _cut(a: Tensor, limit: float) -> Tensor:
    return a.clamp(-limit, limit)


def _silu_below(b: Tensor, limit: float, alpha: float = 1.0) -> Tensor:
    b = b.clamp(max=limit)
    return gated(b, alpha * b.clamp(min=torch.finfo(b.dtype).min / 2))


@cache
def _clamped_square(direction: str, dim: int = -1, limit: float = 10.0) -> float:
    return _mean_square(
        direction, lambda a: _cut(a, limit), lambda b: _silu_below(b, limit), (-limit, limit)
    )


def _clamped_native(z: Tensor, dim: int = -1, limit: float = 10.0) -> Tensor:
    a, b = halves(z, dim)
    return _cut(a, limit) * functional.silu(b.clamp(max=limit))


@register(
    formula="clamp(a, -limit, limit) * silu(min(b, limit)), (a, b) the halves of z",
    family="gated",
    year=2026,
    reference="DeepSeek-V4 and GLM-5, 2026 (swiglu_limit)",
    elementwise=False,
    native=_clamped_native,
    mean_square=_clamped_square,
    aliases=("swiglu_clip",),
)
def clamped_swiglu(z: Tensor, dim: int = -1, limit: float = 10.0) -> Tensor:
    """A swiglu whose halves are cut at a limit: its product stays within limit^2."""
    a, b = halves(z, dim)
    return _cut(a, limit) * _silu_below(b, limit)


class ClampedSwiGLU(ActModule, act=clamped_swiglu):
    """`clamped_swiglu` as a module."""


@cache
def _oss_square(direction: str, dim: int = -1, alpha: float = 1.702, limit: float = 7.0) -> float:
    return _mean_square(
        direction,
        lambda a: _cut(a, limit) + 1,
        lambda b: _silu_below(b, limit, alpha),
        (-limit, limit),
    )


def _oss_native(z: Tensor, dim: int = -1, alpha: float = 1.702, limit: float = 7.0) -> Tensor:
    a, b = halves(z, dim)
    b = b.clamp(max=limit)
    return (_cut(a, limit) + 1) * b * torch.sigmoid(alpha * b)


@register(
    formula="(clamp(a, -limit, limit) + 1) * b' * sigmoid(alpha * b'), b' = min(b, limit)",
    family="gated",
    year=2025,
    reference="OpenAI, gpt-oss, 2025, arXiv:2508.10925",
    elementwise=False,
    native=_oss_native,
    mean_square=_oss_square,
    aliases=("gpt_oss_swiglu", "swigluoai"),
)
def oss_swiglu(z: Tensor, dim: int = -1, alpha: float = 1.702, limit: float = 7.0) -> Tensor:
    """gpt-oss' unit: a quick gelu of the gate, times the signal plus one, both cut at a limit."""
    a, b = halves(z, dim)
    return (_cut(a, limit) + 1) * _silu_below(b, limit, alpha)


class OssSwiGLU(ActModule, act=oss_swiglu):
    """`oss_swiglu` as a module."""


def _capped(z: Tensor, cap: float) -> Tensor:
    return cap * tanh(z / cap, exact=True)  # with its slope: torch's cancels


@cache
def _situ_square(
    direction: str, dim: int = -1, beta: float = 4.0, linear_beta: float = 25.0
) -> float:
    return _mean_square(
        direction, lambda a: _capped(a, linear_beta), lambda b: _capped(b, beta) * logistic(b)
    )


def _situ_native(z: Tensor, dim: int = -1, beta: float = 4.0, linear_beta: float = 25.0) -> Tensor:
    a, b = halves(z, dim)
    capped = beta * torch.tanh(b / beta)
    return linear_beta * torch.tanh(a / linear_beta) * (capped * torch.sigmoid(b))


@register(
    formula="linear_beta * tanh(a / linear_beta) * beta * tanh(b / beta) * sigmoid(b)",
    family="gated",
    year=2026,
    reference="Kimi Team, Kimi K3, 2026, arXiv:2607.24653",
    elementwise=False,
    native=_situ_native,
    mean_square=_situ_square,
    aliases=("situ", "situglu"),
)
def situ_glu(z: Tensor, dim: int = -1, beta: float = 4.0, linear_beta: float = 25.0) -> Tensor:
    """A swiglu with soft limits: its product stays within beta linear_beta, here 100."""
    a, b = halves(z, dim)
    return _capped(a, linear_beta) * (_capped(b, beta) * logistic(b))


class SiTUGLU(ActModule, act=situ_glu):
    """`situ_glu` as a module."""


def _power_gate(b: Tensor, m: float) -> Tensor:
    limits = torch.finfo(b.dtype)
    above = b.clamp(limits.smallest_normal, limits.max)  # where no branch has an infinite slope
    power = torch.exp(m * torch.log(above) / (torch.sqrt(above) + 1))
    return torch.where(b > 0, power * logistic(b), gated(b.clamp(max=0), b.clamp(max=0)))


@cache
def _powlu_square(direction: str, dim: int = -1, m: float = 3.0) -> float:
    return _mean_square(direction, lambda a: a, lambda b: _power_gate(b, m), (0.0,))


def _powlu_native(z: Tensor, dim: int = -1, m: float = 3.0) -> Tensor:
    a, b = halves(z, dim)
    return a * _power_gate(b, m)


@register(
    formula="a * sigmoid(b) * (b^(m / (sqrt(b) + 1)) if b > 0 else b), (a, b) the halves of z",
    family="gated",
    year=2026,
    reference="Jiang et al., PowLU, 2026, arXiv:2605.25704",
    elementwise=False,
    native=_powlu_native,
    mean_square=_powlu_square,
)
def powlu(z: Tensor, dim: int = -1, m: float = 3.0) -> Tensor:
    """A gated unit that grows as the signal alone far out: the power of the gate goes to 0."""
    a, b = halves(z, dim)
    return a * _power_gate(b, m)


class PowLU(ActModule, act=powlu):
    """`powlu` as a module."""


def _crelu_square(direction: str, dim: int = -1) -> float:
    return 0.5 if direction == "forward" else 1.0  # of its two outputs one passes the gradient on


@register(
    formula="(max(0, z), max(0, -z)) along one axis",
    family="gated",
    year=2016,
    reference="Shang et al., ICML 2016, arXiv:1603.05201",
    elementwise=False,
    mean_square=_crelu_square,
)
def crelu(z: Tensor, dim: int = -1) -> Tensor:
    """Both sides of z as two halves of an axis of twice the size: no unit can die."""
    return torch.cat((torch.relu(z), torch.relu(-z)), dim)


class CReLU(ActModule, act=crelu):
    """`crelu` as a module."""
