"""Reads the targets that a criterion saved, or solves a hand-written distance for them."""

from typing import Any

from torch import Tensor

from relume.acts.act import by_node
from relume.record.graph.autograd_graph import AutogradNode, kind, name_of, saved, signal_inputs
from relume.record.graph.criterion import BY_HAND, Criterion, Head, first_signal
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
    while node is not None and node is not last:
        node = first_signal(node) if kind(node) in SAME_ORDER else None
    value = _output(last, bool(head.acts)) if node is last else None
    if value is None or value.numel() != difference.numel():
        return None
    output = value.detach().reshape(difference.shape)
    output_first = entry.next_functions[0][0] is not None
    target_minus_output = (kind(entry) == "RsubBackward") is output_first  # target - output
    return output + difference.detach() if target_minus_output else output - difference.detach()


SAME_ORDER = frozenset(
    f"{name}Backward"
    for name in (
        *("View", "UnsafeView", "Reshape", "ReshapeAlias", "Squeeze", "Unsqueeze"),
        *("Flatten", "Alias"),
    )
)


def _output(node: AutogradNode, act: bool) -> Tensor | None:
    if not act:
        return output_of(node, 0) if kind(node) != "ConvolutionBackward" else None
    record = by_node()[name_of(node)][1]
    return (
        record.read(node)
        if record.holds == "post" and saved(node, record.saved) is not None
        else None
    )


def targets(criterion: Criterion) -> Tensor | None:
    """The targets that the criterion saved, or None."""
    value: Any = saved(criterion.node, "_saved_target")
    if criterion.weighed is not None:
        factors = (saved(criterion.weighed, f"_saved_{side}") for side in ("other", "self"))
        shape = getattr(saved(criterion.node, "_saved_result"), "shape", None)
        value = next((t for t in factors if isinstance(t, Tensor) and t.shape == shape), None)
        value = value if value is None or value.is_floating_point() else value.float()
    return value.detach() if isinstance(value, Tensor) else None
