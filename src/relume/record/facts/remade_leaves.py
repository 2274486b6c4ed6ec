"""Finds parameters that no optimiser holds and that are made anew on every step."""

import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from relume.core import Fact
from relume.record.facts.attribute_paths import is_parameter
from relume.record.facts.wiring_leaf import LeafAudit
from relume.record.graph.autograd_graph import AutogradGraph
from relume.record.store.run_file import Writer

MOST_REMADE = 64  # leaves of one step that are followed because no optimiser holds them


class RemadeLeaves:
    """Writes one fact ``wiring`` once such leaves are gone and stand there anew.

    Args:
        leaves: what is known of each leaf, by its tensor's id.
        writer: the open run file.
    """

    def __init__(self, leaves: dict[int, LeafAudit], writer: Writer) -> None:
        self._leaves = leaves
        self._writer = writer
        self._passing: list[tuple[weakref.ref[Tensor], tuple[int, ...]]] = []
        self._times = self._chances = 0
        self._line = ("", 0)
        self._data: dict[str, Any] = {}
        self._first = 0

    def follow(self, free: Iterable[int]) -> None:
        """Follow the leaves of an audit that no optimiser holds."""
        self._passing = [
            (leaf.ref, tuple(tensor.shape))
            for number in list(free)[:MOST_REMADE]
            if (tensor := (leaf := self._leaves[number]).ref()) is not None and is_parameter(tensor)
        ]

    def find(self, graph: AutogradGraph, step: int) -> None:
        """Find parameters that no optimiser held, that are gone, and stand there anew."""
        self._chances += bool(self._passing)
        gone = Counter(shape for ref, shape in self._passing if ref() is None)
        self._passing = []
        fresh = [t for t in graph.leaves if is_parameter(t) and self._is_fresh(t, step)]
        again = gone & Counter(tuple(tensor.shape) for tensor in fresh)
        if not again:
            return
        self._times += 1
        leaf = next(self._leaves[id(t)] for t in fresh if tuple(t.shape) in again)
        self._line = self._line if self._line[1] else leaf.line
        data: dict[str, Any] = {
            "what": "remade",
            "times": self._times,
            "chances": self._chances,
            "leaves": again.total(),
            "kept": sum(one.held for one in self._leaves.values()),
            "shapes": ", ".join("x".join(map(str, shape)) for shape in again),
            "file": self._line[0],
            "line": self._line[1],
        }
        self._data, self._first = data, step
        self._writer.replace_fact(Fact("wiring", "remade", step, data))

    def finish(self) -> None:
        """Write the last count of the steps that were looked at."""
        if self._data:
            self._writer.replace_fact(
                Fact("wiring", "remade", self._first, {**self._data, "chances": self._chances})
            )

    def _is_fresh(self, tensor: Tensor, step: int) -> bool:
        leaf = self._leaves.get(id(tensor))
        return leaf is not None and not leaf.held and not leaf.audits and leaf.since == step
