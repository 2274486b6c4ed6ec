"""Computes Mish and PReLU's backward faster than torch, which is not at the memory limit there."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from relume.acts.kernels.blocks import LEAST, block_size, by_torch, direct, flat, tiles

_aten: Any = torch.ops.aten

# --- Mish -----------------------------------------------------------------------------------------

_TOP = {torch.float32: 20.0, torch.float64: 40.0}  # beyond it f(z) is z, to the last bit
_LOW = {torch.float32: -87.0, torch.float64: -708.0}  # below it exp(z) is no normal number


def mish(z: Tensor, inplace: bool = False) -> Tensor:
    """z tanh(log(1 + exp(z))), with one exponential where torch calls three functions.

    f(z) = z / (1 + 1 / v) with v = e + e^2 / 2 and e = exp(z). Within 4 ULP in float32; below
    LEAST elements, and for anything but plain tensors on the CPU, it is torch's own.

    Args:
        z: any shape, floating.
        inplace: torch's own, into `z`.

    Returns:
        Shape, dtype and memory order of `z`.
    """
    if inplace or z.numel() < LEAST or not direct(z) or flat(z, z) is None:
        return functional.mish(z, inplace)
    return _mish.apply(z)


class RelumeMish(Function):
    """Mish over blocks; saves its input. The recorder reads it by this name."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        ctx.relume = {}
        return _over_blocks(_mish_value, z)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (z,), gradient = ctx.saved_tensors, gradients[0]
        if torch.is_grad_enabled() or not direct(z, gradient):
            return by_torch(functional.mish, (z,), (True,), gradient)[0]
        return _over_blocks(_mish_gradient, z, gradient)


_mish: Any = RelumeMish  # torch's `apply` has no types


def _over_blocks(into: Callable[..., None], like: Tensor, *more: Tensor) -> Tensor:
    """Return a tensor like `like`; ``into(out, buffers, like, *more)`` writes each block."""
    out = torch.empty_like(like)
    size = min(block_size(), like.numel())
    half = like.dtype not in _TOP
    if size == like.numel() and not half and like.is_contiguous():  # one block
        into(out, torch.empty(3, *like.shape, dtype=like.dtype).unbind(), like, *more)
        return out
    rows = [flat(each, like) for each in (out, like, *more)]
    work = torch.float32 if half else like.dtype
    buffers = torch.empty(3 + half * len(rows), size, dtype=work).unbind()
    for parts in _together(rows, size):
        if len(parts[0]) < size:
            size = len(parts[0])
            buffers = tuple(each[:size] for each in buffers)
        if half:  # the last buffers stand for the block's tensors, in float32
            wide = buffers[3:]
            for to, part in zip(wide[1:], parts[1:], strict=True):
                to.copy_(part)
            into(wide[0], buffers, *wide[1:])
            parts[0].copy_(wide[0])
        else:
            into(parts[0], buffers, *parts[1:])
    return out


def _together(rows: Sequence[Tensor | None], size: int) -> Iterator[tuple[Tensor, ...]]:
    """Return the same block of each of `rows`, block after block."""
    parts: list[Any] = [each.split(size) for each in rows if each is not None]
    return zip(*parts, strict=True)


def _mish_value(out: Tensor, buffers: tuple[Tensor, ...], z: Tensor) -> None:
    if not z.amin().item() >= _LOW[z.dtype]:  # NaN too
        return _mish_deep(out, z)
    torch.exp(z, out=out)  # where it overflows 1 / v is 0, and f(z) is z
    out.addcmul_(out, out, value=0.5).reciprocal_().add_(1)
    torch.div(z, out, out=out)
    return None


def _mish_gradient(out: Tensor, buffers: tuple[Tensor, ...], z: Tensor, gradient: Tensor) -> None:
    """g (v (v + 1) + z e (e + 1)) / (v + 1)^2."""
    if not z.amin().item() >= _LOW[z.dtype]:
        return _mish_deep(out, z, gradient)
    e, v, t = buffers[:3]
    torch.clamp(z, max=_TOP[z.dtype], out=t)
    torch.exp(t, out=e)
    torch.addcmul(e, e, e, value=0.5, out=v)
    t.mul_(e)
    t.addcmul_(t, e)  # z e (e + 1)
    torch.add(v, 1, out=e)
    t.addcmul_(v, e).div_(e).div_(e)
    torch.mul(gradient, t, out=out)
    return None


def _mish_deep(out: Tensor, z: Tensor, gradient: Tensor | None = None) -> None:
    """Compute a block in which exp(z) would lose its digits: in float64, by exp(z / 2)."""
    wide = z.double()
    c = wide.clamp(-1480, 40)
    root = torch.exp(c / 2)
    e = root * root
    d = e + e * e / 2 + 1
    if gradient is None:
        out.copy_(torch.where(wide > 40, wide, c * root * (root * (1 + e / 2) / d)))
        return
    slope = root * (root * ((1 + e / 2) * d + c * (e + 1)) / (d * d))
    torch.mul(gradient, slope.to(z.dtype), out=out)


