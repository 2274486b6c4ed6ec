"""Finds softmaxes of probabilities: a softmax whose input is already the output of another one."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    output_shape,
    passes_through,
    signal_inputs,
    signed_axis,
)
from relume.record.graph.op_names import RESHAPE

SECOND = frozenset(f"{name}Backward" for name in ("Softmax", "LogSoftmax", "Logsumexp"))
MOST_BETWEEN = 8  # reshapes between the two


def softmax_chains(graph: AutogradGraph) -> Iterator[tuple[AutogradNode, AutogradNode]]:
    """Yield (first, second) for each softmax that takes probabilities over the same axis.

    Only what keeps the entries as they are may stand between them. A scale is not let through:
    probabilities over a small temperature are sharpened on purpose.
    """
    for second in graph.nodes:
        if kind(second) not in SECOND or second in graph.derived:
            continue
        before = next(iter(signal_inputs(second)), None)
        for _ in range(MOST_BETWEEN):
            if before is None or kind(before) == "SoftmaxBackward":
                break
            keeps = kind(before) in RESHAPE or kind(before) == "NativeDropoutBackward"
            before = passes_through(before) if keeps else None
        if before is not None and kind(before) == "SoftmaxBackward" and _same_axis(before, second):
            yield before, second


def _same_axis(first: AutogradNode, second: AutogradNode) -> bool:
    axes: list[int] = []
    for node in (first, second):
        shape = output_shape(first)
        axis: Any = node._saved_dim
        if isinstance(axis, tuple | list):
            axis = cast("Sequence[Any]", axis)[0]
        axes.append(signed_axis(axis) % max(len(shape or ()), 1))
    return axes[0] == axes[1]
