"""Audits which terms of the loss send a gradient, and asks the same of rows and labels.

The first records and every 15th later one are read, as in `wiring.py`; what a record costs there is
one reduction over the gradient of the head.
"""

import sys
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from relume.core import Fact
from relume.instrument.module_names import user_frame
from relume.record.facts.call_follower import FollowedSteps, Origin
from relume.record.facts.row_reach import RowReach
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode
from relume.record.graph.loss_terms import bare_operands, cut_operand, split
from relume.record.sites.sites import source_of
from relume.record.store.run_file import Writer

FIRST, EVERY = 10, 15  # records that are read, as in `wiring.py`
FOLLOWED = 2  # steps whose calls are followed where a sum has an operand without a gradient
Reach = tuple[tuple[str, int], frozenset[int]]
"""Line of a term, and the ids of the leaves behind it."""


class TermReach:
    """Writes facts ``signal``: at ``term N`` and ``terms``, and those of `RowReach`.

    Args:
        writer: the open run file.
        followed: steps whose calls are followed one by one.
    """

    def __init__(self, writer: Writer, followed: FollowedSteps) -> None:
        self._writer = writer
        self._followed = followed
        self._audits = 0
        self._rows = RowReach(writer)
        self._terms: list[Reach] = []  # of backward passes whose optimisers have not all stepped
        self._held: set[int] = set()
        self._silent: dict[tuple[str, int, str], int] = {}
        self._cuts: dict[
            tuple[str, int, str], tuple[str, str, int]
        ] = {}  # what cut them, and where
        self._by_place: dict[int, list[int]] = {}  # by place in the sum: reached, unreached
        self._places: dict[int, tuple[str, int]] = {}
        self._sums = 0

    def read(self, graph: AutogradGraph, step: int, record: int) -> None:
        """Read one graph before its backward; all of a record, or none (real and fake of a GAN)."""
        self._close_terms()
        if record >= FIRST and record % EVERY:
            return
        self._audits += 1
        if graph.derived:
            return
        self._rows.read(graph)
        terms, bare = split(graph)
        self._terms = [(source_of(term.entry), term.leaves) for term in terms]  # no node: it holds
        self._sums += len(terms) > 1 or bool(bare)  # the leaves, and layers made anew must go
        for node in bare:
            self._read_bare(graph, node)
        if self._audits & (self._audits - 1) == 0:
            self.write(step)

    # ------------------------------------------------------------------ terms

    def _read_bare(self, graph: AutogradGraph, node: AutogradNode) -> None:
        """Look whether the operand without a gradient was cut off from the weights of the graph."""
        file, line = source_of(node)
        names = _names_at(file, line)
        by_address = {leaf.data_ptr(): leaf for leaf in graph.leaves}
        text = cut_operand(file, line, names, by_address) if names else ""
        cut = self._followed_cut(graph, node, (file, line), names)
        if cut is not None:
            entry, operand, origin = cut
            place = (file, line, text) if text else (*entry, operand)
            self._note(place, (origin.operation, origin.file, origin.line))
        elif text:
            self._note((file, line, text), None)
        if line and cut is None:
            self._followed.want("terms", FOLLOWED)

    def _note(self, place: tuple[str, int, str], cut: tuple[str, str, int] | None) -> None:
        self._silent[place] = self._silent.get(place, 0) + 1
        if cut is not None:
            self._cuts[place] = cut

    def _followed_cut(
        self,
        graph: AutogradGraph,
        node: AutogradNode,
        place: tuple[str, int],
        names: Mapping[str, Any],
    ) -> tuple[tuple[str, int], str, Origin] | None:
        """The operand of a sum that was a number of these weights' own, in the calls of the step.

        It is known by the tensor, or the number, that came back, or by the line on which its name
        is bound to a number that left torch there.
        """
        known = set(map(id, graph.leaves))
        operands = list(bare_operands(*place, names)) if place[1] else []
        for origin in self._followed.origins:
            if not any(id(leaf) in known for leaf in origin.leaves):
                continue
            entry = origin.entries.get(node)
            if entry is not None and entry.count == 1:
                texts = [text for text, lines in operands if origin.line in lines]
                texts += [text for text, lines in operands if not lines]
                text = next(iter(texts), f"what {origin.operation} returned")
                return (entry.file, entry.line), text, origin
            for text, lines in operands:
                if origin.values and origin.file == place[0] and origin.line in lines:
                    return place, text, origin
        return None

    def after_step(self, optimizer: Optimizer) -> None:
        """An optimiser has stepped on the gradients that were read."""
        self._held |= {id(p) for group in optimizer.param_groups for p in group["params"]}

    def _close_terms(self) -> None:
        """Count the terms that reached no weight of an optimiser that stepped on them."""
        terms, held, self._terms, self._held = self._terms, self._held, [], set()
        if len(terms) < 2 or not any(leaves & held for _, leaves in terms):
            return
        for at, (place, leaves) in enumerate(terms):
            if leaves:
                times = self._by_place.setdefault(at, [0, 0])
                times[not leaves & held] += 1
                self._places[at] = place if place[1] else self._places.get(at, place)

    # ------------------------------------------------------------------ the file

    def write(self, step: int) -> None:
        """Write the facts as far as they are known."""
        self._rows.write()
        silent = dict(self._silent)
        for number, (reached, unreached) in self._by_place.items():
            if unreached and not reached:  # else another optimiser steps on it at another time
                silent[(*self._places.get(number, ("", 0)), "")] = unreached
        for at, ((file, line, text), times) in enumerate(silent.items()):
            cut, cut_file, cut_line = self._cuts.get((file, line, text), ("", "", 0))
            data = {"file": file, "line": line, "operand": text, "times": times}
            data |= {"cut": cut, "cut_file": cut_file, "cut_line": cut_line} if cut else {}
            self._writer.replace_fact(Fact("signal", f"term {at}", 0, data))
        if self._sums:
            self._writer.replace_fact(Fact("signal", "terms", 0, {"sums": self._sums}))

    def finish(self, step: int) -> None:
        """Write what is known at the end of the run."""
        self._close_terms()
        self.write(step)


def _names_at(file: str, line: int) -> Mapping[str, Any]:
    """What names are bound to in the function that runs this line; empty where it has returned."""
    frame = user_frame(sys._getframe(1))
    while frame is not None:
        code = frame.f_code
        if code.co_filename == file and any(number == line for *_, number in code.co_lines()):
            return {**frame.f_globals, **frame.f_locals}
        frame = user_frame(frame.f_back)
    return {}
