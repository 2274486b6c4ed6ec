"""Finds what keeps the error from the weights before it: operations without a slope, and cuts.

``sign`` and ``round`` are nodes of the graph. A comparison, an ``argmax`` or a conversion to whole
numbers is none: what comes before it is missing from the graph, as it is where the gradient is left
behind (``.detach()``, ``.data``, ``.tolist()``, ``no_grad``). Where modules run and never get a
gradient, the calls of a few recorded steps are followed (`call_follower.py`).
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from relume.core import Fact
from relume.record.facts.call_follower import FollowedSteps, Origin, on_the_way
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph.autograd_graph import AutogradGraph, kind, walk
from relume.record.graph.zero_slope import leaves_past, zero_slope_nodes
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites, source_of
from relume.record.store.run_file import Writer

LEAST = 2  # looks at which a module ran and its weights were in no graph
MOST_STEPS = 3  # steps that are followed call by call
MOST_LEAVES = 32  # weights that are named


@dataclass(slots=True)
class Missing:
    """A parameter whose module ran, and how often it was in no graph."""

    ref: weakref.ref[Tensor]
    times: int = 0


class GradientCuts(FactAudit):
    """Writes one fact for each operation, or cut, that keeps the error from weights before it."""

    def __init__(self, sites: Sites, writer: Writer, followed: FollowedSteps) -> None:
        super().__init__(sites, writer)
        self._names = sites.names
        self._followed = followed
        self._reached: set[int] = set()
        self._missing: dict[int, Missing] = {}
        self._written: dict[str, dict[str, Any]] = {}

    def read(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> None:
        """Look for operations without a slope in a graph, and for weights that are not in it.

        Args:
            graph: as walked from the loss, before backward.
            trace: the modules that were called on the step.
            step: the current step.
        """
        self._read_walls(graph, step)
        self._reached.update(id(leaf) for leaf in graph.leaves)
        told: set[int] = set()
        for origin in self._culprits(graph):
            lost = self._lost(origin, told)
            told |= set(map(id, lost))
            self._write(origin.operation, origin.file, origin.line, lost, step, plain=origin.plain)
        self._count_missing(trace)
        often = [number for number, one in self._missing.items() if one.times >= LEAST]
        if often:
            self._followed.want("cuts", MOST_STEPS, often)

    def _culprits(self, graph: AutogradGraph) -> Iterator[Origin]:
        """Yield the origins that come back into the loss, then those that may.

        What left torch and came back as other numbers is not known again: it is told where such
        values leave on one line only.
        """
        origins = self._followed.origins
        known = list(on_the_way(origins, set(graph.nodes)))
        yield from known
        told = {id(leaf) for origin in known for leaf in origin.leaves}
        left = [o for o in origins if o.values and o not in known and self._lost(o, told)]
        if len({(origin.file, origin.line) for origin in left}) == 1:
            yield from left

    def _lost(self, origin: Origin, told: set[int]) -> list[Tensor]:
        seen = self._reached | told
        return [leaf for leaf in origin.leaves if id(leaf) not in seen]

    def _count_missing(self, trace: ModuleTrace) -> None:
        for ref in trace.called.values():
            module = ref()
            for parameter in () if module is None else module.parameters(recurse=False):
                if parameter.requires_grad and id(parameter) not in self._reached:
                    known = self._missing.setdefault(id(parameter), Missing(weakref.ref(parameter)))
                    known.times += 1
        for number in self._reached & self._missing.keys():
            del self._missing[number]

    def _read_walls(self, graph: AutogradGraph, step: int) -> None:
        """Find the leaves that every path from the loss reaches through a node without slope."""
        walls = zero_slope_nodes(graph)
        if not walls:
            return
        live = leaves_past(graph, walls)
        for wall in walls:
            lost = [leaf for leaf in walk(wall).leaves if id(leaf) not in live]
            if lost:
                operation = kind(wall).removesuffix("Backward").lower()
                self._write(operation, *source_of(wall), lost, step)

    def _write(
        self,
        operation: str,
        file: str,
        line: int,
        lost: list[Tensor],
        step: int,
        *,
        plain: bool = False,
    ) -> None:
        names = [name for leaf in lost if (name := self._names.parameter(leaf))]
        if not names:
            return
        data: dict[str, Any] = {"operation": operation, "plain": plain, "file": file, "line": line}
        known = self._written.setdefault(names[0], {**data, "leaves": [], "step": step})
        before = {**known, "leaves": [*known["leaves"]]}
        known["leaves"] = list(dict.fromkeys([*known["leaves"], *names]))[:MOST_LEAVES]
        if not known["line"]:
            known |= {"file": file, "line": line}
        if known != before:
            self._writer.replace_fact(Fact("cut", names[0], known["step"], dict(known)))
