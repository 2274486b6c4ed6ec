"""What the criterion's value is multiplied by on its way to the loss."""

import math

from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    carries_signal,
    kind,
    saved,
)
from relume.record.graph.criterion import BY_HAND, Criterion
from relume.record.graph.op_names import RESHAPE


def loss_scale(graph: AutogradGraph, found: Criterion) -> float | None:
    """What the criterion's value is multiplied by on its way to the loss (1/4 under an
    accumulation over four batches); None where that is no constant."""
    if found.weighed is not None:
        rows = found.weighed._input_metadata[0].shape[0]
        return _soft_scale(graph, found.weighed, float(rows))
    if kind(found.node) in BY_HAND:
        return _soft_scale(graph, found.node, float(math.prod(found.node._input_metadata[0].shape)))
    node, scale, terms = graph.root, 1.0, False
    for _ in range(64):
        if node is found.node:
            # label smoothing weighs the criterion with 1 - epsilon, and adds the rest
            return 1.0 if terms and found.name == "cross_entropy" and 0.5 <= scale < 1 else scale
        name, sources = kind(node), [s for s in carries_signal(node) if _leads_to(s, found.node)]
        if not sources:
            return None
        if name in ("MulBackward", "DivBackward"):
            factor = _constant(node) if len(carries_signal(node)) == 1 else None
            if factor is None or factor == 0:
                return None
            scale = scale * factor if name == "MulBackward" else scale / factor
        elif name in ("AddBackward", "SubBackward"):
            terms = True
        elif name not in RESHAPE and name != "MeanBackward":
            return None
        node = sources[0]
    return None


def _soft_scale(graph: AutogradGraph, goal: AutogradNode, count: float) -> float | None:
    """The same where sums and means are written out; of `count` terms the criterion is a mean."""
    node, scale = graph.root, count
    for _ in range(64):
        if node is goal:
            return scale
        name, sources = kind(node), [s for s in carries_signal(node) if _leads_to(s, goal)]
        if not sources:
            return None
        if name in ("MulBackward", "DivBackward"):
            factor = _constant(node) if len(carries_signal(node)) == 1 else None
            if not factor:
                return None
            scale = scale * abs(factor) if name == "MulBackward" else scale / abs(factor)
        elif name == "MeanBackward":
            scale /= _averaged(node)
        elif name not in RESHAPE and name not in ("SumBackward", "NegBackward"):
            return None
        node = sources[0]
    return None


def _averaged(node: AutogradNode) -> int:
    """How many numbers each mean is taken of."""
    whole = getattr(node, "_saved_self_sym_numel", None)
    sizes = getattr(node, "_saved_self_sym_sizes", None)
    if sizes is None:
        return int(whole or 1)
    total = 1
    for axis in getattr(node, "_saved_dim", None) or range(len(sizes)):
        total *= int(sizes[int(axis) - 2**64 if int(axis) >= 2**63 else int(axis)])
    return total


def _constant(node: AutogradNode) -> float | None:
    value = saved(node, "_saved_other")
    if value is None:
        value = saved(node, "_saved_self")
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else None
    return float(value) if isinstance(value, int | float) else None


def _leads_to(node: AutogradNode, goal: AutogradNode) -> bool:
    """Whether the criterion is near behind this node."""
    todo, seen = [node], 0
    while todo and seen < 200:
        current, seen = todo.pop(0), seen + 1
        if current is goal:
            return True
        todo.extend(carries_signal(current))
    return False
