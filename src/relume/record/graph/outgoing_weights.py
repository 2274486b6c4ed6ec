"""Measures each unit's outgoing weights: how much of its output the next layers take.

Only deep records measure them, and of wide layers only a sample of the rows.
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

MOST_USERS = 32  # consumers that are followed for one act; a plain network has fewer


def norms(graph: AutogradGraph, node: AutogradNode, units: int, *, channels: bool) -> Tensor | None:
    """The norm of each unit's outgoing weights, over all affine maps that take the act's output.

    Args:
        graph: the graph of the loss.
        node: the act's node.
        units: how many units the act has.
        channels: whether its units lie on axis 1, so that flattening keeps each one together.

    Returns:
        (units,); None where there is no such map, or where the weights of one cannot be matched to
        units (behind a pool or a norm layer, or grouped).
    """
    todo, visited = list(graph.consumers(node)), 0
    total: Tensor | None = None
    while todo and visited < MOST_USERS:
        user, visited = todo.pop(), visited + 1
        if kind(user) in AFFINE:
            power = _power(user, units, channels)
            if power is None:
                return None
            total = power if total is None else total + power
        elif passes_through(user) is not None:
            todo.extend(graph.consumers(user))
    return None if total is None else total.sqrt()


def _power(user: AutogradNode, units: int, channels: bool) -> Tensor | None:
    """The sum of squares of an affine node's weights, by unit of its input."""
    place = AFFINE[kind(user)].weight
    sources = inputs(user)
    weight = weight_of(user)
    if place >= len(sources) or parameter_behind(sources[place]) is None:
        return None  # a product of two signals
    if type(weight) not in (Tensor, torch.nn.Parameter) or weight is None or weight.dim() < 2:
        return None
    input_axis = 0 if kind(user) in ("AddmmBackward", "MmBackward") else 1
    if kind(user) == "ConvolutionBackward" and saved(user, "_saved_transposed"):
        input_axis = 0
    rows = weight.detach().movedim(input_axis, -1).flatten(0, -2)  # (other axes, inputs)
    width = rows.shape[1]
    flattened = channels and kind(user) != "ConvolutionBackward"
    if not width or (width != units and (not flattened or width % units)):
        return None
    sampled = spread(rows, max(LEAST_ROWS, MOST_ELEMENTS // width), 0).float()
    power = (sampled * sampled).sum(0) * (rows.shape[0] / sampled.shape[0])
    return power.reshape(units, -1).sum(1)  # flattened channels: all positions of a unit together