# --- PReLU ----------------------------------------------------------------------------------------


def prelu(z: Tensor, weight: float | Tensor = 0.25) -> Tensor:
    """z above 0, weight z below; forward and its slope bit for bit torch's, the backward faster.

    Args:
        z: any shape, floating, with channels on axis 1 where there are as many weights.
        weight: a number, or one or one for each channel as a tensor of the dtype of `z`.

    Returns:
        Shape and dtype of `z`.

    Stability:
        The gradient of a weight is summed in float32 blocks whose sums are added in float64.
    """
    if not isinstance(weight, Tensor):
        return functional.leaky_relu(z, weight)
    if z.numel() < LEAST or not direct(z, weight) or z.dtype is not weight.dtype:
        return functional.prelu(z, weight)
    if weight.numel() == 1:
        fits = flat(z, z) is not None
    else:
        fits = z.dim() > 1 and weight.shape == z.shape[1:2] and _channels(z, z) is not None
    if not fits or not torch.is_grad_enabled() or not (z.requires_grad or weight.requires_grad):
        return functional.prelu(z, weight)
    return _prelu.apply(z, weight)


class RelumePrelu(Function):
    """PReLU over blocks; saves input and weight. The recorder reads it by this name."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(z, weight)
        ctx.relume = {"weight": None}
        if weight.numel() == 1:
            return functional.leaky_relu(z, weight.item())
        return functional.prelu(z, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (z, weight), gradient = ctx.saved_tensors, gradients[0]
        if torch.is_grad_enabled() or not direct(z, weight, gradient):
            wanted = ctx.needs_input_grad
            return by_torch(functional.prelu, (z, weight), wanted, gradient)
        pull = _pull_one if weight.numel() == 1 else _pull_channels
        into, total = pull(z, weight, gradient, *ctx.needs_input_grad)
        if total is not None and not math.isfinite(total.sum().item()):
            # an infinite gradient times a zero: torch selects where we multiply
            total = by_torch(functional.prelu, (z, weight), (False, True), gradient)[1]
        return into, total


_prelu: Any = RelumePrelu


def _pull_one(
    z: Tensor, weight: Tensor, gradient: Tensor, into_z: bool, into_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    slope, total, size = weight.item(), 0.0, block_size()
    out = torch.empty_like(z) if into_z else z
    if z.numel() <= size and z.is_contiguous() and gradient.is_contiguous():
        blocks: Any = ((z.view(-1), gradient.view(-1), out.view(-1)),)
    else:
        rows = [flat(each, z) for each in (z, gradient, out)]
        blocks = _together(rows, size)
    wide = z.dtype in _TOP
    low = torch.empty(min(size, z.numel()), dtype=z.dtype if wide else torch.float32)
    for part, pull, to in blocks:
        if into_z:
            _aten.leaky_relu_backward.grad_input(pull, part, slope, False, grad_input=to)
        if into_weight:
            if len(part) < len(low):
                low = low[: len(part)]
            torch.clamp_max(part if wide else part.float(), 0.0, out=low)
            total += torch.dot(low, pull if wide else pull.float()).item()
    return out if into_z else None, torch.full_like(weight, total) if into_weight else None


def _channels(tensor: Tensor, like: Tensor) -> Tensor | None:
    """Return `tensor` as (rows, channels, depth), a view where laid out as `like`; None: gaps."""
    if like.is_contiguous():
        return tensor.contiguous().view(like.shape[0], like.shape[1], -1)
    if like.movedim(1, -1).is_contiguous():  # channels last in memory
        return tensor.movedim(1, -1).contiguous().view(-1, like.shape[1], 1)
    return None


def _pull_channels(
    z: Tensor, weight: Tensor, gradient: Tensor, into_z: bool, into_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    out = torch.empty_like(z)
    views = [_channels(each, z) for each in (z, gradient, out)]
    x, g, to = (each for each in views if each is not None)
    rows, channels, depth = x.shape
    work = z.dtype if z.dtype in _TOP else torch.float32
    slopes, one = weight.to(work)[:, None], torch.ones((), dtype=work)  # (channels, 1)
    spread = slopes[:0]
    total = torch.zeros(channels, dtype=torch.float64)
    for row, column in tiles(rows, channels, depth, block_size()):
        at, pull = x[row, column].to(work), g[row, column].to(work)  # (rows, channels, depth)
        if into_z:  # lerp gives its ends exactly: the slope is the weight, or 1
            if spread.shape != at.shape:  # written out: lerp is slow along a stride of 0
                spread = slopes[column].expand(at.shape).contiguous()
            up = torch.gt(at, 0, out=torch.empty_like(at))
            slope = torch.lerp(spread, one, up, out=up)
            to[row, column] = slope.mul_(pull)
        if into_weight:
            total[column] += at.clamp(max=0).mul_(pull).sum((0, 2), dtype=work)
    return out if into_z else None, total.to(weight.dtype) if into_weight else None
