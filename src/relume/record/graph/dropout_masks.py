"""Reads dropout from its masks: which share of a layer's values each one keeps."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    is_dropout,
    kind,
    output_shape,
    saved,
)


class DropoutMask(NamedTuple):
    """A dropout.

    Attributes:
        node: where it multiplies.
        keep: the share of values that it keeps.
        units: how many there are in a row.
    """

    node: AutogradNode
    keep: float
    units: int


def dropout_masks(graph: AutogradGraph) -> Iterator[DropoutMask]:
    """Yield the dropouts of a graph, in forward order.

    The values that are kept are multiplied by 1 / keep, so the mask's largest entry tells it.
    """
    for node in graph.nodes:
        if kind(node) == "NativeDropoutBackward":
            keep = 1 - float(getattr(node, "_saved_p", 0.0) or 0.0)
        elif kind(node) == "MulBackward":
            mask = saved(node, "_saved_other" if inputs(node)[0] is not None else "_saved_self")
            if not isinstance(mask, Tensor) or mask.numel() == 1 or not is_dropout(mask):
                continue
            keep = 1 / float(mask.detach().max())
        else:
            continue
        shape = output_shape(node) or (0,)
        yield DropoutMask(node, keep, int(shape[1] if len(shape) == 4 else shape[-1]))
