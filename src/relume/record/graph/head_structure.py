"""Reads facts on the head, softmaxes, acts in a row and weight decay from a graph.

The rules of output, structure and initialisation need them. They are read on the first records,
where a site is new, so a plain step costs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from relume.acts.act import by_node
from relume.instrument.float64 import as_float64
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    name_of,
    output_shape,
    saved,
    signal_inputs,
    signed_axis,
)
from relume.record.graph.criterion import BY_HAND, Criterion, Head, renormalises
from relume.record.graph.op_names import AFFINE, RESHAPE

MOST_CONSUMERS = 32  # operations behind a softmax that are looked at
LOOKS_FOR = ("act-pair", "softmax", "turn")  # kinds of facts whose absence means there are none
POOLS = frozenset(
    f"{name}Backward"
    for name in (
        *("MaxPool2DWithIndices", "MaxPool3DWithIndices", "AdaptiveMaxPool2D", "AvgPool2D"),
        *("AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D"),
        "NativeDropout",
    )
)


def is_direct(criterion: Criterion, head: Head) -> bool | None:
    """Whether only reshapes stand between the last act (or the head) and the criterion."""
    goal = head.acts[-1] if head.acts else head.affine
    node = criterion.entry
    difference = ("SubBackward", "RsubBackward")
    if kind(criterion.node) in BY_HAND and node is not None and kind(node) in difference:
        # the difference to the target belongs to the criterion
        node = next(iter(signal_inputs(node)), None)
    while node is not None and goal is not None:
        if node is goal:
            return True
        if kind(node) not in RESHAPE:
            return False
        node = next(iter(signal_inputs(node)), None)
    return None


def clamp_limits(node: AutogradNode) -> dict[str, float | None]:
    """``low`` and ``high`` of a clamp by numbers; empty for any other node."""
    attributes = {
        "ClampBackward": ("_saved_min", "_saved_max"),
        "ClampMinBackward": ("_saved_min", ""),
    }
    attributes["HardtanhBackward"] = ("_saved_min_val", "_saved_max_val")
    if kind(node) not in attributes:
        return {}
    low, high = (getattr(node, name, None) if name else None for name in attributes[kind(node)])
    bounds = {"low": low, "high": high}
    return {
        side: value if isinstance(value, int | float) else None for side, value in bounds.items()
    }


GUARDS = frozenset({"ClampBackward", "ClampMinBackward", "HardtanhBackward"})
# Operations with a constant: what is added against log(0), or one minus a probability.
CONSTANTS = frozenset({"AddBackward", "SubBackward", "RsubBackward", "MulBackward", "NegBackward"})


def log_guards(criterion: Criterion, head: Head) -> list[str] | None:
    """The guards between a logarithm and the act before it (or the head), the outermost first.

    Returns:
        ``"clamp"`` and ``"renormalised"``; None where something else stands there, or for other
        losses.
    """
    node, guards = criterion.entry, list[str]()
    if criterion.name not in ("log_likelihood", "bce", "nll"):
        return None
    inner = [act for act in head.acts if kind(act) not in GUARDS]
    goal = inner[-1] if inner else head.affine
    while node is not None and goal is not None:
        if node is goal:
            return guards
        name, sources = kind(node), signal_inputs(node)
        if renormalises(node):
            guards.append("renormalised")
        elif name in GUARDS:
            guards.append("clamp")
        elif len(sources) != 1 or name not in RESHAPE | CONSTANTS | {"LogBackward"}:
            return None
        node = next(iter(sources), None)
    return None


def criterion_data(criterion: Criterion, head: Head) -> dict[str, Any]:
    """Data of the criterion's fact: ``broadcast``, and under ``nll`` ``rows_logsumexp_error``.

    They say whether prediction and target were broadcast over each other, and whether the rows
    under a negative log likelihood are log-probabilities.
    """
    data: dict[str, Any] = {"broadcast": _is_broadcast(criterion, head)}
    rows = saved(criterion.node, "_saved_self")
    if criterion.name == "nll" and isinstance(rows, Tensor) and rows.dim() >= 2:
        with torch.no_grad():
            sums = as_float64(rows.detach()[:256]).logsumexp(1)
            data["rows_logsumexp_error"] = float(sums.abs().max())
    return data


def _is_broadcast(criterion: Criterion, head: Head) -> bool | None:
    """Whether (N, 1) against (N) gave (N, N): each prediction is compared with each target."""
    if criterion.name not in ("mse", "l1", "smooth_l1", "huber", "bce", "bce_with_logits"):
        return None
    differences = saved(criterion.node, "_saved_self")
    shape = output_shape(head.affine)
    if not isinstance(differences, Tensor) or shape is None:
        return None
    rows, units = shape[0], shape[-1]
    return len(shape) == 2 and units == 1 and rows > 1 and tuple(differences.shape) == (rows, rows)


def softmaxes(
    graph: AutogradGraph, head: Head, roles: Mapping[AutogradNode, str], rows: int | None
) -> Iterator[Any]:
    """Yield (node, data) of every softmax whose axis can be read.

    Args:
        graph: of the loss.
        head: the head and the acts between it and the criterion.
        roles: roles by node, where the site is known.
        rows: how many targets there are; a layer on tokens has more rows than the batch.
    """
    batch = rows
    if batch is None:
        batch = next((int(data.shape[0]) for _, data in data_inputs(graph)), None)
    hidden = graph.sealed | graph.derived
    for node in graph.nodes:
        if kind(node) not in ("SoftmaxBackward", "LogSoftmaxBackward") or node in hidden:
            continue
        shape = list(node._saved_result.shape)
        axis = signed_axis(node._saved_dim)
        act = "softmax" if kind(node) == "SoftmaxBackward" else "log_softmax"
        output = any(node is act for act in head.acts)
        over = shape[0] if output and len(shape) > 2 and rows == _examples(shape) else batch
        role = "output" if output else roles.get(node, "hidden")
        data = {"act": act, "axis": axis % len(shape), "shape": shape, "batch": over, "role": role}
        if shape[axis] == 1:
            data["ends"] = output or is_last(graph, node)
        yield node, data


def is_last(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether no layer takes a node's output, and no signal is multiplied with it."""
    todo, visited = [*graph.consumers(node)], 0
    while todo and visited < MOST_CONSUMERS:
        user, visited = todo.pop(), visited + 1
        if kind(user) in AFFINE or kind(user).startswith(("Bmm", "Baddbmm")):
            return False
        if kind(user) == "MulBackward" and len(signal_inputs(user)) == 2:
            return False
        todo.extend(graph.consumers(user))
    return True


