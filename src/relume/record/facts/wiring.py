"""Audits the wiring of a training: which tensors get a gradient, and which of them an optimiser
holds, clears and moves.

Everything here is exact: a gradient is None or zero in every entry, a weight's sampled entries are
equal bit by bit, a gradient was there before backward began. The first records and every 15th
later one are audited; what is settled of a parameter (it had a gradient, it moved) is not looked
at again.
"""

import gc
import sys
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from relume.core import Fact
from relume.instrument.module_names import user_frame
from relume.record.facts.attribute_paths import attribute_paths, is_parameter
from relume.record.graph import criterion, criterion_targets
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    leaf_of,
    saved,
    weight_of,
)
from relume.record.graph.op_names import AFFINE
from relume.record.graph.recompute import output_of
from relume.record.measure.dtensor import is_sharded, local_part
from relume.record.measure.parameter_samples import parameters_of
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites, source_of
from relume.record.store.run_file import Writer

FIRST, EVERY = 10, 15  # records that are audited (odd: of two models in turn both are seen)
SAMPLE = 1_024  # entries of a parameter that are compared bit by bit
SEARCHES = 3  # audits on which the objects of the program are searched for names
MOST_REMADE = 64  # leaves of one step that are followed because no optimiser holds them
LEAST_FOR_SEARCH = 4  # recorded steps before optimisers that have not stepped are searched for
Shape = tuple[int, ...]
ZERO_SLOPE = frozenset(
    f"{name}Backward" for name in ("Sign", "Sgn", "Round", "Floor", "Ceil", "Trunc", "FloorDivide")
)


@dataclass(slots=True)
class LeafAudit:
    """What is known of one parameter's wiring.

    Attributes:
        ref: the tensor, weakly.
        name: its qualified name, else the attribute that holds it.
        named: a module of the model registers it.
        first: sampled entries at the first audit.
        audits: audits since it was first seen, in each of which an optimiser stepped or a backward
            ran; `in_graph` of them with it among the loss's leaves, `reached` with a gradient that
            is not zero, `zero` with one that is; `late` those without one after a weight moved.
        windows, uncleared: steps whose gradient was looked at before their first backward, and
            those of them at which the earlier one was still there.
        held: an optimiser that has stepped holds it.
        called: the module that registers it was called.
        cut: kind and line of the operation without a slope between it and the loss.
    """

    ref: weakref.ref[Tensor]
    name: str
    named: bool
    parameter: bool
    first: Tensor | None
    since: int
    audits: int = 0
    in_graph: int = 0
    reached: int = 0
    zero: int = 0
    late: int = 0
    windows: int = 0
    uncleared: int = 0
    first_window: int = -1
    last_window: int = 0
    held: bool = False
    called: bool = False
    moved: bool = False
    unchanged: float = 1.0
    cut: tuple[str, str, int] = ("", "", 0)
    line: tuple[str, int] = ("", 0)
    numbers: dict[str, float | str | None] = field(default_factory=dict[str, "float | str | None"])


