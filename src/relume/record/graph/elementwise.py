"""Reads a function of one tensor out of the elementwise operations that compute it.

An act that is written by hand (``0.5 * x * (1 + torch.tanh(...))``) is a region of the graph
between one node, whose output is the act's input, and the node that gives the act's output.
`regions` finds them, `formula` makes a function of the region. A node does not keep every constant
(``1 + x`` keeps none), so these are solved from values that neighbouring nodes have saved.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node
from relume.instrument.float64 import as_float64
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    leaf_of,
    name_of,
    output_shape,
    saved,
)
from relume.record.graph.op_names import AFFINE

LARGEST = 16  # operations of one region: mish written out has seven
SAMPLED = 256  # entries from which constants are solved
ROUNDING = 1e-3  # relative: half types keep three digits
Formula = Callable[[Tensor], Tensor]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _power(node: AutogradNode) -> Formula:
    exponent = float(node._saved_exponent)
    return lambda x: x**exponent


def _clamp(node: AutogradNode) -> Formula:
    names = ("_saved_min", "_saved_max")
    if kind(node) == "HardtanhBackward":
        names = ("_saved_min_val", "_saved_max_val")
    low, high = (_number(getattr(node, name, None)) for name in names)
    return lambda x: x.clamp(low, high)


def _softplus(node: AutogradNode) -> Formula:
    beta, threshold = float(node._saved_beta), float(node._saved_threshold)
    return lambda x: functional.softplus(x, beta, threshold)


PLAIN: dict[str, Formula] = {
    "NegBackward": torch.neg,
    "AbsBackward": torch.abs,
    "ReciprocalBackward": torch.reciprocal,
    "SqrtBackward": torch.sqrt,
    "ExpBackward": torch.exp,
    "Expm1Backward": torch.expm1,
    "LogBackward": torch.log,
    "Log1PBackward": torch.log1p,
    "SinBackward": torch.sin,
    "CosBackward": torch.cos,
    "AtanBackward": torch.atan,
    "SinhBackward": torch.sinh,
    "CoshBackward": torch.cosh,
    "AsinhBackward": torch.asinh,
    "ErfBackward": torch.erf,
    "TanhBackward": torch.tanh,
    "SigmoidBackward": torch.sigmoid,
    "LogSigmoidBackward": functional.logsigmoid,
    "ReluBackward": torch.relu,
}
WITH_NUMBERS: dict[str, Callable[[AutogradNode], Formula]] = {
    "PowBackward": _power,
    "ClampBackward": _clamp,
    "ClampMinBackward": _clamp,
    "ClampMaxBackward": _clamp,
    "HardtanhBackward": _clamp,
    "SoftplusBackward": _softplus,
}
UNARY = PLAIN.keys() | WITH_NUMBERS.keys()
BINARY: dict[str, Callable[[Tensor, Any, float], Tensor]] = {
    "AddBackward": lambda a, b, alpha: a + alpha * b,
    "SubBackward": lambda a, b, alpha: a - alpha * b,
    "RsubBackward": lambda a, b, alpha: b - alpha * a,
    "MulBackward": lambda a, b, _: a * b,
    "DivBackward": lambda a, b, _: a / b,
}
SHIFTS = frozenset({"AddBackward", "SubBackward", "RsubBackward"})  # their constant is not saved
RESULT = frozenset(
    f"{name}Backward" for name in ("Exp", "Tanh", "Sigmoid", "Reciprocal", "Sqrt", "Expm1", "Relu")
)
STRAIGHT = frozenset(BINARY) | {"NegBackward"}
CHOICES = frozenset({"WhereBackward", "MaximumBackward", "MinimumBackward"})


@dataclass(slots=True)
class Region:
    """The elementwise nodes between the entry, whose output is the argument, and the output.

    Attributes:
        output: the node that gives the value.
        entry: the node whose output is the argument; it is not part of the region.
        nodes: the nodes in forward order, the output last.
    """

    output: AutogradNode
    entry: AutogradNode
    nodes: list[AutogradNode]

    @property
    def kinds(self) -> list[str]:
        """Names of the operations, in forward order."""
        return [kind(node) for node in self.nodes]

    @property
    def bends(self) -> bool:
        """Whether an operation is not linear in the argument."""
        return any(
            name not in STRAIGHT or (name in ("MulBackward", "DivBackward") and _two_signals(node))
            for name, node in zip(self.kinds, self.nodes, strict=True)
        )


def regions(output: AutogradNode) -> Iterator[Region]:
    """Yield the regions that end at a node, the smallest first: one for each possible entry."""
    frontier, passed = {output}, list[AutogradNode]()
    shape = output_shape(output)
    while frontier:
        node = max(frontier, key=lambda one: one._sequence_nr())
        frontier.discard(node)
        if output_shape(node) != shape:
            return
        if not frontier and passed:
            yield Region(output, node, passed[::-1])
        sources = _foldable(node)
        if sources is None or len(passed) >= LARGEST:
            return
        passed.append(node)
        frontier |= sources


def _foldable(node: AutogradNode) -> set[AutogradNode] | None:
    """The computed inputs of an elementwise node whose other operands are numbers; else None."""
    name = kind(node)
    if name == "PowBackward" and name_of(node) != "PowBackward0":
        return None
    if name in UNARY:
        source = inputs(node)[0]
        return None if source is None or leaf_of(source) is not None else {source}
    if name in CHOICES:  # of two branches that are both computed
        sources = {s for s in inputs(node) if s is not None}
        return sources if _two_signals(node) else None
    if name not in BINARY:
        return None
    sources = {s for s in inputs(node) if s is not None and leaf_of(s) is None}
    leaves = [leaf for s in inputs(node) if (leaf := leaf_of(s)) is not None]
    if not sources or any(leaf.numel() != 1 for leaf in leaves):
        return None
    if name in SHIFTS or _two_signals(node) or leaves:
        return sources
    return sources if _factor(node) is not None else None


def _two_signals(node: AutogradNode) -> bool:
    return sum(source is not None and leaf_of(source) is None for source in inputs(node)) > 1


def _factor(node: AutogradNode) -> float | None:
    """The number by which a product or a quotient scales its one signal."""
    name = "_saved_other" if inputs(node)[0] is not None else "_saved_self"
    value = saved(node, name)
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else None
    return _number(value)


@dataclass(frozen=True, slots=True)
class InnerNode(Node):
    """An act that several nodes compute; one inside keeps its input, or a scaled one.

    Attributes:
        path: positions of inputs from the act's last node to the one that keeps the value; where
            none does (`saved` is empty), to the one that computes it, if only this act takes it.
        undo: what makes the act's input of it: ``"log"``, or a factor.
    """

    path: tuple[int, ...] = ()
    undo: tuple[str | float, ...] = ()

    def holder(self, node: Any) -> Any:
        """Return the node that keeps the value."""
        for place in self.path:
            node = node.next_functions[place][0]
        return node

    def read(self, node: Any) -> Tensor:
        """Return the act's input."""
        value: Tensor = getattr(self.holder(node), self.saved).detach()
        for step in self.undo:
            value = value.log() if isinstance(step, str) else value * step
        return value


