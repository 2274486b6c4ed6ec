"""Audits the wiring of a training: which tensors get a gradient, and which of them an optimiser
holds, clears and moves.

Everything here is exact: a gradient is None or zero in every entry, a weight's sampled entries are
equal bit by bit, a gradient was there before backward began. The first records and every 15th
later one are audited; what is settled of a parameter (it had a gradient, it moved) is not looked
at again.
"""

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from relume.core import Fact
from relume.record.facts.attribute_paths import is_parameter
from relume.record.facts.data_audit import DataAudit
from relume.record.facts.gradient_windows import GradientWindows
from relume.record.facts.leaf_names import LeafNames, find_cuts
from relume.record.facts.remade_leaves import RemadeLeaves
from relume.record.facts.wiring_leaf import (
    LeafAudit,
    mark_moved,
    moments_of,
    optimizer_numbers,
    read_unchanged,
    sample,
    scalars,
    zeros,
)
from relume.record.graph.autograd_graph import AutogradGraph
from relume.record.measure.dtensor import is_sharded, local_part
from relume.record.measure.parameter_samples import live_optimizers, parameters_of
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites
from relume.record.store.run_file import Writer

FIRST, EVERY = 10, 15  # records that are audited (odd: of two models in turn both are seen)
LEAST_FOR_SEARCH = 4  # recorded steps before optimisers that have not stepped are searched for


