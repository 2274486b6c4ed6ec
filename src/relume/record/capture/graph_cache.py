"""Reuses what was read from an earlier graph when a step makes the same graph again.

A training step nearly always makes the same graph. The cache compares its operations, the distances
of their sequence numbers, its leaves, and the modules that were open with those of the last step
that was read in full. Where all are equal, so are the acts, the head and the criterion, and they
are taken from the cache by their position in the graph. Every deep record reads in full.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from relume.record.facts.fact_log import GraphView
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode
from relume.record.sites.function_mode import CapturedInput
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import SiteCall, SiteState

NO_ROWS = torch.empty(0, 0)  # of an input that is computed again on each step
Signature = tuple[list[str], list[int], list[int], list[int], list[Any]]


@dataclass(slots=True)
class CachedGraph:
    """The acts, head, criterion and inputs of a graph that was read in full.

    Attributes:
        signature: another graph must equal it to be read from this cache.
        acts: state, order and node of each act, and the node from which its input is computed
            again, if it is, with that input on the step that was read in full. A node is its
            position in the graph.
        head: the head's state and the position of its node.
        criterion: its name and the position of its node.
        input_layers: the layers at which the user's data enter, by the position of their node
            (token numbers are not saved, so an embedding is never among them).
        heads: state, order and position of each attention and router.
    """

    signature: Signature
    acts: list[tuple[SiteState, int, int, tuple[int, CapturedInput] | None]]
    head: tuple[SiteState, int] | None
    criterion: tuple[str, int] | None
    input_layers: dict[int, str]
    heads: list[tuple[SiteState, int, int]] = field(
        default_factory=list[tuple[SiteState, int, int]]
    )

    def site_calls(self, graph: AutogradGraph, phase: int) -> list[SiteCall]:
        """Return the acts of another graph with this signature, read by record `phase`."""
        calls: list[SiteCall] = []
        for state, order, at, known in self.acts:
            call = SiteCall(state, order, graph.nodes[at])
            if known is not None:
                source, captured = known
                rows = captured.compute and captured.compute(graph.nodes[source], phase)
                if rows is None:
                    continue
                call.captured_input = replace(captured, rows=rows)
            calls.append(call)
        return calls


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
    heads: Sequence[SiteCall] = (),
) -> CachedGraph | None:
    """Return a cache of a graph that was read in full; None if an act has no node in it."""
    places: dict[AutogradNode | None, int] = {node: place for place, node in enumerate(graph.nodes)}
    inputs = [call.captured_input for call in acts]
    known = all(one is None or one.source in places for one in inputs)
    if key is None or not known or any(call.node is None for call in acts):
        return None
    head = None if view.head is None else (view.head[0], places[view.head[1]])
    criterion = None if view.criterion is None else (view.criterion[0], places[view.criterion[1]])
    input_places = {places[node]: layer for node, layer in input_layers.items()}
    again = [
        None if one is None else (places[one.source], replace(one, rows=NO_ROWS, source=None))
        for one in inputs
    ]
    act_places = [
        (call.state, call.order, places[call.node], one)
        for call, one in zip(acts, again, strict=True)
    ]
    head_places = [(call.state, call.order, places[call.node]) for call in heads]
    return CachedGraph(key, act_places, head, criterion, input_places, head_places)