def kept_input(graph: AutogradGraph, region: Region) -> InnerNode | None:
    """Where the argument of a region is kept; None where no node of it keeps it."""
    found = _kept(graph, region, region.entry)
    if found is None:
        return None
    holder, attribute, undo = found
    path = _path(region, region.output, holder)
    if path is None or holder in graph.sealed:
        return None
    return InnerNode(name_of(region.output), attribute, path=path, undo=tuple(undo))


def recomputed_input(graph: AutogradGraph, region: Region) -> InnerNode:
    """The argument of a region that no node keeps: where it is computed."""
    users = graph.consumers(region.entry)
    path = _path(region, region.output, region.entry)
    alone = path is not None and all(user in region.nodes for user in users)
    return InnerNode(name_of(region.output), "", path=path if alone and path else ())


def _kept(
    graph: AutogradGraph, region: Region, node: AutogradNode
) -> tuple[AutogradNode, str, list[str | float]] | None:
    if kind(node) in RESULT:
        return node, "_saved_result", []
    users = [user for user in graph.consumers(node) if user in region.nodes]
    for user in users:
        attribute = _operand(user, node)
        value = None if attribute is None else saved(user, attribute)
        if attribute is not None and isinstance(value, Tensor):
            return user, attribute, []
    for user in users:
        undo = _undo(user)
        inner = None if undo is None else _kept(graph, region, user)
        if inner is not None and undo is not None:
            return inner[0], inner[1], [*inner[2], undo]
    return None


