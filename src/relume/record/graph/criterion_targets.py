"""The targets that the criterion kept, or that can be had back from a distance written by hand."""

from typing import Any

from torch import Tensor

from relume.acts.act import by_node
from relume.record.graph.autograd_graph import AutogradNode, carries_signal, kind, name_of, saved
from relume.record.graph.criterion import BY_HAND, Criterion, Head, first_signal
from relume.record.graph.recompute import output_of


def subtracted(found: Criterion, ends: Head) -> Tensor | None:
    """The targets of a hand-written distance, from the difference that it kept and the output.

    The output is what the last act kept, or the head's, computed again; to rounding, therefore.
    """
    entry, last = found.entry, ends.acts[-1] if ends.acts else ends.affine
    if kind(found.node) not in BY_HAND or entry is None or last is None:
        return None
    apart = saved(found.node, "_saved_self")
    if kind(entry) not in ("SubBackward", "RsubBackward") or not isinstance(apart, Tensor):
        return None
    node = first_signal(entry) if len(carries_signal(entry)) == 1 else None
    while node is not None and node is not last:
        node = first_signal(node) if kind(node) in SAME_ORDER else None
    value = _output(last, bool(ends.acts)) if node is last else None
    if value is None or value.numel() != apart.numel():
        return None
    out = value.detach().reshape(apart.shape)
    leads = entry.next_functions[0][0] is not None
    backwards = (kind(entry) == "RsubBackward") is leads  # target - output
    return out + apart.detach() if backwards else out - apart.detach()


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
    shown = by_node()[name_of(node)][1]
    return (
        shown.read(node) if shown.holds == "post" and saved(node, shown.saved) is not None else None
    )


def targets(found: Criterion) -> Tensor | None:
    """The targets that the criterion kept, or None."""
    value: Any = saved(found.node, "_saved_target")
    if found.weighed is not None:
        kept = (saved(found.weighed, f"_saved_{side}") for side in ("other", "self"))
        shape = getattr(saved(found.node, "_saved_result"), "shape", None)
        value = next((t for t in kept if isinstance(t, Tensor) and t.shape == shape), None)
        value = value if value is None or value.is_floating_point() else value.float()
    return value.detach() if isinstance(value, Tensor) else None
