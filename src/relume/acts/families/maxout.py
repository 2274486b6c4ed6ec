"""Maxout: the largest of several linear pieces, as an act over an axis.

Pieces lie one behind the other (piece-major): one product gives (.., pieces * units), and
(.., pieces, units) is a view of it. The largest is taken over blocks in the cache, and only the
number of the winning piece is kept for backward, one byte a unit.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from relume.acts.act import Node, register
from relume.acts.gain import normal_mean
from relume.acts.kernels.blocks import block_size, direct, eager, tiles
from relume.acts.module import ActModule
from relume.errors import UsageError

MOST_PIECES = 128  # winners are kept in one signed byte, to which torch converts vectorised
_BITS = 8  # so many pieces fit the bits: adding a bit is one pass, keeping a number two

_aten: Any = torch.ops.aten


def _valid_dim(z: Tensor, pieces: int, dim: int) -> int:
    """Return `dim`, not negative, if `z` can be cut into `pieces` along it."""
    if not 2 <= pieces <= MOST_PIECES:
        raise UsageError(f"maxout takes 2 to {MOST_PIECES} pieces, got {pieces!r}.")
    if not -z.dim() <= dim < z.dim():
        raise UsageError(f"maxout over dim {dim} needs that axis; the input has {z.dim()}.")
    if z.shape[dim] % pieces:
        raise UsageError(
            f"axis {dim} of the input has {z.shape[dim]} entries, which {pieces} pieces do not "
            "share evenly."
        )
    return dim % z.dim()


def _cut(z: Tensor, pieces: int, dim: int) -> list[Tensor]:
    return list(z.chunk(pieces, dim))


def _largest(z: Tensor, pieces: int, dim: int) -> Tensor:
    """Return the largest piece by plain operations: for compiled code, `torch.func` and second
    derivatives."""
    first, *rest = _cut(z, pieces, dim)
    for piece in rest:
        # `first > piece` alone would lose a NaN; the first NaN wins, as in torch.max
        wins = (piece > first) | (piece.isnan() & ~first.isnan())
        first = torch.where(wins, piece, first)
    return first


def _native(z: Tensor, pieces: int = 2, dim: int = -1) -> Tensor:
    dim = _valid_dim(z, pieces, dim)
    return _function.apply(z, pieces, dim) if eager(z) else _largest(z, pieces, dim)


class RelumeMaxout(Function):
    """Maxout; saves the winners, int8, in the shape of the output.

    It also saves the output, for the recorder; that costs no memory where the next layer saves it
    too.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, pieces: int, dim: int) -> Tensor:
        value, winners = (_blocks if direct(z) else _at_once)(z, pieces, dim)
        ctx.save_for_backward(value, winners)
        ctx.pieces, ctx.dim, ctx.relume = pieces, dim, {}
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (_, winners), gradient = ctx.saved_tensors, gradients[0]
        if torch.is_grad_enabled() or not direct(gradient):
            return _spread(gradient, winners, ctx.pieces, ctx.dim), None, None
        return _spread_blocks(gradient, winners, ctx.pieces, ctx.dim), None, None


_function: Any = RelumeMaxout  # torch's `apply` has no types


def _bounds(place: int, pieces: int) -> tuple[float, float]:
    """Return the two numbers between which a unit's byte lies if this piece won."""
    if pieces > _BITS:
        return place - 0.5, place + 0.5
    return (2.0 ** (place - 1) - 0.5, 2.0**place - 0.5) if place else (-0.5, 0.5)


def _bytes(place: Tensor, pieces: int) -> Tensor:
    """Return the byte for the number of a winner."""
    return place if pieces > _BITS else torch.exp2(place.float() - 1).floor()


def _at_once(z: Tensor, pieces: int, dim: int) -> tuple[Tensor, Tensor]:
    largest, *rest = _cut(z, pieces, dim)
    place = torch.zeros_like(largest, dtype=torch.int8)
    for number, piece in enumerate(rest, 1):
        wins = (piece > largest) | (piece.isnan() & ~largest.isnan())
        place.masked_fill_(wins, number)
        largest = torch.maximum(largest, piece)
    return largest, _bytes(place, pieces).to(torch.int8)


def _spread(gradient: Tensor, winners: Tensor, pieces: int, dim: int) -> Tensor:
    """Return the gradient at its winners and 0 elsewhere; linear, so differentiable."""
    parts: list[Tensor] = []
    for place in range(pieces):
        low, high = _bounds(place, pieces)
        parts.append(gradient.masked_fill((winners < low) | (winners > high), 0))
    return torch.cat(parts, dim)


def _contiguous_axis(z: Tensor, dim: int) -> int | None:
    """Return the axis to which `dim` must move so that `z` is contiguous; None: there is none."""
    if z.is_contiguous():
        return dim
    return -1 if z.movedim(dim, -1).is_contiguous() else None  # channels last


