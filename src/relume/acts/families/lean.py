"""Acts that save less for backward, and a count of what a model saves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from relume.acts.families.piecewise import leaky_relu
from relume.acts.kernels.blocks import eager
from relume.acts.module import ActModule
from relume.errors import UsageError

__all__ = ["Kept", "LeanLeakyReLU", "bytes_for_backward"]

_aten: Any = torch.ops.aten


class LeanLeaky(Function):
    """Leaky ReLU that differentiates by its output, whose sign is the input's."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, negative_slope: float) -> Tensor:
        value = functional.leaky_relu(z, negative_slope)
        ctx.save_for_backward(value)
        ctx.relume = {"negative_slope": negative_slope}
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (value,), gradient = ctx.saved_tensors, gradients[0]
        slope = ctx.relume["negative_slope"]
        if torch.is_grad_enabled():
            # linear in the gradient; the value's own curvature is zero
            return torch.where(value > 0, gradient, gradient * slope), None
        return _aten.leaky_relu_backward(gradient, value, slope, True), None


class LeanLeakyReLU(ActModule, act=leaky_relu):
    """`leaky_relu` that saves its output, not its input, for backward.

    The next layer saves that output anyway, so between two layers one tensor less is alive.
    torch's own does so only with `inplace`, which destroys the input. Values and gradients are
    torch's bit for bit; a call costs a few microseconds of Python more.

    Args:
        negative_slope: the slope below 0, not negative: the sign of the output must tell.

    Raises:
        UsageError: `negative_slope` is negative.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        if not negative_slope >= 0:
            raise UsageError(
                f"a lean Leaky ReLU takes a slope of 0 or more, got {negative_slope!r}; "
                "LeakyReLU takes any."
            )
        super().__init__(negative_slope)
        self.negative_slope = negative_slope

    def forward(self, z: Tensor) -> Tensor:
        """Return f(z), elementwise."""
        if not eager(z):
            return functional.leaky_relu(z, self.negative_slope)
        return LeanLeaky.apply(z, self.negative_slope)  # pyright: ignore


@dataclass(frozen=True, slots=True)
class Kept:
    """What autograd keeps between forward and backward.

    Attributes:
        bytes: of all storages kept, each counted once, parameters and inputs left out: they are
            alive anyway.
        tensors: shape and dtype of each tensor kept in them, in the order of the forward; a
            storage's first.
    """

    bytes: int
    tensors: tuple[tuple[tuple[int, ...], torch.dtype], ...]

    def __str__(self) -> str:
        size = f"{self.bytes / 2**20:.1f} MiB" if self.bytes >= 2**20 else f"{self.bytes} bytes"
        return f"{size} for backward in {len(self.tensors)} tensors"


def bytes_for_backward(model: Callable[..., Any], *inputs: Any) -> Kept:
    """Run `model` once and count what it saves for backward.

    The forward runs in the model's present mode, as in a training step (buffers of norm layers
    move, random numbers are drawn); no gradient is computed.

    Args:
        model: a module or a function.
        inputs: its arguments.

    Returns:
        A `Kept`.

    Example:
        >>> from relume.acts import LeakyReLU, LeanLeakyReLU, bytes_for_backward
        >>> from torch import nn
        >>> def two(act):
        ...     return nn.Sequential(nn.Linear(64, 64), act, nn.Linear(64, 64))
        >>> print(bytes_for_backward(two(LeakyReLU()), torch.ones(1000, 64)))
        512000 bytes for backward in 2 tensors
        >>> print(bytes_for_backward(two(LeanLeakyReLU()), torch.ones(1000, 64)))
        256000 bytes for backward in 1 tensors
    """
    alive = [each for each in inputs if isinstance(each, Tensor)]
    if isinstance(model, nn.Module):
        alive += [*model.parameters(), *model.buffers()]
    known = {each.untyped_storage().data_ptr() for each in alive}
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in known:
            saved.setdefault(place, tensor)  # held, so that no other storage comes to lie there
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        result = model(*inputs)
    tensors = tuple((tuple(each.shape), each.dtype) for each in saved.values())
    size = sum(each.untyped_storage().nbytes() for each in saved.values())
    del result
    return Kept(size, tensors)