class WiringAudit:
    """Audits some recorded steps, and writes one fact for each parameter.

    Args:
        sites: the run's sites, and the names of its modules and parameters.
        writer: the open run file.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        self._names = sites.names
        self._sites = sites
        self._writer = writer
        self._called: dict[int, weakref.ref[nn.Module]] = {}  # on this step
        self._leaves: dict[int, LeafAudit] = {}
        self._window: dict[int, tuple[bool, int]] = {}  # cleared, address of the gradient
        self._step_leaves: set[int] = set()  # in the graph of this step
        self._touched: set[int] = set()  # counted on this step
        self._gradient: set[int] = set()  # had a gradient on this step
        self._passing: list[tuple[weakref.ref[Tensor], Shape]] = []  # unheld leaves of an audit
        self._remade = 0
        self._paths: dict[int, str] = {}
        self._armed = self._searches = 0
        self._looked_for_optimizers = False
        self._any_moved = False
        self._remade_line = ("", 0)
        self._active = self._reads = self._ever_reads = False
        self._step = self._audits = 0
        self._bad_data: set[str] = set()
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
            self._window = {}  # else a window stays open until its own optimiser steps
        self._step_leaves = set()
        self._touched, self._gradient = set(), set()

    def disarm(self) -> None:
        """The next step is not recorded."""
        self._close_by_hand()
        self._active, self._window = False, {}

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
        self._find_remade(graph, step)
        self._read_gradients_before(graph.leaves)
        self._find_cuts(graph)
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
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                leaf = self._leaf(parameter, step)
                if leaf is not None:
                    leaf.held = leaf.parameter = True
                    leaf.numbers = _numbers(optimizer, group)
                    leaf.reached += not leaf.reached and _had_gradient(optimizer, group, parameter)
        held = {id(parameter) for parameter in parameters_of(optimizer)}
        self._note_gradients(held)
        unnamed = [n for n in held if n in self._leaves and not self._leaves[n].name]
        if unnamed:
            self._search()
        for number in unnamed:
            self._leaves[number].name = self._paths.get(number, "")

    def after_step(self, optimizer: Optimizer, step: int) -> None:
        """Count the step for the parameters that it bears on, and write at times."""
        if not self._active:
            return
        held = {id(parameter) for parameter in parameters_of(optimizer)}
        self._note_gradients(held)  # an optimiser's closure makes them within the step
        free = {n for n in self._step_leaves if n in self._leaves and not self._leaves[n].held}
        self._add_modules(step)
        self._move()
        for number in held | free:
            self._close_window(number, step)
        for number in held | free | self._module_numbers():
            self._count(number)
        self._passing = [
            (leaf.ref, tuple(tensor.shape))
            for number in list(free)[:MOST_REMADE]
            if (tensor := (leaf := self._leaves[number]).ref()) is not None and is_parameter(tensor)
        ]
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
            self._move()
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
        sample = None if is_sharded(tensor) else _sample(part).clone()
        # With explicit models an unnamed leaf may be another model's, which is not watched.
        parameter = name is not None or (is_parameter(tensor) and not self._names.explicit)
        made = LeafAudit(weakref.ref(tensor), name or "", name is not None, parameter, sample, step)
        self._leaves[id(tensor)] = made
        return made

    def _follow(self, graph: AutogradGraph, step: int) -> None:
        unnamed: list[Tensor] = []
        for tensor in graph.leaves:
            leaf = self._leaf(tensor, step)
            if leaf is not None and not leaf.name:
                unnamed.append(tensor)
        if unnamed:
            self._name(graph, unnamed)

    def _search(self) -> None:
        """Look for the attributes and variables that hold tensors, on a few audits only."""
        if self._searches < SEARCHES:
            self._searches += 1
            roots = [(self._names.path(root), root) for root in self._names.roots()]
            frames = () if self._names.explicit else _user_frames()
            self._paths = attribute_paths(roots, frames)

    def _name(self, graph: AutogradGraph, unnamed: Sequence[Tensor]) -> None:
        """Name leaves that no module registers by attribute, else by the line that uses them."""
        self._search()
        wanted = {id(tensor) for tensor in unnamed}
        for node in graph.nodes:
            for source, _ in node.next_functions:
                tensor = leaf_of(source)
                if tensor is None or id(tensor) not in wanted:
                    continue
                leaf = self._leaves[id(tensor)]
                leaf.line = leaf.line if leaf.line[1] else source_of(node)
                weight = weight_of(node) if kind(node) in AFFINE else None
                as_weight = weight is not None and weight.data_ptr() == tensor.data_ptr()
                path = self._paths.get(id(tensor), "")
                leaf.parameter |= as_weight and not self._names.explicit
                if path and not leaf.name:
                    leaf.name = path
                    # a tensor of the model, or a variable of the script
                    leaf.parameter |= "." in path or "[" in path

    def _read_gradients_before(self, leaves: Iterable[Tensor]) -> None:
        """Note which leaves begin the step without a gradient, those seen on an earlier step."""
        with_gradient: list[Tensor] = []
        for tensor in leaves:
            leaf = self._leaves.get(id(tensor))
            if leaf is None or not leaf.in_graph or self._window.get(id(tensor), (False,))[0]:
                continue
            if leaf.windows > leaf.uncleared:
                continue  # it was cleared once: settled
            if tensor.grad is None:
                self._window[id(tensor)] = True, 0
            else:
                with_gradient.append(tensor)
        for tensor, zero in zip(with_gradient, _zeros(with_gradient), strict=True):
            _, address = self._window.get(id(tensor), (False, _address(tensor)))
            self._window[id(tensor)] = zero, address

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
        for tensor, zero in zip(tensors, _zeros(tensors), strict=True):
            self._leaves[id(tensor)].zero += zero
            if not zero:
                self._gradient.add(id(tensor))

    def _find_cuts(self, graph: AutogradGraph) -> None:
        """Find leaves that every path from the loss reaches through an operation without slope."""
        flat = [node for node in graph.nodes if kind(node) in ZERO_SLOPE]
        if not flat:
            return
        walls = set(flat)
        seen: set[AutogradNode] = {graph.root}
        queue: list[AutogradNode] = [graph.root]
        for node in queue:
            if node in walls:
                continue
            for source, _ in node.next_functions:
                if source is not None and source not in seen:
                    seen.add(source)
                    queue.append(source)
        live = {id(tensor) for node in queue if (tensor := leaf_of(node)) is not None}
        wall = flat[-1]
        file, line = source_of(wall)
        for tensor in graph.leaves:
            leaf = self._leaves.get(id(tensor))
            if leaf is not None and id(tensor) not in live and not leaf.cut[2]:
                leaf.cut = kind(wall).removesuffix("Backward").lower(), file, line

    def _find_remade(self, graph: AutogradGraph, step: int) -> None:
        """Find parameters that no optimiser held, that are gone, and stand there anew."""
        gone = Counter(shape for ref, shape in self._passing if ref() is None)
        self._passing = []
        fresh = [t for t in graph.leaves if is_parameter(t) and self._is_fresh(t, step)]
        again = gone & Counter(tuple(tensor.shape) for tensor in fresh)
        if not again:
            return
        self._remade += 1
        leaf = next(self._leaves[id(t)] for t in fresh if tuple(t.shape) in again)
        self._remade_line = self._remade_line if self._remade_line[1] else leaf.line
        data = {
            "what": "remade",
            "times": self._remade,
            "leaves": again.total(),
            "kept": sum(one.held for one in self._leaves.values()),
            "shapes": ", ".join("x".join(map(str, shape)) for shape in again),
            "file": self._remade_line[0],
            "line": self._remade_line[1],
        }
        self._writer.replace_fact(Fact("wiring", "remade", step, data))

    def _is_fresh(self, tensor: Tensor, step: int) -> bool:
        leaf = self._leaves.get(id(tensor))
        return leaf is not None and not leaf.held and not leaf.audits and leaf.since == step

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

    def _module_numbers(self) -> set[int]:
        return {number for number, leaf in self._leaves.items() if leaf.named}

    def _move(self) -> None:
        """Compare the weights that have not moved yet with those of the first audit."""
        still: list[LeafAudit] = []
        counts: list[Tensor] = []
        for leaf in self._leaves.values():
            tensor = leaf.ref()
            if leaf.moved or leaf.first is None or tensor is None:
                continue
            now = _sample(tensor)
            if now.shape == leaf.first.shape and now.device == leaf.first.device:
                still.append(leaf)
                counts.append((now != leaf.first).sum())
            else:
                leaf.moved = True
        for leaf, count in zip(still, _numbers_of(counts), strict=True):
            leaf.moved = count > 0
            self._any_moved |= leaf.moved

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

    def _close_window(self, number: int, step: int) -> None:
        """Count whether the gradient that is stepped on began cleared."""
        leaf, window = self._leaves.get(number), self._window.pop(number, None)
        tensor = None if leaf is None else leaf.ref()
        if leaf is None or window is None or tensor is None:
            return
        cleared, address = window
        leaf.windows += 1
        leaf.uncleared += not cleared and _address(tensor) == address
        leaf.first_window = step if leaf.first_window < 0 else leaf.first_window
        leaf.last_window = step

    def _close_by_hand(self) -> None:
        """End a step on which no optimiser stepped: weights may be updated by hand."""
        if not self._active or self._touched or not self._step_leaves:
            return
        self._move()
        for number in list(self._step_leaves):
            self._close_window(number, self._step)
            self._count(number)

    # ------------------------------------------------------------------ data

    def read_data(
        self,
        graph: AutogradGraph,
        trace: ModuleTrace,
        step: int,
        target: Tensor | None = None,
    ) -> None:
        """Write the first inputs and the first targets that are not finite.

        Args:
            graph: as walked from the loss.
            trace: which module was open when.
            step: the current step.
            target: the targets, where the criterion raised and is in no graph.
        """
        given = [] if target is None else [("target", None, target)]
        for what, node, data in (*given, *_data(graph)):
            layer = "" if node is None else self._sites.layer_path(node, trace)
            site = f"{layer}.input" if layer and what == "input" else what
            if site in self._bad_data:
                continue
            total = float(data.detach().sum())
            if total - total == 0.0:
                continue  # a sum is finite only where all entries are
            bad = ~torch.isfinite(data.detach())
            if not bool(bad.any()):
                continue
            self._bad_data.add(site)
            rows = bad.reshape(bad.shape[0], -1).any(1) if bad.dim() else bad.reshape(1)
            first = int(rows.nonzero()[0, 0])
            data_ = {
                "what": what,
                "share": float(bad.double().mean()),
                "rows": int(rows.numel()),
                "bad_rows": int(rows.sum()),
                "first_row": first,
                "value": "NaN" if bool(torch.isnan(data).any()) else "infinity",
            }
            now = step + (self._audits > 0)  # an optimiser's step is counted when it is made
            self._writer.replace_fact(Fact("wiring", site, now, data_))

    # ------------------------------------------------------------------ the file

    def write(self, step: int) -> None:
        """Write the facts that have changed."""
        self._find_optimizers()
        for at, leaf in enumerate(self._leaves.values()):
            if not leaf.parameter or not (leaf.audits or leaf.in_graph) or leaf.ref() is None:
                continue
            site = leaf.name or f"parameter_{at}"
            data = self._data_of(leaf)
            if self._written.get(site) != data:
                self._written[site] = data
                self._writer.replace_fact(Fact("wiring", site, leaf.since, data))

    def _data_of(self, leaf: LeafAudit) -> dict[str, Any]:
        tensor = leaf.ref()
        assert tensor is not None  # the caller has looked
        if leaf.first is not None and (now := _sample(tensor)).shape == leaf.first.shape:
            leaf.unchanged = float((now == leaf.first.to(now.device)).double().mean())
        file, line = leaf.line
        return {
            "shape": list(tensor.shape),
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "named": leaf.named,
            "held": leaf.held,
            "called": leaf.called,
            "audits": leaf.audits,
            "in_graph": leaf.in_graph,
            "reached": leaf.reached,
            "zero": leaf.zero,
            "late": leaf.late,
            "windows": leaf.windows,
            "uncleared": leaf.uncleared,
            "window_steps": leaf.last_window - leaf.first_window + 1 if leaf.windows else 0,
            "moved": leaf.moved,
            "unchanged_share": leaf.unchanged,
            "cut": leaf.cut[0],
            "file": leaf.cut[1] or file,
            "line": leaf.cut[2] or line,
            **leaf.numbers,
        }

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
        self._move()
        if self._waiting and not optimizer_steps:
            self._write_idle(backwards, step)
        self.write(step)


def live_optimizers() -> list[Optimizer]:
    """Return all optimisers of the process; it searches every object, so call it once."""
    # by type: isinstance would ask proxies for their class
    return [one for one in gc.get_objects() if issubclass(type(one), Optimizer)]


def _had_gradient(optimizer: Optimizer, group: dict[str, Any], parameter: Tensor) -> bool:
    """Whether the optimiser's state shows a gradient on a step that was not audited.

    Moments are sums of all gradients so far. With weight decay they are not zero without one.
    """
    if group.get("weight_decay"):
        return False
    states: Any = getattr(optimizer, "state", {})  # an optimiser of Keras has none
    state: Any = states.get(parameter, {})
    moments = [
        value
        for value in state.values()
        if isinstance(value, Tensor) and value.shape == parameter.shape and value.dim()
    ]
    return any(bool(moment.detach().ne(0).any()) for moment in moments)


def _numbers(optimizer: Optimizer, group: dict[str, Any]) -> dict[str, float | str | None]:
    """Return what an update's size depends on."""
    rate, eps = group.get("lr"), group.get("eps")
    return {
        "optimizer": type(optimizer).__name__,
        "lr": float(rate) if isinstance(rate, int | float) else None,
        "eps": float(eps) if isinstance(eps, int | float) else None,
        "decay": float(group.get("weight_decay") or 0.0),
    }


