"""Relatives of softmax: with exact zeros, or with a share that goes nowhere."""

from typing import Any

import torch
from torch import Tensor

from relume.acts.act import register
from relume.acts.module import ActModule
from relume.acts.wide_precision import function_class


def _ranks(z: Tensor) -> Tensor:
    """1, 2, .. along the last axis."""
    return torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)


def _sparsemax(z: Tensor) -> Tensor:
    ordered = z.sort(-1, descending=True).values
    count = _ranks(z)
    inside = 1 + count * ordered > ordered.cumsum(-1)
    many = inside.sum(-1, keepdim=True)
    chosen = torch.where(count <= many, ordered, torch.zeros_like(ordered))
    return (z - (chosen.sum(-1, keepdim=True) - 1) / many).clamp(min=0)


def _entmax15(z: Tensor) -> Tensor:
    half = z / 2
    ordered = half.sort(-1, descending=True).values
    count = _ranks(z)
    # the mean and the sum of squared deviations of the first 1, 2, .. entries
    mean = ordered.cumsum(-1) / count
    spread = (ordered * ordered).cumsum(-1) - count * mean * mean
    level = mean - ((1 - spread) / count).clamp(min=0).sqrt()
    many = (level <= ordered).sum(-1, keepdim=True)
    return (half - level.gather(-1, many - 1)).clamp(min=0).square()


def _made(title: str, forward_of: Any, weight_of: Any) -> Any:
    """Make the autograd function of an entmax: its Jacobian is diag(s) - s s^T / sum s."""

    def forward(z: Tensor, dim: int) -> Tensor:
        last = z.movedim(dim, -1)
        last = last - last.amax(-1, keepdim=True)  # nothing changes, and no large sum is taken
        return forward_of(last).movedim(-1, dim)

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.dim = inputs[1]
        ctx.save_for_backward(output)

    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        (post,) = ctx.saved_tensors
        weight = weight_of(post)
        mean = (gradient * weight).sum(ctx.dim, keepdim=True) / weight.sum(ctx.dim, keepdim=True)
        return weight * (gradient - mean), None

    return function_class(title, forward, backward, setup_context)


def _support(post: Tensor) -> Tensor:
    return (post > 0).to(post.dtype)


def _root(post: Tensor) -> Tensor:
    # by where: the root's own slope at 0 is infinite, and a second derivative passes here
    above = post > 0
    return torch.where(above, torch.where(above, post, torch.ones_like(post)).sqrt(), 0.0)


_Sparsemax = _made("Sparsemax", _sparsemax, _support)
_Entmax15 = _made("Entmax15", _entmax15, _root)


@register(
    formula="max(0, z_i - t), t such that the sum is 1",
    family="output",
    year=2016,
    reference="Martins & Astudillo, ICML 2016, arXiv:1602.02068",
    elementwise=False,
)
def sparsemax(z: Tensor, dim: int = -1) -> Tensor:
    """The nearest point of the simplex along `dim`: a softmax with exact zeros."""
    return _Sparsemax.apply(z, dim)


class Sparsemax(ActModule, act=sparsemax):
    """`sparsemax` as a module."""


@register(
    formula="max(0, z_i / 2 - t)^2, t such that the sum is 1",
    family="output",
    year=2019,
    reference="Peters, Niculae & Martins, ACL 2019, arXiv:1905.05702",
    elementwise=False,
    aliases=("entmax_1_5",),
)
def entmax15(z: Tensor, dim: int = -1) -> Tensor:
    """The 1.5-entmax along `dim`, halfway between softmax and sparsemax."""
    return _Entmax15.apply(z, dim)


class Entmax15(ActModule, act=entmax15):
    """`entmax15` as a module."""


@register(
    formula="exp(z_i) / (exp(sink) + sum_j exp(z_j))",
    family="output",
    year=2023,
    reference="Xiao et al., ICLR 2024, arXiv:2309.17453; OpenAI, gpt-oss, 2025, arXiv:2508.10925",
    elementwise=False,
    aliases=("softmax1", "softmax_one", "quiet_softmax"),
)
def sink_softmax(z: Tensor, dim: int = -1, sink: float = 0.0) -> Tensor:
    """A softmax that may attend to nothing: one more logit takes a share, and is left out."""
    top = z.amax(dim, keepdim=True).clamp(min=sink).detach()
    top = torch.where(top.isinf(), torch.full_like(top, sink), top)
    raised = torch.exp(z - top)
    return raised / (torch.exp(sink - top) + raised.sum(dim, keepdim=True))


class SinkSoftmax(ActModule, act=sink_softmax):
    """`sink_softmax` as a module."""
