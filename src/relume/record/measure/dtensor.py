"""Finds the part of a sharded parameter that this process holds (`fully_shard`'s DTensors).

A process can read its own shard without the others, and relume reads nothing else: a collective
of relume could meet one of the user's. So norms are of the shard, scaled to the whole parameter
like those of any sample, and `relume combine` makes the exact ones of all ranks.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

PLAIN = (Tensor, nn.Parameter)


def local_part(tensor: Tensor | None) -> Tensor | None:
    """The part of a tensor that this process holds: dense, real, floating, with storage; else None.

    A plain tensor is returned as it is. Of a sharded one it is the shard, a view that follows later
    updates; None where the shard is empty or its sum over processes is still to be made.
    """
    if tensor is None:
        return None
    if type(tensor) in PLAIN or not is_sharded(tensor):
        return tensor if _dense(tensor) else None
    whole: Any = tensor
    if any(placement.is_partial() for placement in whole.placements):
        return None
    with torch.no_grad():
        part = whole.to_local()
    return part if _dense(part) and part.numel() > 0 else None


def is_sharded(tensor: Tensor) -> bool:
    """Whether a tensor is distributed over processes, by `fully_shard` or tensor parallelism."""
    module: Any = sys.modules.get("torch.distributed.tensor")  # not loaded: no tensor is one
    return module is not None and isinstance(tensor, module.DTensor)


def sharded_parameters(roots: Iterable[nn.Module]) -> Iterator[Tensor]:
    """Yield the sharded parameters of these modules.

    They are no leaves of a graph: each forward uses gathered copies.
    """
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    for root in roots:
        yield from (p for p in root.parameters() if is_sharded(p))


def _dense(tensor: Tensor) -> bool:
    return (
        type(tensor) in PLAIN
        and tensor.layout == torch.strided
        and tensor.is_floating_point()
        and not tensor.is_meta
    )
