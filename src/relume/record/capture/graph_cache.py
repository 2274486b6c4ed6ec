"""Reuses what was read from an earlier graph when a step makes the same graph again.

A training step nearly always makes the same graph. The cache compares its operations, the distances
of their sequence numbers, its leaves, and the modules that were open with those of the last step
that was read in full. Where all are equal, so are the acts, the head and the criterion, and they
are taken from the cache by their position in the graph. Every deep record reads in full.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relume.record.facts.fact_log import GraphView
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import SiteCall, SiteState

Signature = tuple[list[str], list[int], list[int], list[int], list[Any]]


@dataclass(slots=True)
class CachedGraph:
    """The acts, head, criterion and inputs of a graph that was read in full.

    Attributes:
        signature: another graph must equal it to be read from this cache.
        acts: state, order and node of each act; a node is its position in the graph.
        head: the head's state and the position of its node.
        criterion: its name and the position of its node.
        input_layers: the layers at which the user's data enter, by the position of their node
            (token numbers are not saved, so an embedding is never among them).
        saved: the saved values that are read: position of the node, and raw attribute.
    """

    signature: Signature
    acts: list[tuple[SiteState, int, int]]
    head: tuple[SiteState, int] | None
    criterion: tuple[str, int] | None
    input_layers: dict[int, str]
    saved: list[tuple[int, str]]

    def site_calls(self, graph: AutogradGraph) -> list[SiteCall]:
        """Return the acts of another graph with this signature."""
        return [SiteCall(state, order, graph.nodes[at]) for state, order, at in self.acts]

    def matches(self, graph: AutogradGraph) -> bool:
        """Whether a graph has the same nodes and leaves; its modules are not compared."""
        names, numbers, leaves, _, _ = self.signature
        return (
            graph.complete
            and graph.names == names
            and [id(leaf) for leaf in graph.leaves] == leaves
            and _distances(graph.numbers) == numbers
        )

    def has_packed(self, graph: AutogradGraph) -> bool:
        """Whether a saved value that would be read is packed (checkpointing, offload).

        Reading a packed value would compute it again.
        """
        for at, name in self.saved:
            saved_value: Any = getattr(graph.nodes[at], name)
            if any(
                item is not None and item.unpack_hook is not None for item in _each(saved_value)
            ):
                return True
        return False


def signature(graph: AutogradGraph, module_trace: ModuleTrace) -> Signature | None:
    """Return what tells a step's graph from others; None if several threads or packing hide it."""
    if not module_trace.cacheable or not graph.complete or not graph.nodes:
        return None
    numbers, thread_trace = graph.numbers, module_trace.main
    end = numbers[-1]
    at = max(bisect_right(thread_trace.numbers, numbers[0]) - 1, 0)
    return (
        graph.names,
        _distances(numbers),
        [id(leaf) for leaf in graph.leaves],
        [end - number for number in thread_trace.numbers[at:]],
        thread_trace.owners[at:],
    )


def _distances(numbers: list[int]) -> list[int]:
    """Return the distance of each sequence number from the last one."""
    end = numbers[-1] if numbers else 0
    return [end - number for number in numbers]


def cached_graph(
    key: Signature | None,
    graph: AutogradGraph,
    acts: Sequence[SiteCall],
    view: GraphView,
    input_layers: Mapping[AutogradNode, str],
) -> CachedGraph | None:
    """Return a cache of a graph that was read in full; None if an act has no node in it."""
    if key is None or any(call.node is None or call.captured_input is not None for call in acts):
        return None
    places: dict[AutogradNode, int] = {node: place for place, node in enumerate(graph.nodes)}
    head = None if view.head is None else (view.head[0], places[view.head[1]])
    criterion = None if view.criterion is None else (view.criterion[0], places[view.criterion[1]])
    input_places = {places[node]: layer for node, layer in input_layers.items()}
    act_places = [(call.state, call.order, places[call.node]) for call in acts]
    read = {at for _, _, at in act_places} | input_places.keys()
    read |= {item[1] for item in (head, criterion) if item is not None}
    raw = [(at, name) for at in sorted(read) for name in _raw_attributes(graph.nodes[at])]
    return CachedGraph(key, act_places, head, criterion, input_places, raw)


def _each(saved_value: Any) -> Iterable[Any]:
    return saved_value if isinstance(saved_value, tuple | list) else (saved_value,)  # pyright: ignore[reportUnknownVariableType]


def _raw_attributes(node: AutogradNode) -> list[str]:
    """Return the attributes that give a node's saved values without unpacking them."""
    return [name for name in dir(node) if name.startswith("_raw_saved_")]