def _sample(tensor: Tensor) -> Tensor:
    """Return entries at even distances; none of a tensor whose memory was freed (a shard)."""
    if is_sharded(tensor) or not tensor.untyped_storage().size():
        return torch.empty(0)
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // SAMPLE) | 1]


def _address(tensor: Tensor) -> int:
    grad = tensor.grad
    return 0 if grad is None or grad.layout != torch.strided else grad.data_ptr()


def _zeros(tensors: Sequence[Tensor]) -> list[bool]:
    """Return whether each tensor's gradient is zero in every entry."""
    largest: list[Tensor] = []
    for tensor in tensors:
        grad: Any = local_part(tensor.grad)
        own: Any = tensor.grad
        if grad is None and own is not None and own.is_sparse:
            grad = own.detach().coalesce().values()
        empty = grad is None or not grad.numel()
        largest.append(torch.ones(()) if empty or grad is None else grad.ne(0).any())
    return [not number for number in _numbers_of(largest)]


def _numbers_of(scalars: Sequence[Tensor]) -> list[float]:
    """Return scalars as numbers, with one wait for each device."""
    groups: dict[torch.device, list[int]] = {}
    for index, scalar in enumerate(scalars):
        groups.setdefault(scalar.device, []).append(index)
    numbers = [0.0] * len(scalars)
    for members in groups.values():
        values = cast("list[float]", torch.stack([scalars[i].float() for i in members]).tolist())
        for index, value in zip(members, values, strict=True):
            numbers[index] = value
    return numbers


def _user_frames() -> Iterator[FrameType]:
    """Yield the frames that run the user's code, the innermost first."""
    frame = user_frame(sys._getframe(1))
    while frame is not None:
        yield frame
        frame = user_frame(frame.f_back)


def _data(graph: AutogradGraph) -> Iterator[tuple[str, AutogradNode | None, Tensor]]:
    """Yield the data that enter a graph: inputs with their node, and floating targets."""
    inputs = list(data_inputs(graph))
    for node, data in inputs:
        yield "input", node, data
    spec = criterion.criterion(graph)
    if spec.name == "kl_div":
        return  # the logarithm of a probability of zero is -inf
    head = criterion.head(spec)
    target = criterion_targets.targets(spec)
    if target is None:
        target = criterion_targets.handwritten_targets(spec, head)
    if target is None and head.affine is not None and kind(spec.node) in criterion.BY_HAND:
        # the difference to the output, where only some rows of it are taken
        difference, output = saved(spec.node, "_saved_self"), output_of(head.affine, 0)
        if output is not None and bool(torch.isfinite(output).all()):
            target = difference
    if isinstance(target, Tensor) and target.is_floating_point():
        yield "target", None, target
