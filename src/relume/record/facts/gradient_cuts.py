"""Finds the operation without a slope that keeps the error from the weights before it.

``sign`` and ``round`` are nodes of the graph. A comparison, an ``argmax`` or a conversion to whole
numbers is none: what comes before it is missing from the graph. Where modules run and never get a
gradient, one recorded step is followed call by call, in a function mode that passes every call on
as it is, until a result without a gradient that was made from one with a gradient enters the loss.
"""

import sys
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from relume.core import Fact
from relume.instrument.mode_stack import is_open, remove_mode
from relume.instrument.module_names import user_frame
from relume.instrument.private_names import DisableTorchFunction, function_stack_length
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, kind, walk
from relume.record.graph.zero_slope import leaves_past, zero_slope_nodes
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites, source_of
from relume.record.store.run_file import Writer

LEAST = 2  # looks at which a module ran and its weights were in no graph
MOST_STEPS = 3  # steps that are followed call by call
MOST_ORIGINS = 16  # results without a gradient that are followed on one step
MOST_LEAVES = 32  # weights that are named
PLAIN = frozenset({"detach", "detach_", "__get__", "item", "tolist", "numpy", "__len__", "size"})
"""Calls that leave the gradient behind on purpose, or that return no tensor of values."""


@dataclass(slots=True)
class Origin:
    """A result without a gradient that was made from tensors with one."""

    operation: str
    file: str
    line: int
    leaves: list[Tensor]
    before: set[AutogradNode]
    node: AutogradNode | None = None


class CallFollower(TorchFunctionMode):
    """Follows, while it is open, what is made from results that have lost their gradient.

    Attributes:
        origins: where a gradient was lost; `node` is set where the result entered a graph again.
        done: it only passes calls on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.origins: list[Origin] = []
        self._lost: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}
        self.done = False

    def forget(self) -> None:
        """Drop what was followed."""
        self.origins, self._lost, self.done = [], {}, True

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function, then look at what went in and came out."""
        result = func(*args, **(kwargs or {}))
        if not self.done and torch.is_grad_enabled():
            try:
                with DisableTorchFunction():
                    self._follow(func, (*args, *(kwargs or {}).values()), result)
            except Exception:  # the user's call has been made; looking at it must not end it
                self.forget()
        return result

    def _follow(self, func: Any, given: tuple[Any, ...], result: Any) -> None:
        made = [t for t in _tensors((result,)) if t.numel()]
        if not made:
            return
        taken = list(_tensors(given))
        lost = next((o for tensor in taken if (o := self._origin(tensor)) is not None), None)
        if lost is None:
            source = next((t for t in taken if t.grad_fn is not None), None)
            name = getattr(func, "__name__", "")
            plain = all(t.requires_grad for t in made) or source is None or name in PLAIN
            if plain or len(self.origins) >= MOST_ORIGINS or any(t is source for t in made):
                return
            lost = _origin_of(name, source, user_frame(sys._getframe(1)))
            self.origins.append(lost)
        for tensor in made:
            if tensor.requires_grad:
                lost.node = lost.node or cast("AutogradNode | None", tensor.grad_fn)
            else:
                self._lost[id(tensor)] = weakref.ref(tensor), lost

    def _origin(self, tensor: Tensor) -> Origin | None:
        known = self._lost.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None


def _origin_of(name: str, source: Tensor | None, frame: FrameType | None) -> Origin:
    graph = None if source is None or source.grad_fn is None else walk(source.grad_fn)
    file, line = (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)
    if graph is None:
        return Origin(name.strip("_"), file, line, [], set())
    return Origin(name.strip("_"), file, line, graph.leaves, set(graph.nodes))


def _tensors(values: tuple[Any, ...]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from (one for one in cast("Sequence[Any]", value) if isinstance(one, Tensor))


def _on_the_way(origins: list[Origin], nodes: set[AutogradNode]) -> Iterator[Origin]:
    """Yield the origins whose result enters the loss, or what another one of them lost."""
    for origin in reversed(origins):
        if origin.node in nodes:
            nodes |= origin.before
            yield origin


@dataclass(slots=True)
class Missing:
    """A parameter whose module ran, and how often it was in no graph."""

    ref: weakref.ref[Tensor]
    times: int = 0


class GradientCuts(FactAudit):
    """Writes one fact for each operation that keeps the error from weights before it."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._names = sites.names
        self._reached: set[int] = set()
        self._missing: dict[int, Missing] = {}
        self._follower: CallFollower | None = None
        self._followed = 0
        self._written: dict[str, dict[str, Any]] = {}

    def arm(self) -> None:
        """Follow the calls of the step that begins, if a gradient is missing."""
        self.disarm()
        if self._follower is not None:
            return
        wanted = any(one.times >= LEAST for one in self._missing.values())
        # Below another mode ours would be the one that the other one's end removes.
        if wanted and self._followed < MOST_STEPS and not function_stack_length():
            self._followed += 1
            self._follower = CallFollower()
            self._follower.__enter__()

    def disarm(self) -> None:
        """Stop following calls.

        `backward` is such a call itself, and while it runs torch has taken the mode off the stack,
        to put it back: then it is removed at the next call, between two steps.
        """
        follower = self._follower
        if follower is not None:
            follower.done = True
            if is_open(follower):
                remove_mode(follower)
                self._follower = None

    def read(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> None:
        """Look for operations without a slope in a graph, and for weights that are not in it.

        Args:
            graph: as walked from the loss, before backward.
            trace: the modules that were called on the step.
            step: the current step.
        """
        follower = self._follower
        self._read_walls(graph, step)
        if follower is not None and not follower.done:
            for origin in _on_the_way(follower.origins, set(graph.nodes)):
                lost = [leaf for leaf in origin.leaves if id(leaf) not in self._reached]
                self._write(origin.operation, origin.file, origin.line, lost, step)
            follower.forget()
        self.disarm()
        self._count_missing(graph, trace)

    def _count_missing(self, graph: AutogradGraph, trace: ModuleTrace) -> None:
        self._reached.update(id(leaf) for leaf in graph.leaves)
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

    def _write(self, operation: str, file: str, line: int, lost: list[Tensor], step: int) -> None:
        names = [name for leaf in lost if (name := self._names.parameter(leaf))]
        if not names:
            return
        known = self._written.setdefault(
            names[0],
            {"operation": operation, "file": file, "line": line, "leaves": [], "step": step},
        )
        before = {**known, "leaves": [*known["leaves"]]}
        known["leaves"] = list(dict.fromkeys([*known["leaves"], *names]))[:MOST_LEAVES]
        if not known["line"]:
            known |= {"file": file, "line": line}
        if known != before:
            self._writer.replace_fact(Fact("cut", names[0], known["step"], dict(known)))