def _operand(user: AutogradNode, node: AutogradNode) -> str | None:
    """The attribute in which a node keeps its input that comes from another node."""
    place = next((place for place, s in enumerate(inputs(user)) if s is node), None)
    name = kind(user)
    if place is None:
        return None
    if name in AFFINE:
        return AFFINE[name].saved_data if place == AFFINE[name].data else None
    if name in BINARY or name in UNARY:
        attribute = "_saved_self" if place == 0 else "_saved_other"
        return attribute if hasattr(user, attribute) else None
    return None


def _undo(user: AutogradNode) -> str | float | None:
    """What turns the output of an operation into its input again."""
    name = kind(user)
    if name == "NegBackward":
        return -1.0
    if name == "ExpBackward":
        return "log"
    if name in ("MulBackward", "DivBackward") and not _two_signals(user):
        factor = _factor(user)
        if factor:
            return factor if name == "DivBackward" else 1 / factor
    return None


def _path(region: Region, begin: AutogradNode, goal: AutogradNode) -> tuple[int, ...] | None:
    """Positions of inputs that lead from one node of a region to another."""
    todo: list[tuple[AutogradNode, tuple[int, ...]]] = [(begin, ())]
    seen = {begin}
    for node, path in todo:
        if node is goal:
            return path
        if node is region.entry:
            continue
        for place, source in enumerate(inputs(node)):
            if source is not None and source not in seen:
                seen.add(source)
                todo.append((source, (*path, place)))
    return None


Take = Callable[[Tensor], Tensor]  # some entries of a full tensor, flat, in float64


