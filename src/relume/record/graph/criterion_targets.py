"""Reads the targets that a criterion saved, or solves a hand-written distance for them."""

from typing import Any, cast

from torch import Tensor

from relume.acts.act import by_node
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    name_of,
    output_shape,
    parameter_behind,
    saved,
    signal_inputs,
)
from relume.record.graph.criterion import (
    BY_HAND,
    Criterion,
    Head,
    constant_of,
    criterion,
    first_signal,
    head,
    index_of,
    mask_of_terms,
)
from relume.record.graph.loss_terms import factor_of
from relume.record.graph.recompute import output_of


def handwritten_targets(criterion: Criterion, head: Head) -> Tensor | None:
    """The targets of a hand-written distance, from its saved difference and the output.

    The output is the last act's saved one, or the head's, recomputed; so the targets are exact up
    to rounding.
    """
    entry, last = criterion.entry, head.acts[-1] if head.acts else head.affine
    if kind(criterion.node) not in BY_HAND or entry is None or last is None:
        return None
    difference = saved(criterion.node, "_saved_self")
    if kind(entry) not in ("SubBackward", "RsubBackward") or not isinstance(difference, Tensor):
        return None
    node = first_signal(entry) if len(signal_inputs(entry)) == 1 else None
    bias: Tensor | None = None
    scale = 1.0
    while node is not None and node is not last:
        added = _added_bias(node) if bias is None else None
        bias = bias if added is None else added
        factor = factor_of(node)
        scale *= factor or 1.0
        passes = added is not None or factor is not None or kind(node) in SAME_ORDER
        node = first_signal(node) if passes else None
    if bias is not None and scale != 1:
        return None  # in whichever order
    value = _output(last, bool(head.acts)) if node is last else None
    if value is not None and bias is not None:  # a layer of Keras adds it after its product
        value = value.detach() + bias.detach()
    if value is not None and scale != 1:
        value = value.detach() * scale
    if value is None or value.numel() != difference.numel():
        return None
    output = value.detach().reshape(difference.shape)
    output_first = entry.next_functions[0][0] is not None
    target_minus_output = (kind(entry) == "RsubBackward") is output_first  # target - output
    return output + difference.detach() if target_minus_output else output - difference.detach()


def _added_bias(node: AutogradNode) -> Tensor | None:
    """The parameter that a node adds to its one signal; None where it does something else."""
    if kind(node) != "AddBackward" or len(signal_inputs(node)) != 1:
        return None
    return next((b for s in inputs(node) if (b := parameter_behind(s)) is not None), None)


DISTANCES = ("mse", "l1", "smooth_l1", "huber")
MANY = 3  # different targets: a GAN under a distance has two, real and fake
SOME = 1_024  # targets that are compared

SAME_ORDER = frozenset(
    f"{name}Backward"
    for name in (
        *("View", "UnsafeView", "Reshape", "ReshapeAlias", "Squeeze", "Unsqueeze"),
        *("Flatten", "Alias"),
    )
)


def is_scored(graph: AutogradGraph) -> bool:
    """Whether a criterion is part of a loss: a logarithm alone may be an entropy."""
    return criterion(graph).name not in ("unknown", "log_likelihood")


def is_regression(graph: AutogradGraph) -> bool:
    """Whether a loss is a distance to targets of many values (those of a GAN are at most two)."""
    spec = criterion(graph)
    if spec.name not in DISTANCES:
        return False
    target = targets(spec)
    if target is None:
        target = handwritten_targets(spec, head(spec, graph))
    if target is None or target.numel() < MANY:
        return False
    few = target.detach().reshape(-1)[:SOME]
    return int(cast(Any, few.float()).unique().numel()) >= MANY


def _output(node: AutogradNode, act: bool) -> Tensor | None:
    if not act:
        return output_of(node, 0) if kind(node) != "ConvolutionBackward" else None
    record = by_node()[name_of(node)][1]
    return (
        record.read(node)
        if record.holds == "post" and saved(node, record.saved) is not None
        else None
    )


def labels(criterion: Criterion) -> Tensor | None:
    """The class of each row, also of rows that do not count, as whole numbers; None without."""
    if criterion.name in ("cross_entropy", "nll", "log_likelihood") and criterion.weighed is None:
        picked = criterion.gathered
        value = saved(criterion.node, "_saved_target") if picked is None else index_of(picked)
    elif criterion.name in ("bce", "bce_with_logits"):
        value = saved(criterion.node, "_saved_target")
        if isinstance(value, Tensor) and not bool(((value == 0) | (value == 1)).all()):
            return None
    else:
        return None
    return value.detach().reshape(-1).long() if isinstance(value, Tensor) else None


def targets(criterion: Criterion) -> Tensor | None:
    """The targets that the criterion saved, or None."""
    value: Any = saved(criterion.node, "_saved_target")
    if criterion.gathered is not None:
        value = index_of(criterion.gathered)
    elif criterion.weighed is not None:
        value = constant_of(criterion.weighed)
        shape = output_shape(criterion.node)
        value = value if isinstance(value, Tensor) and tuple(value.shape) == shape else None
        value = value if value is None or value.is_floating_point() else value.float()
        if value is not None and value.dim() > 2 and criterion.judges != "bce":
            value = value.flatten(0, -2)
    if not isinstance(value, Tensor):
        return None
    return _unmasked(value.detach(), criterion)


def _unmasked(target: Tensor, criterion: Criterion) -> Tensor:
    """The targets that a mask of the terms leaves over."""
    mask = None if criterion.masked is None else mask_of_terms(criterion.masked)
    if mask is None or mask.numel() != target.numel():
        return target
    return target.reshape(-1)[mask.detach().reshape(-1) != 0]
