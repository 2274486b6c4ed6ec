"""Cuts tensors into blocks that fit a core's cache, and tells when kernels may run over them.

A kernel applies vectorised torch operations to a block and writes into a buffer. That needs plain
tensors on the CPU (`direct`); under `torch.compile`, `torch.func` and autocast, and on other
devices, torch's own path runs.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from relume.instrument.private_names import in_forward_ad
from relume.instrument.private_names import is_functorch_wrapped as wrapped

BLOCK = 65_536
"""Elements of a block for each thread: three buffers of them in float32 are 768 KiB, which fits
the second-level cache of a core (measured: 32,768 to 131,072 are alike, 16,384 is slower)."""
LEAST = 16_384
"""Elements below which Python's calls cost more than they save (measured: even at 12,000 to
17,000)."""

_PLAIN = (Tensor, torch.nn.Parameter)
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def direct(*tensors: Tensor) -> bool:
    """Whether kernels may write into buffers: plain eager tensors on the CPU, nothing traced."""
    if torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    if in_forward_ad() or torch.jit.is_tracing():
        return False
    return all(
        type(t) in _PLAIN and t.device.type == "cpu" and t.dtype in FLOATS and not wrapped(t)
        for t in tensors
    )


def eager(z: Tensor) -> bool:
    """Whether `z` is a plain floating tensor, on any device, that nothing traces, maps or casts."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    if in_forward_ad() or wrapped(z):
        return False
    return type(z) in _PLAIN and z.dtype in FLOATS and not torch.is_autocast_enabled(z.device.type)


def block_size() -> int:
    """Return the elements of a block for all threads of torch."""
    return BLOCK * torch.get_num_threads()


def tiles(rows: int, columns: int, depth: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Yield slices of the first two of (rows, columns, depth), each tile about `most` elements."""
    if columns * depth <= most:
        step = most // max(columns * depth, 1)
        for row in range(0, rows, step):
            yield slice(row, row + step), slice(None)
        return
    step = max(1, most // max(depth, 1))
    for row in range(rows):
        for column in range(0, columns, step):
            yield slice(row, row + 1), slice(column, column + step)


def by_torch(
    function: Callable[..., Tensor], inputs: tuple[Tensor, ...], wanted: Any, gradient: Tensor
) -> tuple[Tensor | None, ...]:
    """Return the gradients of `function` by torch: for second derivatives and wrapped tensors.

    Args:
        function: of `inputs`.
        inputs: connected to the graph where a second derivative is wanted.
        wanted: for each input whether its gradient is.
        gradient: of the output.
    """
    again = torch.is_grad_enabled()  # backward(create_graph=True)
    if not again:
        inputs = tuple(each.detach().requires_grad_() for each in inputs)
    with torch.enable_grad():
        needed = [each for each, want in zip(inputs, wanted, strict=True) if want]
        gradients = torch.autograd.grad(function(*inputs), needed, gradient, create_graph=again)
    remaining = iter(gradients)
    return tuple(next(remaining) if want else None for want in wanted)


def flat(tensor: Tensor, like: Tensor) -> Tensor | None:
    """Return `tensor` flat, in the order in which `like` lies in memory; None: it has gaps."""
    if like.is_contiguous():
        return tensor.contiguous().view(-1)
    order = sorted(range(like.dim()), key=like.stride, reverse=True)
    if not like.permute(order).is_contiguous():
        return None
    return tensor.permute(order).contiguous().view(-1)