def _blocks(z: Tensor, pieces: int, dim: int) -> tuple[Tensor, Tensor]:
    place = _contiguous_axis(z, dim)
    if place is None:
        z, place = z.contiguous(), dim
    lying = z.movedim(dim, place)
    at = place % z.dim()
    shape = (*lying.shape[:at], lying.shape[at] // pieces, *lying.shape[at + 1 :])
    value = torch.empty(shape, dtype=z.dtype)
    winners = torch.empty(shape, dtype=torch.int8)
    outer, inner = math.prod(shape[:at]), math.prod(shape[at:])
    flat = lying.reshape(outer, pieces, inner)
    for piece, best, won in _tiled(flat, value.view(outer, inner), winners.view(outer, inner)):
        _take(piece, best, won)
    return value.movedim(place, dim), winners.movedim(place, dim)


def _tiled(
    flat: Tensor, first: Tensor, second: Tensor
) -> Iterator[tuple[Sequence[Tensor], Tensor, Tensor]]:
    """Yield blocks of (outer, pieces, inner) by piece, and the same of two of (outer, inner)."""
    outer, _, inner = flat.shape
    if outer * inner <= block_size():
        yield flat.unbind(1), first, second
        return
    for row, column in tiles(outer, inner, 1, block_size()):
        yield flat[row, :, column].unbind(1), first[row, column], second[row, column]


def _take(pieces: Sequence[Tensor], best: Tensor, winners: Tensor) -> None:
    """Write the largest of a block and the winners, counted in the float type: torch vectorises its
    comparisons, not those of bool."""
    number = torch.gt(pieces[1], pieces[0], out=torch.empty_like(best))
    up = torch.empty_like(best) if len(pieces) > 2 else best
    torch.maximum(pieces[0], pieces[1], out=best)
    for place, piece in enumerate(pieces[2:], 2):
        torch.gt(piece, best, out=up)
        if len(pieces) > _BITS:
            torch.maximum(number, up.mul_(place), out=number)
        else:
            torch.add(number, up, alpha=2 ** (place - 1), out=number)
        torch.maximum(best, piece, out=best)
    winners.copy_(number)
    if not math.isfinite(best.sum().item()):  # a comparison with NaN is false: who won?
        place = torch.stack(tuple(pieces)).max(0).indices
        winners.copy_(_bytes(place, len(pieces)))


def _spread_blocks(gradient: Tensor, winners: Tensor, pieces: int, dim: int) -> Tensor:
    place = _contiguous_axis(winners, dim)
    assert place is not None  # as `_blocks` made them
    lying = winners.movedim(dim, place)
    at = place % lying.dim()
    outer, inner = math.prod(lying.shape[:at]), math.prod(lying.shape[at:])
    shape = (*lying.shape[:at], lying.shape[at] * pieces, *lying.shape[at + 1 :])
    into = torch.empty(shape, dtype=gradient.dtype)
    flat = into.view(outer, pieces, inner)
    flat_gradient = gradient.movedim(dim, place).contiguous().view(outer, inner)
    for piece, pull, won in _tiled(flat, flat_gradient, lying.view(outer, inner)):
        number = torch.empty(won.shape, dtype=pull.dtype).copy_(won)
        for which, to in enumerate(piece):
            # the gradient between the bounds, else 0: torch's fastest selection
            bounds = _bounds(which, pieces)
            _aten.hardtanh_backward.grad_input(pull, number, *bounds, grad_input=to)
    return into.movedim(place, dim)


@cache
def mean_square(direction: str, pieces: int = 2, dim: int = -1) -> float:
    """E max^2 of `pieces` standard normals; backward 1: of a unit's rows of the weight one passes
    the gradient whole, so that fan_out counts units, not rows."""
    if direction == "backward":
        return 1.0

    def density(z: Tensor) -> Tensor:  # of the largest of k, over that of one: k Phi(z)^(k - 1)
        below = 0.5 * torch.erfc(-z / math.sqrt(2))
        return pieces * below ** (pieces - 1) * z * z

    return normal_mean(density)


@register(
    formula="max(z_1, .., z_k), the k pieces of z along one axis",
    family="maxout",
    year=2013,
    reference="Goodfellow et al., ICML 2013, arXiv:1302.4389",
    elementwise=False,
    native=_native,
    kink="where pieces are equal the first wins",
    mean_square=mean_square,
    nodes=(Node("RelumeMaxoutBackward", "saved_tensors", "post", parameters=None),),
)
def maxout(z: Tensor, pieces: int = 2, dim: int = -1) -> Tensor:
    """The largest of `pieces` equal parts of z along `dim`, part after part (piece-major).

    Args:
        z: floating, with pieces * units entries on `dim`.
        pieces: 2 to 128.
        dim: the axis.

    Returns:
        The shape of z with units entries on `dim`.

    Raises:
        UsageError: the axis is not there or cannot be shared evenly, or too many pieces.
    """
    return _largest(z, pieces, _valid_dim(z, pieces, dim))


class MaxPieces(ActModule, act=maxout):
    """`maxout` as a module without weights; `Maxout` is the layer."""