def entries(tensor: Tensor) -> Tensor:
    """A few entries of a full tensor, at even distances, flat, in float64."""
    return as_float64(tensor.detach().reshape(-1)[:: max(tensor.numel() // SAMPLED, 1)])


def formula(
    graph: AutogradGraph, region: Region, argument: Tensor, take: Take = entries
) -> Formula | None:
    """The region as a function of its argument; None where a constant is not known.

    The function keeps no tensor and no node.

    Args:
        graph: the graph of the loss.
        region: a region of it.
        argument: entries of the argument in this forward, flat, in float64.
        take: returns the same entries of any full tensor of the argument's shape.
    """
    slots = {region.entry: 0}
    values = [argument]
    steps: list[Step] = []
    for node in region.nodes:
        step = (
            _unary(node, slots)
            or _choice(node, slots, values, take)
            or _binary(graph, node, slots, values, take)
        )
        if step is None:
            return None
        slots[node] = len(values)
        values.append(step(values))
        steps.append(step)

    def function(z: Tensor) -> Tensor:
        known = [z]
        for step in steps:
            known.append(step(known))
        return known[-1]

    return function


Step = Callable[[list[Tensor]], Tensor]


def _choice(
    node: AutogradNode, slots: dict[AutogradNode, int], values: list[Tensor], take: Take
) -> Step | None:
    """A choice between two branches; of ``where`` only one by the sign of the argument."""
    name = kind(node)
    if name not in CHOICES:
        return None
    one, two = (_slot(source, slots) for source in inputs(node))
    if name != "WhereBackward":
        call = torch.maximum if name == "MaximumBackward" else torch.minimum
        return lambda known: call(known[one], known[two])
    condition = saved(node, "_saved_condition")
    if not isinstance(condition, Tensor):
        return None
    chosen = take(condition) != 0
    above = values[0] > 0
    certain = values[0].abs() > ROUNDING * values[0].abs().max()
    if bool((chosen == above)[certain].all()):
        return lambda known: torch.where(known[0] > 0, known[one], known[two])
    if bool((chosen != above)[certain].all()):
        return lambda known: torch.where(known[0] > 0, known[two], known[one])
    return None


def _unary(node: AutogradNode, slots: dict[AutogradNode, int]) -> Step | None:
    name = kind(node)
    if name not in UNARY:
        return None
    call = PLAIN[name] if name in PLAIN else WITH_NUMBERS[name](node)
    slot = _slot(inputs(node)[0], slots)
    return lambda known: call(known[slot])


def _binary(
    graph: AutogradGraph,
    node: AutogradNode,
    slots: dict[AutogradNode, int],
    values: list[Tensor],
    take: Take,
) -> Step | None:
    call, alpha = BINARY[kind(node)], float(getattr(node, "_saved_alpha", 1))
    sources = inputs(node)
    if _two_signals(node):
        one, two = (_slot(source, slots) for source in sources)
        return lambda known: call(known[one], known[two], alpha)
    at = next(place for place, s in enumerate(sources) if s is not None and leaf_of(s) is None)
    slot = _slot(sources[at], slots)
    number = _constant(node)
    if number is None:
        number = _solved(graph, node, at, values[slot], take)
    if number is None:
        return None
    if at == 0:
        return lambda known: call(known[slot], number, alpha)
    return lambda known: call(torch.full_like(known[slot], number), known[slot], alpha)


def _slot(source: AutogradNode | None, slots: dict[AutogradNode, int]) -> int:
    assert source is not None  # the region holds computed inputs only
    return slots[source]


def _constant(node: AutogradNode) -> float | None:
    """The number that a node combines with its signal: a learnt scalar, or a saved factor."""
    leaf = next((leaf for source in inputs(node) if (leaf := leaf_of(source)) is not None), None)
    if leaf is not None:
        return float(leaf.detach())
    return None if kind(node) in SHIFTS else _factor(node)


def _solved(
    graph: AutogradGraph, node: AutogradNode, at: int, signal: Tensor, take: Take
) -> float | None:
    """The number that a node adds, from the output that another node has kept."""
    output = _observed(graph, node)
    if output is None:
        return None
    output, alpha = take(output), float(getattr(node, "_saved_alpha", 1))
    if output.shape != signal.shape:
        return None
    name = kind(node)
    if name == "AddBackward":
        shift = (output - signal) / alpha if at == 0 else output - alpha * signal
    elif name == "SubBackward":
        shift = (signal - output) / alpha if at == 0 else output + alpha * signal
    else:
        shift = output + alpha * signal
    seen = torch.isfinite(shift)
    if not bool(seen.any()):
        return None
    shift, output = shift[seen], output[seen]
    number = float(shift.median())
    scale = 1 + float(output.abs().max()) + abs(number)
    if not float((shift - number).abs().max()) <= ROUNDING * scale:
        return None
    return round(number, 4) if abs(number - round(number, 4)) < ROUNDING else number


def _observed(graph: AutogradGraph, node: AutogradNode) -> Tensor | None:
    """The output of a node as another node has kept it; NaN where it is not known."""
    users = graph.consumers(node)
    for user in users:
        attribute = _operand(user, node)
        value = None if attribute is None else saved(user, attribute)
        if isinstance(value, Tensor):
            return value
    for user in users:
        name, value = kind(user), saved(user, "_saved_result")
        if isinstance(value, Tensor) and name in INVERSES:
            return INVERSES[name](value)
    for user in users:  # one branch of a choice: the entries where it was taken
        condition = saved(user, "_saved_condition")
        value = _observed(graph, user) if isinstance(condition, Tensor) else None
        if value is not None and isinstance(condition, Tensor):
            taken = condition if inputs(user)[0] is node else ~condition
            return value.detach().masked_fill(~taken, float("nan"))
    for user in users:
        undo = _undo(user)
        value = None if not isinstance(undo, float) else _observed(graph, user)
        if value is not None and isinstance(undo, float):
            return value * undo
    return None


INVERSES: dict[str, Formula] = {
    "ReciprocalBackward": torch.reciprocal,
    "SqrtBackward": torch.square,
    "ExpBackward": torch.log,
}
