"""Parameters of which a process holds only a part: `fully_shard` keeps them as DTensors.

What a process can read without asking the others is its own shard, and nothing of ours ever asks:
a collective of ours could meet one of the user's. So norms are of the shard, scaled to the whole
parameter as those of any sample are, and `relume combine` makes the exact ones of all ranks.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

PLAIN = (Tensor, nn.Parameter)


def local(tensor: Tensor | None) -> Tensor | None:
    """What this process holds of a tensor, dense, real, floating, with storage; else None.

    A plain tensor is itself. Of a sharded one it is the shard, a view that later updates are seen
    in; None where the shard is empty or a sum over processes is still to be made.
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
    """Whether a tensor is spread over processes, as `fully_shard` and tensor parallelism do."""
    module: Any = sys.modules.get("torch.distributed.tensor")  # not loaded: there are none
    return module is not None and isinstance(tensor, module.DTensor)


def shard_info(roots: Iterable[nn.Module]) -> Iterator[Tensor]:
    """The sharded parameters of these modules.

    They are no leaves of a graph: a forward uses parameters that are put together for it.
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
