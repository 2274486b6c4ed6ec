"""Finds where a forward pass first held a value that is not finite, from what its nodes kept."""

from dataclasses import dataclass

import torch
from torch import Tensor

from relume.instrument.float64 import as_float64
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    saved,
    signal_inputs,
)

KEPT_SIGNAL = ("_saved_self", "_saved_input", "_saved_mat1")
KEPT_INPUTS = (*KEPT_SIGNAL, "_saved_other", "_saved_mat2")
KEPT_OUTPUTS = ("_saved_result",)
UNDEFINED = frozenset(f"{n}Backward" for n in ("Log", "Log2", "Sqrt", "Rsqrt", "Div", "Pow", "Exp"))
MOST_BACK = 16  # nodes in a row that keep nothing


@dataclass(slots=True)
class BrokenPlace:
    """The first place that is not finite.

    Attributes:
        leaf: the parameter that holds such a value; None where an operation made it.
        node: the operation that made it; None for a parameter.
        operation: its name as torch's functions have it.
    """

    leaf: Tensor | None
    node: AutogradNode | None
    operation: str


def is_freed(graph: AutogradGraph) -> bool:
    """Whether backward has run through the graph: what its nodes kept is then gone."""
    for node in graph.nodes:
        for name in (*KEPT_OUTPUTS, *KEPT_INPUTS):
            try:
                getattr(node, name)
            except AttributeError:
                continue
            except RuntimeError:
                return True
    return False


def broken_place(graph: AutogradGraph, output: Tensor) -> BrokenPlace | None:
    """Return the first place of a forward that is not finite; None where its output is finite.

    Args:
        graph: the graph of the output.
        output: what the forward has computed.
    """
    if _is_finite(output):
        return None
    for leaf in graph.leaves:
        if not _is_finite(leaf):
            return BrokenPlace(leaf, None, "the update before")
    for node in graph.nodes:
        if any(not _is_finite(saved(node, name)) for name in KEPT_OUTPUTS):
            return BrokenPlace(None, node, _operation(node))
        if any(not _is_finite(saved(node, name)) for name in KEPT_INPUTS):
            before = signal_inputs(node)
            if not before:
                return BrokenPlace(None, node, "the data")
            return _made_by(max(before, key=lambda source: source._sequence_nr()))
    return _made_by(graph.root)


def _made_by(node: AutogradNode) -> BrokenPlace:
    """The place among a node and those before it that kept nothing, which made the value.

    An operation that is not defined everywhere is the likeliest of them, else the latest is.
    """
    likeliest, current = node, node
    for _ in range(MOST_BACK):
        if kind(current) in UNDEFINED:
            likeliest = current
        before = signal_inputs(current)
        if not before or any(saved(current, name) is not None for name in KEPT_SIGNAL):
            break
        current = max(before, key=lambda source: source._sequence_nr())
    return BrokenPlace(None, likeliest, _operation(likeliest))


def _operation(node: AutogradNode) -> str:
    return kind(node).removesuffix("Backward").lower()


def _is_finite(value: object) -> bool:
    """Whether a value holds no NaN or infinity; a sum is finite only where all entries are."""
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.is_meta:
        return True
    if value.layout != torch.strided:
        return True
    total = float(as_float64(value.detach()).sum())
    return total - total == 0.0
