"""Computes which values the last acts of a head can give together."""

import torch

from relume.acts.act import by_node
from relume.record.graph.autograd_graph import AutogradNode, kind, name_of, signal_inputs
from relume.record.graph.criterion import BY_HAND, Criterion, Head
from relume.record.graph.op_names import RESHAPE

LARGEST = 1e4  # magnitude up to which the head's own output is tried


def head_reach(criterion: Criterion, head: Head) -> tuple[float, float] | None:
    """Return (least, greatest) value that the acts after the head can give, whatever it says.

    The acts are applied one after the other to a grid of numbers of every size. A softmax at the
    end is left out: what it can give follows from the range of its scores and their number.

    Returns:
        None where there are fewer than two acts, or something else stands between them.
    """
    if head.affine is None or len(head.acts) < 2 or not _is_chain(criterion, head):
        return None
    size = torch.logspace(-4, 4, 801, dtype=torch.float64)
    values = torch.cat((-size.flip(0), torch.zeros(1, dtype=torch.float64), size))
    for node in head.acts:
        act, spec = by_node()[name_of(node)]
        if act.name in ("softmax", "log_softmax") and node is head.acts[-1]:
            break
        if not act.elementwise:
            return None
        extra = act.parameters(spec, node)
        if any(isinstance(value, torch.Tensor) and value.numel() > 1 for value in extra.values()):
            return None
        values = act.value(values, **extra)
    return float(values.min()), float(values.max())


def _is_chain(criterion: Criterion, head: Head) -> bool:
    """Whether the acts follow each other, and the head, with nothing but reshapes between."""
    node, waiting = criterion.entry, [*head.acts]
    if kind(criterion.node) in BY_HAND and node is not None and kind(node) == "SubBackward":
        node = next(iter(signal_inputs(node)), None)
    for _ in range(64):
        if node is None:
            return False
        if node is head.affine:
            return not waiting
        if waiting and node is waiting[-1]:
            waiting.pop()
        elif kind(node) not in RESHAPE and not _is_log(criterion, head, node, waiting):
            return False
        node = next(iter(signal_inputs(node)), None)
    return False


def _is_log(
    criterion: Criterion, head: Head, node: AutogradNode, waiting: list[AutogradNode]
) -> bool:
    """Whether a node belongs to a logarithm of the last act's output, with its guard."""
    outside = len(waiting) == len(head.acts)
    return outside and kind(node) in ("LogBackward", "AddBackward", "NegBackward")
