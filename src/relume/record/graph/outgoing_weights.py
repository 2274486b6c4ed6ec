"""How much of a unit's output the next layer takes: the norm of the weights that it is weighed by.

Asked on deep records alone, and of wide layers by a sample of their rows.
"""

import torch
from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    parameter_behind,
    passes_through,
    saved,
    weight_of,
)
from relume.record.graph.op_names import AFFINE
from relume.record.measure.act_stats import LEAST_ROWS, MOST_ELEMENTS, spread

MOST_USERS = 32  # nodes that are asked for one act: more is no plain network


def norms(graph: AutogradGraph, node: AutogradNode, units: int, *, channels: bool) -> Tensor | None:
    """The norm of each unit's outgoing weights, over all affine maps that take the act's output.

    Args:
        graph: that the node stands in.
        node: of the act.
        units: of the act.
        channels: its units lie on axis 1, so that flattening puts them one after another.

    Returns:
        (units,); None where no such map is found, or one whose weights cannot be matched to units
        (behind a pool or a norm layer, or grouped).
    """
    todo, seen = list(graph.consumers(node)), 0
    total: Tensor | None = None
    while todo and seen < MOST_USERS:
        user, seen = todo.pop(), seen + 1
        if kind(user) in AFFINE:
            power = _power(user, units, channels)
            if power is None:
                return None
            total = power if total is None else total + power
        elif passes_through(user) is not None:
            todo.extend(graph.consumers(user))
    return None if total is None else total.sqrt()


def _power(user: AutogradNode, units: int, channels: bool) -> Tensor | None:
    """The sum of squares of an affine node's weights, by unit of what enters it."""
    place = AFFINE[kind(user)][1]
    sources = inputs(user)
    weight = weight_of(user)
    if place >= len(sources) or parameter_behind(sources[place]) is None:
        return None  # a product of two signals
    if type(weight) not in (Tensor, torch.nn.Parameter) or weight is None or weight.dim() < 2:
        return None
    entering = 0 if kind(user) in ("AddmmBackward", "MmBackward") else 1
    if kind(user) == "ConvolutionBackward" and saved(user, "_saved_transposed"):
        entering = 0
    rows = weight.detach().movedim(entering, -1).flatten(0, -2)  # (the others, entering)
    wide = rows.shape[1]
    flattened = channels and kind(user) != "ConvolutionBackward"
    if not wide or (wide != units and (not flattened or wide % units)):
        return None
    some = spread(rows, max(LEAST_ROWS, MOST_ELEMENTS // wide), 0).float()
    power = (some * some).sum(0) * (rows.shape[0] / some.shape[0])
    return power.reshape(units, -1).sum(1)  # channels that were flattened: unit by unit
