"""Finds routers in an autograd graph: a choice of the largest of a layer's outputs that weighs.

The outputs of one affine layer (through softmax or sigmoid, or as they are) are ranked by `topk` or
`max`, or gathered by such a ranking, and the chosen values are multiplied with another signal. The
node keeps which were chosen. A top-k code, which is scattered and decoded, and a maximum over time
are none.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    output_shape,
    saved,
    signal_inputs,
    signed_axis,
)
from relume.record.graph.op_names import AFFINE, RESHAPE
from relume.record.measure.act_stats import MOST_ELEMENTS

CHOICES = frozenset({"TopkBackward", "MaxBackward", "GatherBackward"})
SCORES = frozenset({"SoftmaxBackward", "SigmoidBackward", "ToCopyBackward", "AddBackward"})
MOST_BEFORE, MOST_AFTER = 6, 12  # operations between layer and choice, and choice and product
MOST_EXPERTS = 1024


@dataclass(slots=True)
class Choice:
    """A choice among experts.

    Attributes:
        node: ranks them.
        layer: the node of the layer whose outputs are ranked.
        experts: how many there are.
        picks: how many are chosen for each row.
    """

    node: AutogradNode
    layer: AutogradNode
    experts: int
    picks: int


def choice_at(graph: AutogradGraph, node: AutogradNode) -> Choice | None:
    """The choice among experts that a node makes; None if it makes none."""
    if kind(node) not in CHOICES:
        return None
    source = next(iter(signal_inputs(node)), None)
    sizes = output_shape(source) or ()
    axis = getattr(node, "_saved_dim", None)
    if len(sizes) < 2 or axis is None or signed_axis(axis) % len(sizes) != len(sizes) - 1:
        return None
    layer = _layer(node, sizes[-1])
    if layer is None or not 2 <= sizes[-1] <= MOST_EXPERTS or not _weighs(graph, node):
        return None
    picks = 1 if kind(node) == "MaxBackward" else (output_shape(node) or (1,))[-1]
    return Choice(node, layer, sizes[-1], picks) if picks < sizes[-1] else None


def _layer(node: AutogradNode, experts: int) -> AutogradNode | None:
    """The affine node whose outputs are ranked."""
    current = next(iter(signal_inputs(node)), None)
    for _ in range(MOST_BEFORE):
        if current is None:
            return None
        if kind(current) in AFFINE:
            shape = output_shape(current)
            return current if shape and shape[-1] == experts else None
        if kind(current) not in SCORES and kind(current) not in RESHAPE:
            factor = kind(current) in ("MulBackward", "DivBackward")
            if not factor or len(signal_inputs(current)) != 1:
                return None
        current = next(iter(signal_inputs(current)), None)
    return None


def _weighs(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether the chosen values are multiplied with another signal."""
    todo, seen = list(graph.consumers(node)), 0
    while todo and seen < MOST_AFTER:
        user, seen = todo.pop(0), seen + 1
        name = kind(user)
        if name in ("BmmBackward", "MulBackward") and len(set(map(id, signal_inputs(user)))) == 2:
            return True
        passes = name in RESHAPE or name in SCORES or name in ("MulBackward", "DivBackward")
        if passes or name == "SumBackward":
            todo.extend(graph.consumers(user))
    return False


def chosen(node: AutogradNode, experts: int) -> tuple[Tensor, int] | None:
    """How often each expert was chosen, (1, experts), on the device, and on how many rows."""
    index = saved(node, "_saved_index" if kind(node) == "GatherBackward" else "_saved_indices")
    if not isinstance(index, Tensor) or not index.numel():
        return None
    index = index.detach()
    rows = index.reshape(-1, 1 if kind(node) == "MaxBackward" else index.shape[-1])
    rows = rows[:: -(-rows.numel() // MOST_ELEMENTS)]
    counts = torch.zeros(experts, device=index.device)
    ones = torch.ones(rows.numel(), device=index.device)
    return counts.index_add_(0, rows.reshape(-1), ones).unsqueeze(0), int(rows.shape[0])
