"""Layers of maxout units: linear, and convolutions over one and two dimensions."""

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from relume.acts.families.maxout import MOST_PIECES, maxout, mean_square
from relume.errors import UsageError


class Maxout(nn.Module):
    """A layer of maxout units: ``h_u = max_p (w_pu . x + b_pu)``, by one product.

    With a second piece of zeros it is a ReLU layer, with a multiple of the first a leaky one. It
    does not saturate and no unit dies, but a piece can be dead: see `piece_shares`.

    Args:
        in_features, out_features: of one unit's input, and how many units.
        pieces: how many linear pieces a unit has, 2 to 128; each costs a layer's weights.
        bias: whether pieces have biases.
        device, dtype: of the parameters.

    Shape:
        (.., in_features) in, (.., out_features) out.

    Attributes:
        weight: (pieces * out_features, in_features), all first pieces, then all second ones.
        bias: (pieces * out_features), or None.

    Weights start from N(0, gain^2 / in_features), gain = `relume.gain` of the act (1 at 2 pieces,
    0.80 at 4), so that the mean square of the signal is kept; biases at 0. Where pieces are equal
    the first wins; a NaN in any piece gives NaN.

    Example:
        >>> from relume.acts import Maxout
        >>> Maxout(3, 5, pieces=4)(torch.ones(2, 3)).shape
        torch.Size([2, 5])
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.pieces = _count(pieces)
        rows = pieces * out_features
        self.weight = nn.Parameter(torch.empty(rows, in_features, device=device, dtype=dtype))
        empty = nn.Parameter(torch.empty(rows, device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", empty)
        self.reset_parameters()

    @classmethod
    def from_linears(cls, linears: Sequence[nn.Linear]) -> Self:
        """Return the layer that computes the largest of these layers' outputs; weights are copied.

        Raises:
            UsageError: fewer than two, of different shapes, or only some with a bias.
        """
        first = _first_of_equal(linears, ("in_features", "out_features"))
        made = cls(
            first.in_features,
            first.out_features,
            len(linears),
            first.bias is not None,  # pyright: ignore[reportUnnecessaryComparison]
            first.weight.device,
            first.weight.dtype,
        )
        _fill(made, linears)
        return made

    def reset_parameters(self) -> None:
        """Draw new weights; see the class."""
        _reset(self.weight, self.bias, self.pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest piece of every unit."""
        return maxout(functional.linear(x, self.weight, self.bias), self.pieces)

    def piece_shares(self, x: Tensor) -> Tensor:
        """Return for each piece of each unit the share of samples on which it is the largest.

        Args:
            x: (.., in_features).

        Returns:
            (pieces, out_features) in [0, 1], columns adding up to 1; a piece at 0 is dead on
            these samples.
        """
        with torch.no_grad():
            z = functional.linear(x, self.weight, self.bias)
            return _shares(z.reshape(-1, self.pieces, self.out_features))

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, pieces={self.pieces}, bias={self.bias is not None}"


def _count(pieces: int) -> int:
    if not 2 <= pieces <= MOST_PIECES:
        raise UsageError(f"maxout takes 2 to {MOST_PIECES} pieces, got {pieces!r}.")
    return pieces


def _reset(weight: Tensor, bias: Tensor | None, pieces: int) -> None:
    fan_in = weight[0].numel()
    nn.init.normal_(weight, std=1 / math.sqrt(mean_square("forward", pieces) * max(fan_in, 1)))
    if bias is not None:
        nn.init.zeros_(bias)


def _first_of_equal(layers: Sequence[Any], sizes: tuple[str, ...]) -> Any:
    if len(layers) < 2:
        raise UsageError(f"maxout takes the largest of two layers or more, got {len(layers)}.")
    shapes = [tuple(getattr(each, size) for size in sizes) for each in layers]
    if len(set(shapes)) > 1:
        raise UsageError(f"maxout needs layers of one shape, got {shapes}.")
    if len({each.bias is None for each in layers}) > 1:
        raise UsageError("maxout needs layers that all have a bias, or none.")
    return layers[0]


def _fill(made: Any, layers: Sequence[Any], groups: int = 1) -> None:
    """Copy the layers' weights and biases: in each group all first pieces, then all second."""

    def joined(name: str) -> Tensor:
        apart = [getattr(each, name).unflatten(0, (groups, -1)) for each in layers]
        return torch.cat(apart, 1).flatten(0, 1)

    with torch.no_grad():
        made.weight.copy_(joined("weight"))
        if made.bias is not None:
            made.bias.copy_(joined("bias"))


def _shares(z: Tensor) -> Tensor:
    """Return from (samples, pieces, units) the share of samples a piece wins: (pieces, units)."""
    winners = z.max(1).indices  # (samples, units), the first where equal
    counts = [(winners == piece).sum(0) for piece in range(z.shape[1])]
    return torch.stack(counts).double() / max(len(z), 1)


