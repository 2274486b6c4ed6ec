"""Finds operations whose slope is zero everywhere, and the leaves that a path reaches past them."""

from collections.abc import Collection

from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, kind, leaf_of

ZERO_SLOPE = frozenset(
    f"{name}Backward" for name in ("Sign", "Sgn", "Round", "Floor", "Ceil", "Trunc", "FloorDivide")
)


def zero_slope_nodes(graph: AutogradGraph) -> list[AutogradNode]:
    """Return the operations whose slope is zero everywhere, in the graph's order."""
    return [node for node in graph.nodes if kind(node) in ZERO_SLOPE]


def leaves_past(graph: AutogradGraph, walls: Collection[AutogradNode]) -> set[int]:
    """Return the leaves to which some path from the loss leads past every wall, by id."""
    closed = set(walls)
    seen: set[AutogradNode] = {graph.root}
    queue: list[AutogradNode] = [graph.root]
    for node in queue:
        if node in closed:
            continue
        for source, _ in node.next_functions:
            if source is not None and source not in seen:
                seen.add(source)
                queue.append(source)
    return {id(tensor) for node in queue if (tensor := leaf_of(node)) is not None}
