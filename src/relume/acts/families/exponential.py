"""Acts that are straight above 0 and saturate exponentially below."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node, register
from relume.acts.kernels.stable_math import keep_nan
from relume.acts.module import ActModule

SELU_ALPHA = 1.6732632423543772848170429916717  # the fixed point of mean 0, variance 1
SELU_SCALE = 1.0507009873554804934193349852946  # both to the digits of the paper's appendix


def _elu_native(
    z: Tensor,
    alpha: float = 1.0,
    scale: float = 1.0,
    input_scale: float = 1.0,
    inplace: bool = False,
) -> Tensor:
    if scale == 1 and input_scale == 1:
        return functional.elu(z, alpha, inplace)
    aten = torch.ops.aten.elu_ if inplace else torch.ops.aten.elu
    return aten(z, alpha, scale, input_scale)


def _elu_slope(
    z: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Tensor:
    low = scale * alpha * input_scale * torch.exp(input_scale * z.clamp(max=0))
    return torch.where(z > 0, torch.full_like(z, scale), low)


def _elu_curvature(
    z: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Tensor:
    low = scale * alpha * input_scale**2 * torch.exp(input_scale * z.clamp(max=0))
    return torch.where(z > 0, torch.zeros_like(z), low)


def _elu_slope_of_post(
    h: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Tensor:
    return torch.where(h > 0, torch.full_like(h, scale), input_scale * (h + scale * alpha))


def _elu_variant(parameters: Mapping[str, Any]) -> str | None:
    return "selu" if abs(parameters["scale"] - SELU_SCALE) < 1e-6 else None


def _elu_kinks(alpha: float, scale: float, input_scale: float) -> tuple[float, ...]:
    return () if alpha * input_scale == 1 else (0.0,)


_SAVED = {"alpha": "_saved_alpha", "scale": "_saved_scale", "input_scale": "_saved_input_scale"}


@register(
    formula="scale * z if z > 0 else scale * alpha * (exp(input_scale * z) - 1)",
    family="smooth",
    year=2015,
    reference="Clevert, Unterthiner & Hochreiter, ICLR 2016, arXiv:1511.07289",
    native=_elu_native,
    slope=_elu_slope,
    slope_of_post=_elu_slope_of_post,
    curvature=_elu_curvature,
    kink="slope scale * alpha * input_scale at 0",
    kinks=_elu_kinks,
    nodes=(
        Node("EluBackward0", "_saved_self", parameters=_SAVED),
        Node("EluBackward1", "_saved_result", "post", _SAVED),
    ),
    variant=_elu_variant,
    matches=("torch.nn.ELU", "torch.nn.functional.elu", "torch.nn.functional.elu_"),
)
def elu(z: Tensor, alpha: float = 1.0, *, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    """z above 0, alpha (exp(z) - 1) below; selu and celu are elu at other parameters."""
    low = scale * alpha * torch.expm1(input_scale * z.clamp(max=0))
    return torch.where(z > 0, scale * z, low)


class ELU(ActModule, act=elu):
    """`elu` as a module."""


def _selu_slope(z: Tensor) -> Tensor:
    return _elu_slope(z, SELU_ALPHA, SELU_SCALE)


def _selu_curvature(z: Tensor) -> Tensor:
    return _elu_curvature(z, SELU_ALPHA, SELU_SCALE)


@register(
    formula="scale * (z if z > 0 else alpha * (exp(z) - 1)), alpha 1.6733, scale 1.0507",
    family="smooth",
    year=2017,
    reference="Klambauer et al., NeurIPS 2017, arXiv:1706.02515",
    native=functional.selu,
    slope=_selu_slope,
    curvature=_selu_curvature,
    kink="slope scale * alpha at 0",
    kinks=lambda: (0.0,),  # no node: the graph shows elu, whose variant this is
    matches=(
        "torch.nn.SELU",
        "torch.nn.functional.selu",
        "torch.nn.functional.selu_",
        "torch.selu",
        "torch.selu_",
    ),
    init=("lecun",),
)
def selu(z: Tensor) -> Tensor:
    """The elu that keeps mean 0 and variance 1 from layer to layer."""
    return SELU_SCALE * (z.clamp(min=0) + SELU_ALPHA * torch.expm1(z.clamp(max=0)))


class SELU(ActModule, act=selu):
    """`selu` as a module."""


def _celu_slope(z: Tensor, alpha: float = 1.0) -> Tensor:
    return torch.exp(z.clamp(max=0) / alpha)


def _celu_curvature(z: Tensor, alpha: float = 1.0) -> Tensor:
    low = torch.exp(z.clamp(max=0) / alpha) / alpha
    return torch.where(z > 0, keep_nan(z, torch.zeros_like(z)), low)


@register(
    formula="max(0, z) + min(0, alpha * (exp(z / alpha) - 1))",
    family="smooth",
    year=2017,
    reference="Barron, 2017, arXiv:1704.07483",
    native=functional.celu,
    slope=_celu_slope,
    curvature=_celu_curvature,
    nodes=(Node("CeluBackward0", "_saved_self", parameters={"alpha": "_saved_alpha"}),),
    matches=(
        "torch.nn.CELU",
        "torch.nn.functional.celu",
        "torch.nn.functional.celu_",
        "torch.celu",
        "torch.celu_",
    ),
)
def celu(z: Tensor, alpha: float = 1.0) -> Tensor:
    """An elu whose slope has no kink at any alpha."""
    return z.clamp(min=0) + alpha * torch.expm1(z.clamp(max=0) / alpha)


class CELU(ActModule, act=celu):
    """`celu` as a module."""
