"""Finds where the first value that is not finite came from: the operation, its line, its input.

Suspects are asked in the order of a step: the data (`DataAudit.read`), the weights (the last
update, or the last gradient, made them so), the operations of the forward pass. A gradient breaks
at an operation whose slope is infinite: on recorded steps these are read before backward; where the
step was not recorded, the weights that are NaN and those that are not say on which stretch of the
graph it broke.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from relume.core import Fact
from relume.record.facts.fact_audit import FactAudit
from relume.record.facts.node_values import (
    SINGULAR,
    SLOPES,
    entered,
    is_bad,
    output,
)
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, kind, leaf_of
from relume.record.graph.criterion import CRITERIA
from relume.record.graph.op_names import RESHAPE
from relume.record.measure.parameter_samples import live_optimizers
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites, source_of
from relume.record.store.run_file import Writer

MOST_GRAPHS = 4  # whose lines are kept: a GAN has three
MEANT = ("MaskedFillBackward", "WhereBackward")  # they put -inf into scores on purpose
MOMENTS = ("exp_avg", "momentum_buffer")  # finite as long as all gradients so far were


@dataclass(slots=True)
class Place:
    """Where a node was made: file, line, and the module that was open."""

    file: str = ""
    line: int = 0
    module: str = ""


class NonFiniteOrigin(FactAudit):
    """Writes one fact ``origin``, at the first value that is not finite.

    Attributes:
        stepped: an optimiser has stepped. Its step is counted when it is made, so what is read
            before it belongs to the next number.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._places: list[tuple[list[str], list[Place]]] = []
        self._suspects: list[dict[str, Any]] = []
        self._leaves: list[Tensor] = []
        self._done = False
        self.stepped = False

    def read(self, graph: AutogradGraph, trace: ModuleTrace, loss: Tensor, step: int) -> bool:
        """Read a recorded step before its backward; return whether it has the first bad loss.

        Args:
            graph: as walked from the loss.
            trace: the modules that were called on the step.
            loss: backward is about to be called on it.
            step: the current step.
        """
        self._suspects, self._leaves = [], []
        if self._done:
            return False
        self._keep_places(graph, trace)
        if loss.numel() == 1 and not isfinite(float(loss.detach())):
            self.read_broken(graph, step)
            return True
        self._suspects = [
            self._described(graph, node, "backward")
            for node in reversed(graph.nodes)
            if kind(node) in SLOPES and is_bad(SLOPES[kind(node)](node))
        ]
        self._leaves = graph.leaves if self._suspects else []
        return False

    def after_backward(self, step: int) -> None:
        """Look whether the gradient broke, where an operation had an infinite slope."""
        leaves, self._leaves = self._leaves, []  # nothing of the step is kept alive
        if not self._suspects or self._done:
            return
        grads = [t.grad for t in leaves if t.grad is not None and not t.grad.is_sparse]
        if any(is_bad(grad.detach()) for grad in grads):
            self._write(self._suspects[0], step)

    def read_broken(self, graph: AutogradGraph, step: int) -> None:
        """Find what made a loss that is not finite.

        Args:
            graph: as walked from that loss.
            step: the current step.
        """
        if self._done:
            return
        bad = [leaf for leaf in graph.leaves if leaf.is_floating_point() and is_bad(leaf.detach())]
        if bad:
            made = self._update(bad) or self._gradient(graph, bad)
            if made is not None:
                self._write(made, step - self.stepped)
            self._done = (
                True  # weights that are lost stay lost: to look again costs, and finds nothing
            )
            return
        node = _first_bad(graph)
        if node is not None:
            self._write(self._described(graph, node, "forward"), step)
        elif kind(graph.root) in CRITERIA:
            # all that entered it is finite: a mean over no row that counts
            known = self._described(graph, graph.root, "forward")
            self._write({**known, "bad": 1, "entries": 1}, step)

    # ------------------------------------------------------------------ the suspects

    def _update(self, bad: Sequence[Tensor]) -> dict[str, Any] | None:
        """The optimiser, where its moments say that all gradients were finite."""
        numbers = set(map(id, bad))
        for optimizer in live_optimizers():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if id(parameter) in numbers and _gradients_were_finite(optimizer, parameter):
                        return {
                            "phase": "update",
                            "operation": type(optimizer).__name__,
                            "eps": _number(group.get("eps")),
                            "lr": _number(group.get("lr")),
                            "dtype": str(parameter.dtype).removeprefix("torch."),
                            "module": self._sites.names.parameter(parameter) or "",
                            "certain": True,
                        }
        return None

    def _gradient(self, graph: AutogradGraph, bad: Sequence[Tensor]) -> dict[str, Any] | None:
        """The operation nearest to the loss behind which all weights are NaN, and before it none.

        Only operations that have an infinite slope somewhere are asked.
        """
        behind = _leaves_behind(graph)
        broken = set(map(id, bad))
        weights = {id(t) for t in graph.leaves if t.requires_grad}
        able = [
            node
            for node in reversed(graph.nodes)
            if kind(node) in SLOPES
            and (own := behind[node] & weights)
            and own <= broken
            and not _is_square(node)
        ]
        # of those, one whose value is finite where its slope is not comes first
        able.sort(key=lambda node: not kind(node).startswith(SINGULAR))
        if not able:
            return None
        made = self._described(graph, able[0], "backward")
        made |= {"least": None, "most": None, "bad": None, "certain": len(able) == 1}
        return made

    def _described(self, graph: AutogradGraph, node: AutogradNode, phase: str) -> dict[str, Any]:
        place = self._place(graph, node)
        values = entered(graph, node)
        finite = None if values is None else values[torch.isfinite(values)]
        result = output(graph, node) if phase == "forward" else SLOPES[kind(node)](node)
        return {
            "phase": phase,
            "operation": kind(node).removesuffix("Backward").lower(),
            "least": None if finite is None or not finite.numel() else float(finite.min()),
            "most": None if finite is None or not finite.numel() else float(finite.max()),
            "bad": None if result is None else int((~torch.isfinite(result)).sum()),
            "entries": None if result is None else result.numel(),
            "dtype": "" if result is None else str(result.dtype).removeprefix("torch."),
            "module": place.module,
            "file": place.file,
            "line": place.line,
            "certain": True,
        }

    def _write(self, data: dict[str, Any], step: int) -> None:
        self._done = True
        self._suspects, self._leaves = [], []
        self._writer.replace_fact(Fact("origin", "", step + self.stepped, data))

    # ------------------------------------------------------------------ lines

    def _keep_places(self, graph: AutogradGraph, trace: ModuleTrace) -> None:
        """Keep the lines of a graph on which anomaly mode recorded them."""
        known = any(names == graph.names for names, _ in self._places)
        if known or len(self._places) >= MOST_GRAPHS or "traceback_" not in graph.root.metadata:
            return
        places = [
            Place(*source_of(node), self._sites.names.path(trace.owner(node._sequence_nr())))
            for node in graph.nodes
        ]
        self._places.append((graph.names, places))

    def _place(self, graph: AutogradGraph, node: AutogradNode) -> Place:
        """Where a node was made; of a step whose lines were not recorded, by the same node of one
        whose lines were."""
        at = graph.nodes.index(node)
        for names, places in self._places:
            if names == graph.names:
                return places[at]
        name = graph.names[at]
        count = graph.names[:at].count(name)
        for names, places in self._places:  # a graph of another length: the same one of its kind
            same = [place for own, place in zip(names, places, strict=True) if own == name]
            if len(same) == graph.names.count(name):
                return same[count]
        file, line = source_of(node)
        return Place(file, line)


