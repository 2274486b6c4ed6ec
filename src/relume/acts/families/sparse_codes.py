"""Acts of sparse autoencoders: most latents are set to 0, and the gradient is declared."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from relume.acts.act import register
from relume.acts.kernels.stable_math import flat, keep_nan
from relume.acts.module import ActModule

Number = float | Tensor
_LEAST = 2.0**-10  # the paper's 0.001, rounded to a number that every floating type holds


@register(
    formula="z where it is one of the k largest along an axis, else 0",
    family="sparse",
    year=2024,
    reference="Gao et al., 2024, arXiv:2406.04093; Makhzani & Frey, 2013, arXiv:1312.5663",
    elementwise=False,
    aliases=("topk",),
)
def top_k(z: Tensor, k: int = 32, dim: int = -1) -> Tensor:
    """The k largest along `dim`; the gradient passes through these alone, the choice has none."""
    if z.dim() == 0:
        return z.clone()
    kept = z.topk(min(k, z.shape[dim]), dim)
    return torch.zeros_like(z).scatter(dim, kept.indices, kept.values)


class TopK(ActModule, act=top_k):
    """`top_k` as a module."""


@register(
    formula="z where it is one of the k * rows largest of the whole batch, else 0",
    family="sparse",
    year=2024,
    reference="Bussmann et al., 2024, arXiv:2412.06410",
    elementwise=False,
    aliases=("batchtopk",),
)
def batch_top_k(z: Tensor, k: int = 32) -> Tensor:
    """The k largest a row on average, chosen over all rows at once, the last axis being a row.

    One row alone would keep k: after training a fixed threshold (`jump_relu`) stands for it.
    """
    if z.numel() == 0 or z.dim() == 0:
        return z.clone()
    rows = z.numel() // z.shape[-1]
    kept = z.reshape(-1).topk(min(k * rows, z.numel()))
    return torch.zeros_like(z).reshape(-1).scatter(0, kept.indices, kept.values).reshape(z.shape)


class BatchTopK(ActModule, act=batch_top_k):
    """`batch_top_k` as a module."""


class _Jump(Function):
    """z where it is above the threshold; the threshold learns by a kernel of one bandwidth."""

    @staticmethod
    def forward(z: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        del bandwidth
        return torch.where(z <= threshold, torch.zeros_like(z), z)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        z, threshold, ctx.bandwidth = inputs
        ctx.save_for_backward(z, threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        (gradient,) = gradients
        z, threshold = ctx.saved_tensors
        near = ((z - threshold).abs() < ctx.bandwidth / 2).to(z.dtype)
        pull = -threshold / ctx.bandwidth * near * gradient
        return gradient * (z > threshold), pull.sum_to_size(threshold.shape), None


def _jump_kinks(threshold: Number, bandwidth: float) -> tuple[float, ...]:
    return (float(threshold),)


def _jump_slope(z: Tensor, threshold: Number = _LEAST, bandwidth: float = 0.001) -> Tensor:
    return keep_nan(z, (z > threshold).to(z.dtype))


@register(
    formula="z if z > threshold else 0, threshold learned",
    family="sparse",
    year=2024,
    reference="Rajamanoharan et al., 2024, arXiv:2407.14435; Erichson et al., arXiv:1904.03750",
    slope=_jump_slope,
    curvature=flat,
    declared_max_slope=1.0,
    learnable=("threshold",),
    kink="slope 0 at the threshold, where the value jumps",
    kinks=_jump_kinks,
    aliases=("jumprelu",),
)
def jump_relu(z: Tensor, threshold: Number = _LEAST, bandwidth: float = 0.001) -> Tensor:
    """z above the threshold, 0 below.

    The threshold's true gradient is 0; it trains by the declared one, -threshold / bandwidth
    within half a bandwidth of the threshold and 0 elsewhere.
    """
    if isinstance(threshold, Tensor):
        jump = cast("Callable[..., Tensor]", _Jump.apply)
        return jump(z, threshold, bandwidth)
    return torch.where(z <= threshold, torch.zeros_like(z), z)


class JumpReLU(ActModule, act=jump_relu):
    """`jump_relu` as a module."""