def _examples(shape: Sequence[int]) -> int:
    """How many targets a tensor with its classes on the last axis has; -1 where the first axis is
    as long as the last, so that the two cannot be told apart."""
    total = 1
    for size in shape[:-1]:
        total *= size
    return total if shape[0] != shape[-1] else -1


def traits(node: AutogradNode) -> dict[str, Any]:
    """What rules ask of the act that a node computes, at the parameters of its call."""
    act, node_spec = by_node()[name_of(node)]
    return dict(act.traits_at(act.parameters(node_spec, node)))


def act_pairs(graph: AutogradGraph) -> Iterator[tuple[AutogradNode, AutogradNode]]:
    """Yield (second node, first node) where one act feeds another."""
    acts = by_node()
    for node in graph.nodes:
        if name_of(node) not in acts or node in graph.sealed or node in graph.derived:
            continue
        sources = signal_inputs(node)
        before = sources[0] if len(sources) == 1 else None
        while before is not None and (kind(before) in RESHAPE or kind(before) in POOLS):
            before = next(iter(signal_inputs(before)), None)
        if before is not None and name_of(before) in acts and before not in graph.sealed:
            yield node, before


def weight_decays(optimizer: Optimizer) -> dict[int, float]:
    """The weight decay of each parameter, by its id."""
    decays: dict[int, float] = {}
    for group in optimizer.param_groups:
        decay = group.get("weight_decay", 0.0)
        if isinstance(decay, int | float):
            decays |= {id(parameter): float(decay) for parameter in group["params"]}
    return decays
