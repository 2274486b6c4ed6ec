"""Finds the nodes of a graph that autograd's own backward made (a gradient inside the loss).

A gradient penalty or a physics-informed loss calls ``torch.autograd.grad(..., create_graph=True)``,
and the graph of the loss then holds the layers twice: as the model called them, and as products
with transposed weights. Only the first kind is the model.
"""

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    is_leaf,
    kind,
    parameter_behind,
)
from relume.record.graph.op_names import AFFINE


def is_backward_product(node: AutogradNode) -> bool:
    """Whether a product multiplies a gradient with a weight: the weight is transposed twice."""
    if kind(node) != "MmBackward":
        return False
    return any(_transposed_twice(source) for source in inputs(node))


def _transposed_twice(node: AutogradNode | None) -> bool:
    for _ in range(2):
        if node is None or kind(node) != "TBackward":
            return False
        node = inputs(node)[0]
    return is_leaf(node)


def made_by_backward(graph: AutogradGraph) -> set[AutogradNode]:
    """The nodes that backward made, and what the loss makes of them; empty for most graphs.

    A layer that takes a gradient for its weight (a meta-learner's second forward) is the model's.
    """
    made: set[AutogradNode] = set()
    todo = [
        node
        for name, node in zip(graph.names, graph.nodes, strict=True)
        if "BackwardBackward" in name or (name == "MmBackward0" and is_backward_product(node))
    ]
    users: dict[AutogradNode, list[AutogradNode]] = {}
    if todo:
        for user in graph.nodes:
            for source in inputs(user):
                if source is not None:
                    users.setdefault(source, []).append(user)
    while todo:
        node = todo.pop()
        if node in made:
            continue
        made.add(node)
        todo.extend(user for user in users.get(node, ()) if not _takes_as_weight(user, node))
    return made


def _takes_as_weight(user: AutogradNode, node: AutogradNode) -> bool:
    op = AFFINE.get(kind(user))
    if op is None or is_backward_product(user):
        return False
    sources = inputs(user)
    if parameter_behind(sources[op.data]) is not None:
        return False  # a gradient of few rows is multiplied from the other side
    return sources[op.data] is not node
