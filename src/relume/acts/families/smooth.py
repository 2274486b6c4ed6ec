"""Smooth rectifiers: z times a squashed z.

Maximal slopes are closed forms or roots of f'' (see each record).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node, register
from relume.acts.kernels import fused_cpu
from relume.acts.kernels.stable_math import (
    FAR,
    bell,
    finite,
    gated,
    gated_curvature,
    gated_slope,
    half_erfcx,
    phi_high,
)
from relume.acts.module import ActModule
from relume.acts.wide_precision import make_function

_ROOT = math.sqrt(2 / math.pi)
_CUBE = 0.044715  # the tanh form's constant, from the paper
_PEAK = 1 / math.sqrt(2 * math.pi)


def _cubic(z: Tensor) -> Tensor:
    """The argument of the tanh form as a sigmoid: 1 + tanh(u) is 2 sigmoid(2 u)."""
    return 2 * _ROOT * (z + _CUBE * z * z * z)


def _gelu_slope(z: Tensor, approximate: str = "none") -> Tensor:
    z = z.clamp(-40, 40)  # where both forms have long arrived at 0 and 1
    if approximate == "tanh":
        return gated_slope(_cubic(z), 2 * _ROOT * z * (1 + 3 * _CUBE * z * z))
    # below 0 Phi(z) + z phi(z) is the product of exp(-z^2 / 2) and a sum that is not small
    low = bell(z.clamp(max=0), half_erfcx(z) + _PEAK * z.clamp(max=0))
    high = phi_high(z) + bell(z.clamp(min=0), _PEAK * z.clamp(min=0))
    return torch.where(z < 0, low, high)


def _gelu_curvature(z: Tensor, approximate: str = "none") -> Tensor:
    z = z.clamp(-40, 40)
    if approximate == "tanh":
        t, rate = _cubic(z), 2 * _ROOT * (1 + 3 * _CUBE * z * z)
        bend = 2 * _ROOT * 6 * _CUBE * z
        return gated_curvature(t, 2 * rate + z * bend - z * rate * rate * torch.tanh(t / 2))
    return bell(z, _PEAK * (2 - z * z))


@register(
    formula="z * Phi(z), Phi the standard normal distribution",
    family="smooth",
    year=2016,
    reference="Hendrycks & Gimpel, 2016, arXiv:1606.08415",
    native=functional.gelu,
    slope=_gelu_slope,
    curvature=_gelu_curvature,
    declared_max_slope=1.128904,  # Phi(sqrt 2) + sqrt 2 * phi(sqrt 2): f'' = 0 at z = sqrt 2
    nodes=(Node("GeluBackward0", "_saved_self", parameters={"approximate": "_saved_approximate"}),),
    matches=(
        "torch.nn.GELU",
        "torch.nn.functional.gelu",
        "transformers.activations.GELUActivation",
        "timm.layers.activations.GELU",
        "timm.layers.activations.GELUTanh(approximate='tanh')",
        "transformers.activations.GELUTanh(approximate='tanh')",
        "transformers.activations.PytorchGELUTanh(approximate='tanh')",
        "transformers.activations.NewGELUActivation(approximate='tanh')",
        "transformers.activations.FastGELUActivation(approximate='tanh')",
        "transformers.activations.AccurateGELUActivation(approximate='tanh')",
    ),
    aliases=(
        "gelu_tanh(approximate='tanh')",
        "gelu_new(approximate='tanh')",
        "gelu_fast(approximate='tanh')",
        "gelu_pytorch_tanh(approximate='tanh')",
        "gelu_accurate(approximate='tanh')",
    ),
)
def gelu(z: Tensor, approximate: str = "none") -> Tensor:
    """z Phi(z); with ``approximate="tanh"`` Phi(z) is (1 + tanh(u)) / 2, u a cubic in z."""
    if approximate == "tanh":
        return gated(z, _cubic(z.clamp(-1e4, 1e4)))
    low = z.clamp(-40, 0)
    return z.clamp(min=0) * phi_high(z) + bell(low, low * half_erfcx(low))


class GELU(ActModule, act=gelu):
    """`gelu` as a module.

    Example:
        >>> import torch
        >>> from relume.acts import GELU
        >>> z = torch.tensor([-6.5], requires_grad=True)
        >>> GELU(exact=True)(z).backward()  # torch's own slope is 0 here
        >>> f"{z.grad.item():.6e}"
        '-1.695052e-09'
    """


_QUICK = 1.702


def _quick_slope(z: Tensor) -> Tensor:
    t = _QUICK * z.clamp(-FAR, FAR)
    return gated_slope(t, t)


def _quick_curvature(z: Tensor) -> Tensor:
    t = _QUICK * z.clamp(-FAR, FAR)
    return gated_curvature(t, _QUICK * (2 - t * torch.tanh(t / 2)))


def _quick_fast(z: Tensor) -> Tensor:
    return z * torch.sigmoid(_QUICK * z)


def _quick_fast_slope(z: Tensor) -> Tensor:
    t = (_QUICK * z).clamp(-FAR, FAR)  # infinity times 1 - 1 is NaN
    squashed = torch.sigmoid(t)
    return squashed * (1 + t * (1 - squashed))


# the plain formulas, a third of the passes (see `swish`)
_quick_function = make_function("quick_gelu", (), _quick_fast, _quick_fast_slope, _quick_curvature)


def _quick_native(z: Tensor) -> Tensor:
    return _quick_function.apply(False, z)


@register(
    formula="z * sigmoid(1.702 * z)",
    family="smooth",
    year=2016,
    reference="Hendrycks & Gimpel, 2016, arXiv:1606.08415",
    native=_quick_native,
    slope=_quick_slope,
    curvature=_quick_curvature,
    declared_max_slope=1.099839,  # silu's: a change of scale leaves the slopes
    matches=(
        "transformers.activations.QuickGELUActivation",
        "timm.layers.activations.QuickGELU",
    ),
    aliases=("gelu_quick", "quickgelu"),
)
def quick_gelu(z: Tensor) -> Tensor:
    """z sigmoid(1.702 z): a gelu within 0.02."""
    return gated(z, _QUICK * finite(z))


class QuickGELU(ActModule, act=quick_gelu):
    """`quick_gelu` as a module."""


def _silu_slope(z: Tensor) -> Tensor:
    t = z.clamp(-FAR, FAR)
    return gated_slope(t, t)


def _silu_curvature(z: Tensor) -> Tensor:
    t = z.clamp(-FAR, FAR)
    return gated_curvature(t, 2 - t * torch.tanh(t / 2))


@register(
    formula="z * sigmoid(z)",
    family="smooth",
    year=2017,
    reference="Elfwing et al., 2017, arXiv:1702.03118; Ramachandran et al., arXiv:1710.05941",
    native=functional.silu,
    slope=_silu_slope,
    curvature=_silu_curvature,
    declared_max_slope=1.099839,  # at z = 2.399357, the root of f''
    nodes=(Node("SiluBackward0", "_saved_self"),),
    matches=(
        "torch.nn.SiLU",
        "torch.nn.functional.silu",
        "transformers.activations.SiLUActivation",
        "timm.layers.activations.Swish",
        "diffusers.models.activations.FP32SiLU",
    ),
)
def silu(z: Tensor) -> Tensor:
    """z sigmoid(z): the swish with beta 1."""
    return gated(z, z)


class SiLU(ActModule, act=silu):
    """`silu` as a module."""


def _mish_slope(z: Tensor) -> Tensor:
    """tanh(s) + z s' sech^2(s) for s = log(1 + exp(z)), as a rational function of exp(-abs z)."""
    z = z.clamp(-FAR, FAR)
    root = torch.exp(-z.abs() / 2)
    q = root * root
    below = q * q + 2 * q + 2  # in p = exp(z), for z < 0
    low = ((q + 2) * below + 4 * z * (1 + q)) * root * root / (below * below)
    above = 1 + 2 * q + 2 * q * q  # in q = exp(-z)
    high = ((1 + 2 * q) * above + 4 * z * q * q * (1 + q)) / (above * above)
    return torch.where(z < 0, low, high)