def _first_bad(graph: AutogradGraph) -> AutogradNode | None:
    """The first node of the forward pass that made a value that is not finite of finite ones."""
    meant: set[AutogradNode] = set()
    for node in graph.nodes:
        masks = kind(node) in MEANT or any(source in meant for source, _ in node.next_functions)
        value = output(graph, node)
        if masks and (value is None or _only_minus_infinity(value)):
            meant.add(node)
            continue
        if is_bad(value) and kind(node) not in RESHAPE:
            return node
    return None


def _only_minus_infinity(value: Tensor) -> bool:
    bad = value[~torch.isfinite(value)]
    return bool((bad == -torch.inf).all())


def _leaves_behind(graph: AutogradGraph) -> dict[AutogradNode, set[int]]:
    """The ids of the leaves that each node was computed from."""
    behind: dict[AutogradNode, set[int]] = {}
    for node in graph.nodes:
        own: set[int] = set()
        for source, _ in node.next_functions:
            leaf = leaf_of(source)
            if leaf is not None:
                own.add(id(leaf))
            elif source is not None:
                own |= behind.get(source, set())
        behind[node] = own
    return behind


def _is_square(node: AutogradNode) -> bool:
    """Whether a power has a finite slope everywhere."""
    exponent = getattr(node, "_saved_exponent", None)
    return isinstance(exponent, int | float) and exponent >= 1


def _gradients_were_finite(optimizer: Optimizer, parameter: Tensor) -> bool:
    state: Any = getattr(optimizer, "state", {}).get(parameter, {})
    moments = [state[name] for name in MOMENTS if isinstance(state.get(name), Tensor)]
    if moments:
        return not any(is_bad(moment.detach()) for moment in moments)
    grad = parameter.grad
    return grad is not None and not grad.is_sparse and not is_bad(grad.detach())


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
