"""Steps that take the way of an earlier one: what was found on its graph is known by place.

A training step nearly always makes the same graph. Its operations, the places of their sequence
numbers, its leaves, and the modules that were open are compared with those of the last step that
was read in full; where all are equal, so are the acts, the head and the criterion, and none of
them is looked for again. Every deep record reads in full.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relume.record.graph import AutogradNode, Graph
from relume.record.marks import Marks
from relume.record.notes import View
from relume.record.sites import Plan, Seen
from relume.record.structure import data_inputs

Signature = tuple[list[str], list[int], list[int], list[int], list[Any]]


@dataclass(slots=True)
class Way:
    """What a graph was found to be.

    Attributes:
        signature: what another graph must be like.
        acts: plan, order and node of each act, the node by its place in the graph.
        head, criterion: their places, and what is known of them.
        fed: the user's data enter at a layer that shows them (token numbers are never shown).
    """

    signature: Signature
    acts: list[tuple[Plan, int, int]]
    head: tuple[Plan, int] | None
    criterion: tuple[str, int] | None
    fed: bool

    def seen(self, graph: Graph) -> list[Seen]:
        """The acts of another graph of this signature."""
        return [Seen(plan, order, graph.nodes[at]) for plan, order, at in self.acts]


def signature(graph: Graph, marks: Marks) -> Signature | None:
    """What tells a step's graph from others; None where it cannot be told."""
    if not marks.alone or not graph.complete or not graph.nodes:
        return None
    numbers, track = graph.numbers, marks.main
    end = numbers[-1]
    at = max(bisect_right(track.numbers, numbers[0]) - 1, 0)
    return (
        graph.names,
        [end - number for number in numbers],
        [id(leaf) for leaf in graph.leaves],
        [end - number for number in track.numbers[at:]],
        track.owners[at:],
    )


def way(sign: Signature | None, graph: Graph, acts: Sequence[Seen], view: View) -> Way | None:
    """What was read in full, for the steps that are like it; None where it is not all in nodes."""
    if sign is None or any(seen.node is None or seen.held is not None for seen in acts):
        return None
    places: dict[AutogradNode, int] = {node: place for place, node in enumerate(graph.nodes)}
    head = None if view.head is None else (view.head[0], places[view.head[1]])
    judged = None if view.criterion is None else (view.criterion[0], places[view.criterion[1]])
    fed = next(data_inputs(graph), None) is not None
    return Way(sign, [(s.plan, s.order, places[s.node]) for s in acts], head, judged, fed)