class _MaxoutConv(nn.Module):
    """The base of the convolutions: `conv` makes all pieces at once, group by group."""

    kind: type[nn.Conv1d] | type[nn.Conv2d]
    conv: nn.Conv1d | nn.Conv2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        pieces: int = 2,
        **options: Any,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.pieces = _count(pieces)
        groups = options.get("groups", 1)
        if groups < 1 or out_channels % groups:
            raise UsageError(f"{groups} groups do not share {out_channels} out_channels evenly.")
        self.conv = self.kind(in_channels, pieces * out_channels, kernel_size, **options)
        self.reset_parameters()

    @classmethod
    def from_convs(cls, convs: Sequence[nn.Module]) -> Self:
        """Return the layer of the largest of these convolutions' outputs; weights are copied.

        Raises:
            UsageError: fewer than two, of another kind or of different sizes, or only some with
                a bias.
        """
        for each in convs:
            if not isinstance(each, cls.kind):
                raise UsageError(f"{cls.__name__} is made of {cls.kind.__name__}, got {each}.")
        words = ("stride", "padding", "dilation", "groups", "padding_mode")
        first = _first_of_equal(convs, ("in_channels", "out_channels", "kernel_size", *words))
        made = cls(
            first.in_channels,
            first.out_channels,
            first.kernel_size,
            len(convs),
            bias=first.bias is not None,
            device=first.weight.device,
            dtype=first.weight.dtype,
            **{word: getattr(first, word) for word in words},
        )
        _fill(made.conv, convs, first.groups)
        return made

    def reset_parameters(self) -> None:
        """Draw new weights; see the class."""
        _reset(self.conv.weight, self.conv.bias, self.pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest piece of every unit at every place."""
        z, groups, channels = self.conv(x), self.conv.groups, x.dim() - 1 - self._places
        if groups == 1:
            return maxout(z, self.pieces, channels)
        apart = z.unflatten(channels, (groups, -1))  # pieces of a unit see the same group
        return maxout(apart, self.pieces, channels + 1).flatten(channels, channels + 1)

    def piece_shares(self, x: Tensor) -> Tensor:
        """Return for each piece of each unit the share of samples and places that it wins.

        Args:
            x: as for `forward`.

        Returns:
            (pieces, out_channels) in [0, 1], columns adding up to 1.
        """
        with torch.no_grad():
            z, channels = self.conv(x), x.dim() - 1 - self._places
            z = z.movedim(channels, -1).unflatten(-1, (self.conv.groups, self.pieces, -1))
            return _shares(z.flatten(0, -4).transpose(1, 2).flatten(2))

    @property
    def _places(self) -> int:
        return len(self.conv.kernel_size)

    def extra_repr(self) -> str:
        """Return the number of pieces."""
        return f"pieces={self.pieces}"


class MaxoutConv1d(_MaxoutConv):
    """A convolution over one dimension whose units are the largest of `pieces` filters.

    Args:
        in_channels, out_channels, kernel_size: as in `torch.nn.Conv1d`; of the units.
        pieces: how many filters a unit has, 2 to 128.
        options: `torch.nn.Conv1d`'s own: stride, padding, dilation, groups, bias, padding_mode,
            device, dtype.

    Shape:
        (N, in_channels, L) or (in_channels, L) in, (N, out_channels, L') out, L' as in `Conv1d`.

    Attributes:
        conv: the one convolution that makes all pieces; of each group all first pieces, then all
            second ones.

    Weights and ties as in `Maxout`, with fan_in = in_channels / groups * kernel_size.

    Raises:
        UsageError: too few or too many pieces; groups that do not share the channels evenly.

    Example:
        >>> from relume.acts import MaxoutConv1d
        >>> MaxoutConv1d(3, 8, 5, padding=2)(torch.ones(2, 3, 20)).shape
        torch.Size([2, 8, 20])
    """

    kind = nn.Conv1d


class MaxoutConv2d(_MaxoutConv):
    """A convolution over two dimensions whose units are the largest of `pieces` filters.

    Args:
        in_channels, out_channels, kernel_size: as in `torch.nn.Conv2d`; of the units.
        pieces: how many filters a unit has, 2 to 128.
        options: `torch.nn.Conv2d`'s own: stride, padding, dilation, groups, bias, padding_mode,
            device, dtype.

    Shape:
        (N, in_channels, H, W) or (in_channels, H, W) in, (N, out_channels, H', W') out, as in
        `Conv2d`; channels_last stays channels_last.

    Attributes:
        conv: the one convolution that makes all pieces; of each group all first pieces, then all
            second ones.

    Weights and ties as in `Maxout`, with fan_in = in_channels / groups * height * width of the
    kernel.

    Raises:
        UsageError: too few or too many pieces; groups that do not share the channels evenly.

    Example:
        >>> from relume.acts import MaxoutConv2d
        >>> MaxoutConv2d(3, 8, 3, pieces=4)(torch.ones(2, 3, 10, 10)).shape
        torch.Size([2, 8, 8, 8])
    """

    kind = nn.Conv2d