class WiringAudit:
    """Audits some recorded steps, and writes one fact for each parameter.

    Args:
        sites: the run's sites, and the names of its modules and parameters.
        writer: the open run file.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        self._names = sites.names
        self._writer = writer
        self._called: dict[int, weakref.ref[nn.Module]] = {}  # on this step
        self._leaves: dict[int, LeafAudit] = {}
        self._windows = GradientWindows(self._leaves)
        self._step_leaves: set[int] = set()  # in the graph of this step
        self._touched: set[int] = set()  # counted on this step
        self._gradient: set[int] = set()  # had a gradient on this step
        self._leaf_names = LeafNames(sites.names)
        self._remade = RemadeLeaves(self._leaves, writer)
        self._data = DataAudit(sites, writer)
        self._armed = 0
        self._looked_for_optimizers = False
        self._any_moved = False
        self._active = self._reads = self._ever_reads = False
        self._step = self._audits = 0
        self._written: dict[str, dict[str, Any]] = {}
        self._waiting: list[weakref.ref[Optimizer]] = []

    # ------------------------------------------------------------------ one recorded step

    def arm(self) -> None:
        """A recorded step begins."""
        self._close_by_hand()
        if self._reads or not self._ever_reads:  # a second optimiser steps on the same backward
            self._active = self._armed < FIRST or self._armed % EVERY == 0
            self._armed += 1
        self._reads = False
        if not self._active:
            self._windows.forget()  # else a window stays open until its own optimiser steps
        self._step_leaves = set()
        self._touched, self._gradient = set(), set()

    def disarm(self) -> None:
        """The next step is not recorded."""
        self._close_by_hand()
        self._active = False
        self._windows.forget()

    def before_backward(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> None:
        """Read the gradients that are there before backward, and what enters the graph.

        Args:
            graph: as walked from the loss.
            trace: the modules that were called on the step.
            step: the current step.
        """
        self._reads = self._ever_reads = True
        if not self._active:
            return
        self._called, self._step = trace.called, step
        self._follow(graph, step)
        self._remade.find(graph, step)
        self._windows.read(graph.leaves)
        find_cuts(graph, self._leaves)
        self.read_data(graph, trace, step)
        self._step_leaves |= set(map(id, graph.leaves))

    def after_backward(self) -> None:
        """Note which leaves have a gradient now."""
        if self._active:
            self._note_gradients(self._step_leaves)

    def before_step(self, optimizer: Optimizer, step: int) -> None:
        """Follow an optimiser's parameters, with the gradients that it steps on."""
        if not self._active:
            return
        moments: list[tuple[LeafAudit, Tensor]] = []
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                leaf = self._leaf(parameter, step)
                if leaf is not None:
                    leaf.held = leaf.parameter = True
                    leaf.numbers = optimizer_numbers(optimizer, group)
                    if not leaf.reached:
                        moments += [(leaf, m) for m in moments_of(optimizer, group, parameter)]
        has = scalars([moment.ne(0).any() for _, moment in moments])
        for (leaf, _), seen in zip(moments, has, strict=True):
            leaf.reached = leaf.reached or int(seen)
        held = {id(parameter) for parameter in parameters_of(optimizer)}
        self._note_gradients(held)
        unnamed = [n for n in held if n in self._leaves and not self._leaves[n].name]
        if unnamed:
            self._leaf_names.search()
        for number in unnamed:
            self._leaves[number].name = self._leaf_names.paths.get(number, "")

    def after_step(self, optimizer: Optimizer, step: int) -> None:
        """Count the step for the parameters that it bears on, and write at times."""
        if not self._active:
            return
        held = {id(parameter) for parameter in parameters_of(optimizer)}
        self._note_gradients(held)  # an optimiser's closure makes them within the step
        free = {n for n in self._step_leaves if n in self._leaves and not self._leaves[n].held}
        self._add_modules(step)
        self._any_moved |= mark_moved(self._leaves.values())
        named = {number for number, leaf in self._leaves.items() if leaf.named}
        for number in held | free:
            self._windows.close(number, step)
        for number in held | free | named:
            self._count(number)
        self._remade.follow(free)
        self._audits += 1
        if self._audits & (self._audits - 1) == 0:
            self.write(step)

    def idle(self, backwards: int, step: int, waiting: Sequence[Optimizer]) -> None:
        """Handle a backward in a run in which nothing has stepped so far.

        Args:
            backwards: how many there were.
            step: the current step.
            waiting: optimisers that have not stepped yet.
        """
        self._waiting = [weakref.ref(one) for one in waiting] or self._waiting
        if self._waiting and backwards & (backwards - 1) == 0:
            self._any_moved |= mark_moved(self._leaves.values())
            self._write_idle(backwards, step)

    # ------------------------------------------------------------------ reading

    def _leaf(self, tensor: Tensor, step: int) -> LeafAudit | None:
        """Return what is known of a tensor; it is new where another had its address."""
        known = self._leaves.get(id(tensor))
        if known is not None and known.ref() is tensor:
            return known
        part = local_part(tensor)
        if part is None or not tensor.requires_grad or not part.numel():
            return None
        name = self._names.parameter(tensor)
        first = None if is_sharded(tensor) else sample(part).clone()
        # With explicit models an unnamed leaf may be another model's, which is not watched.
        parameter = name is not None or (is_parameter(tensor) and not self._names.explicit)
        made = LeafAudit(weakref.ref(tensor), name or "", name is not None, parameter, first, step)
        self._leaves[id(tensor)] = made
        return made

    def _follow(self, graph: AutogradGraph, step: int) -> None:
        known = [(tensor, self._leaf(tensor, step)) for tensor in graph.leaves]
        unnamed = [tensor for tensor, leaf in known if leaf is not None and not leaf.name]
        if unnamed:
            self._leaf_names.name(graph, unnamed, self._leaves)

    def _note_gradients(self, numbers: Iterable[int]) -> None:
        open_ = [n for n in numbers if n not in self._gradient and n in self._leaves]
        tensors: list[Tensor] = []
        for number in open_:
            leaf, tensor = self._leaves[number], self._leaves[number].ref()
            if tensor is not None and tensor.grad is not None:
                if leaf.reached:
                    self._gradient.add(number)  # it had one before: settled
                else:
                    tensors.append(tensor)
        for tensor, zero in zip(tensors, zeros(tensors), strict=True):
            self._leaves[id(tensor)].zero += zero
            if not zero:
                self._gradient.add(id(tensor))

    def _add_modules(self, step: int) -> None:
        """Follow the trainable parameters of the models, also those that no optimiser holds."""
        for root in self._names.roots() if self._armed <= FIRST else ():
            for parameter in root.parameters():
                self._leaf(parameter, step)
        for ref in self._called.values():
            module = ref()
            for parameter in () if module is None else module.parameters(recurse=False):
                known = self._leaves.get(id(parameter))
                if known is not None and known.ref() is parameter:
                    known.called = True

    def _count(self, number: int) -> None:
        leaf = self._leaves.get(number)
        if leaf is None or number in self._touched or leaf.ref() is None:
            return
        self._touched.add(number)
        leaf.audits += 1
        reached = number in self._gradient
        leaf.reached += reached
        leaf.late += self._any_moved and not reached
        leaf.in_graph += number in self._step_leaves

    def _close_by_hand(self) -> None:
        """End a step on which no optimiser stepped: weights may be updated by hand."""
        if not self._active or self._touched or not self._step_leaves:
            return
        self._any_moved |= mark_moved(self._leaves.values())
        for number in list(self._step_leaves):
            self._windows.close(number, self._step)
            self._count(number)

    def read_data(
        self, graph: AutogradGraph, trace: ModuleTrace, step: int, target: Tensor | None = None
    ) -> None:
        """Write the first inputs and the first targets that are not finite.

        Args:
            graph: as walked from the loss.
            trace: which module was open when.
            step: the current step.
            target: the targets, where the criterion raised and is in no graph.
        """
        self._data.read(graph, trace, step, stepped=self._audits > 0, target=target)

    # ------------------------------------------------------------------ the file

    def write(self, step: int) -> None:
        """Write the facts that have changed."""
        self._find_optimizers()
        self._find_originals()
        told = {
            leaf.name or f"parameter_{at}": (leaf, tensor)
            for at, leaf in enumerate(self._leaves.values())
            if leaf.parameter
            and (leaf.audits or leaf.in_graph)
            and (tensor := leaf.ref()) is not None
        }
        read_unchanged(told.values())
        with self._writer.together():
            for site, (leaf, tensor) in told.items():
                data = leaf.data(tensor)
                if self._written.get(site) != data:
                    self._written[site] = data
                    self._writer.replace_fact(Fact("wiring", site, leaf.since, data))

    def _find_optimizers(self) -> None:
        """Look once for optimisers that have not stepped yet, where a parameter seems forgotten."""
        open_ = [leaf for leaf in self._leaves.values() if leaf.reached and not leaf.held]
        if self._looked_for_optimizers or not open_ or self._armed < LEAST_FOR_SEARCH:
            return
        self._looked_for_optimizers = True
        for optimizer in live_optimizers():
            for parameter in parameters_of(optimizer):
                known = self._leaves.get(id(parameter))
                if known is not None and known.ref() is parameter:
                    known.held = True

    def _find_originals(self) -> None:
        """Find variables that get a gradient while an optimiser holds a copy of each."""
        idle = {shape for leaf in self._leaves.values() if (shape := _shape_if_idle(leaf))}
        for leaf in self._leaves.values() if idle else ():
            tensor = leaf.ref()
            free = leaf.name and leaf.reached and not (leaf.parameter or leaf.held or leaf.moved)
            if free and tensor is not None and tuple(tensor.shape) in idle:
                leaf.parameter = True

    def _write_idle(self, backwards: int, step: int) -> None:
        waiting = [one for ref in self._waiting if (one := ref()) is not None]
        held = {id(parameter) for one in waiting for parameter in parameters_of(one)}
        own = [leaf for number, leaf in self._leaves.items() if number in held]
        if own:
            data = {
                "backwards": backwards,
                "waiting": len(own),
                "moved": sum(leaf.moved for leaf in own),
            }
            self._writer.replace_fact(Fact("wiring", "", step, data))

    def finish(self, step: int, optimizer_steps: int, backwards: int) -> None:
        """Write what is known at the end of the run."""
        self._any_moved |= mark_moved(self._leaves.values())
        self._remade.finish()
        if self._waiting and not optimizer_steps:
            self._write_idle(backwards, step)
        self.write(step)


def _shape_if_idle(leaf: LeafAudit) -> tuple[int, ...]:
    """The shape of a tensor that an optimiser holds and no loss depends on."""
    tensor = leaf.ref()
    if tensor is None or not leaf.held or leaf.named or leaf.in_graph or leaf.reached:
        return ()
    return tuple(tensor.shape)