def _mish_curvature(z: Tensor) -> Tensor:
    z = z.clamp(-FAR, FAR)
    root = torch.exp(-z.abs() / 2)
    q = root * root
    below = q * q + 2 * q + 2
    low = 8 * (1 + q) * below + 4 * z * (2 + 2 * q - 3 * q * q - 2 * q * q * q)
    above = 1 + 2 * q + 2 * q * q
    high = 8 * (1 + q) * above + 4 * z * (2 * q * q * q + 2 * q * q - 3 * q - 2)
    return torch.where(
        z < 0,
        low * root * root / (below * below * below),
        high * root * root * q / (above * above * above),
    )


@register(
    formula="z * tanh(log(1 + exp(z)))",
    family="smooth",
    year=2019,
    reference="Misra, BMVC 2020, arXiv:1908.08681",
    native=fused_cpu.mish,
    slope=_mish_slope,
    curvature=_mish_curvature,
    declared_max_slope=1.088498,  # at z = 1.490477, a root of f''
    nodes=(Node("MishBackward0", "_saved_self"),),
    matches=(
        "torch.nn.Mish",
        "torch.nn.functional.mish",
        "transformers.activations.MishActivation",
        "timm.layers.activations.Mish",
    ),
)
def mish(z: Tensor) -> Tensor:
    """z tanh(softplus(z)), as z times a rational function of exp(-abs z)."""
    root = torch.exp(-z.abs() / 2)
    q = root * root
    low = z.clamp(-FAR, 0) * root * root * (q + 2) / (q * q + 2 * q + 2)
    return low + z.clamp(min=0) * (1 + 2 * q) / (1 + 2 * q + 2 * q * q)


class Mish(ActModule, act=mish):
    """`mish` as a module."""
