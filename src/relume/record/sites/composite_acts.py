"""Recognises acts that are written by hand, and takes further non-linear operations as acts.

A region of elementwise nodes is evaluated on a grid and compared with every act that relume
knows: ``0.5 * x * (1 + torch.tanh(...))`` is a GELU, and the tanh inside is no site of its own.
What equals none of them and has no known act inside (``torch.sin``) is an act of its own, with the
slope of its formula.

An act lies between two layers: it is fed by one, and another one takes its output. So arithmetic of
the loss is no act, and neither are a norm's squares, roots and averages.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import torch
from torch import Tensor

from relume.acts.act import Act, Node, acts, by_node, find_act
from relume.acts.wide_precision import derivative
from relume.instrument.float64 import as_float64
from relume.record.graph import criterion
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    name_of,
    normalised,
    parameter_behind,
    passes_through,
    path_to_layer,
)
from relume.record.graph.elementwise import (
    BINARY,
    CHOICES,
    UNARY,
    Formula,
    InnerNode,
    Region,
    Take,
    entries,
    formula,
    kept_input,
    recomputed_input,
    regions,
)
from relume.record.graph.op_names import AFFINE, NORM
from relume.record.graph.recompute import first_rows_of

ALIKE = (
    1e-3  # largest difference on the grid: gelu and its tanh form differ by 5e-4, so the best wins
)
NOTHING_FLAT = 1e-30  # the reference slope of acts whose slope has no largest value
# Operations that may be an act by themselves; a root, a logarithm or a quotient alone is a norm, a
# variance or a distance.
ACT_LIKE = frozenset(
    f"{name}Backward" for name in ("Sin", "Cos", "Atan", "Sinh", "Asinh", "Erf", "Exp", "Expm1")
) | {"AbsBackward", "PowBackward"}
REDUCTIONS = frozenset(
    f"{name}Backward"
    for name in (
        "Mean",
        "Sum",
        "Var",
        "VarMean",
        "Std",
        "LinalgVectorNorm",
        "Norm",
        "Amax",
        "Max",
        "Prod",
    )
)


LIMITS = frozenset(f"{n}Backward" for n in ("Clamp", "ClampMin", "ClampMax", "Maximum", "Hardtanh"))


@dataclass(slots=True, eq=False)
class CompositeAct:
    """An act that is computed by several nodes, or by one that relume has no act for.

    Attributes:
        act: the act, with its parameters bound.
        node_spec: where its input is kept.
        region: its nodes.
        rows: sampled rows of its input, recomputed from the layer before; None where it is kept.
    """

    act: Act
    node_spec: InnerNode
    region: Region
    rows: Tensor | None = None


def scales(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether the output of a node multiplies something that is no number (noise, a signal)."""
    users = (u for u in graph.consumers(node) if kind(u) in ("MulBackward", "DivBackward"))
    return any(passes_through(user) is None for user in users)


def parameters_of(act: Act, spec: Node, node: AutogradNode) -> Mapping[str, object]:
    """Return the act's parameters: of a composite act the bound ones, else those of its node."""
    return dict(act.defaults) if isinstance(spec, InnerNode) else act.parameters(spec, node)


class CompositeFinder:
    """Finds the composite acts of graphs; a region that was seen before is not evaluated again."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Act | None] = {}

    def find(self, graph: AutogradGraph, phase: int) -> dict[AutogradNode, CompositeAct]:
        """Return the composite acts of a graph by every node that they consist of.

        Args:
            graph: of the loss.
            phase: number of the record, which selects the rows that are recomputed.
        """
        found: dict[AutogradNode, CompositeAct] = {}
        inside: set[AutogradNode] | None = None
        for output in reversed(graph.nodes):
            if output in found or output in graph.sealed or not _may_end(output):
                continue
            if inside is None:
                inside = feeding_layers(graph)
            if output not in inside:
                continue
            composite = self._at(graph, output, phase)
            if composite is not None:
                found.update(dict.fromkeys(composite.region.nodes, composite))
        return found

    def _at(self, graph: AutogradGraph, output: AutogradNode, phase: int) -> CompositeAct | None:
        """Return the known act that ends here, else the largest region that is an act."""
        last: CompositeAct | None = None
        for region in regions(output):
            names = [name_of(node) for node in region.nodes]
            own = [name for name in names if name in by_node()]
            if not region.bends or (len(names) == 1 and own) or graph.sealed & {*region.nodes}:
                continue
            made = self._act(graph, region, phase)
            if made is not None and made.act.name in acts():
                return made
            nested = own or name_of(region.entry) in by_node()
            if made is not None and not nested and _is_act(graph, region):
                last = made
        return last

    def _act(self, graph: AutogradGraph, region: Region, phase: int) -> CompositeAct | None:
        spec = kept_input(graph, region)
        place = region.output._sequence_nr() - graph.numbers[-1]
        key = (*region.kinds, None if spec is None else (spec.path, spec.undo), place)
        act = self._known.get(key)
        if key in self._known and act is None:
            return None
        rows, take, argument = None, entries, None
        if spec is not None:
            argument = None if act is not None else entries(spec.read(region.output))
        else:
            recomputed = first_rows_of(region.entry, phase)
            if recomputed is not None:
                rows, axis, begin = recomputed
                take, argument = _same_rows(rows, axis, begin), as_float64(rows.reshape(-1))
        if act is None:
            function = None if argument is None else formula(graph, region, argument, take)
            act = self._known[key] = None if function is None else _matched(function, region.kinds)
        if act is None or (spec is None and rows is None):
            return None
        spec = spec or recomputed_input(graph, region)
        return CompositeAct(act, spec, region, rows)


def _same_rows(rows: Tensor, axis: int, begin: int) -> Take:
    """What takes the entries of recomputed rows out of a full tensor."""

    def take(tensor: Tensor) -> Tensor:
        flat = tensor.detach().movedim(axis, -1).reshape(-1, rows.shape[1])
        return as_float64(flat[begin : begin + rows.shape[0]].reshape(-1))

    return take


def _may_end(node: AutogradNode) -> bool:
    """Whether a region may end here: at an operation that bends, or combines two signals."""
    name = kind(node)
    if name in CHOICES:
        return None not in inputs(node)
    if name in BINARY:
        return any(source is not None and kind(source) in _FOLDED for source in inputs(node))
    return name in UNARY and name_of(node) not in by_node()


_FOLDED = BINARY.keys() | UNARY


def feeding_layers(graph: AutogradGraph) -> set[AutogradNode]:
    """The nodes whose output a layer with parameters takes, however far on."""
    todo: list[AutogradNode | None] = []
    for node in graph.nodes:
        name = kind(node)
        if node in graph.derived:
            continue
        if name in AFFINE:
            weight = inputs(node)[AFFINE[name].weight]
            if name != "MmBackward" or weight is None or parameter_behind(weight) is not None:
                todo.append(inputs(node)[AFFINE[name].data])
        elif name in NORM:
            todo.append(inputs(node)[0])
    inside: set[AutogradNode] = set()
    while todo:
        node = todo.pop()
        if node is not None and node not in inside:
            inside.add(node)
            todo.extend(inputs(node))
    return inside


def is_statistic(node: AutogradNode) -> bool:
    """Whether a limit keeps an average or a norm away from zero, and no signal: it is no act."""
    if kind(node) not in LIMITS:
        return False
    for passed in path_to_layer(node):
        if kind(passed) in REDUCTIONS:
            return True
        if kind(passed) in AFFINE or kind(passed) in NORM:
            return False
    return False


def in_loss(graph: AutogradGraph, nodes: Collection[AutogradNode]) -> set[AutogradNode]:
    """Those of the nodes that belong to the loss.

    Their output reaches no layer, and they do not stand between the head and the criterion.
    """
    spec = criterion.criterion(graph)
    head = criterion.head(spec, graph)
    if spec.name == "unknown" or head.affine is None:
        return set()
    inside = feeding_layers(graph)
    return {node for node in nodes if node not in inside and node not in head.acts}


def _is_act(graph: AutogradGraph, region: Region) -> bool:
    """Whether a region that is no known act is one: fed by a layer, and no part of a norm."""
    if not ACT_LIKE.intersection(region.kinds):
        return False
    path = path_to_layer(region.output, region.entry)
    if not any(kind(node) in AFFINE or kind(node) in NORM for node in path):
        return False
    if any(kind(node) in REDUCTIONS for node in path):
        return False
    if any(normalised(user) is not None for user in graph.consumers(region.output)):
        return False
    users = {kind(user) for user in graph.consumers(region.output)}
    averaged = bool(users & REDUCTIONS)
    plain = not {"SinBackward", "CosBackward", "ErfBackward"}.intersection(region.kinds)
    return not averaged or not (plain or users - REDUCTIONS)


def _matched(function: Formula, kinds: list[str]) -> Act | None:
    """The act that a function is, or an act made of it; None where it has no finite value."""
    grid, table = _table()
    values = _finite(function, grid)
    if values is None:
        return None
    errors = [(float((values - of_act).abs().max()), act) for act, of_act in table]
    error, act = min(errors, key=lambda pair: pair[0])
    return act if error <= ALIKE else _made(function, kinds)


def _finite(function: Formula, grid: Tensor) -> Tensor | None:
    with torch.no_grad():
        values = function(grid)
    return values if bool(torch.isfinite(values).all()) else None


@cache
def _table() -> tuple[Tensor, list[tuple[Act, Tensor]]]:
    """A grid, and the value of every elementwise act on it."""
    grid = torch.linspace(-6, 6, 241, dtype=torch.float64)
    table: list[tuple[Act, Tensor]] = []
    for act in _bindings():
        try:
            values = act.value(grid, **act.defaults)
        except (TypeError, ValueError, RuntimeError):
            continue  # an act of the user's that takes no plain tensor
        table.append((act, values))
    return grid, table


# Acts that equal another one on the grid, at their default parameters or in value.
_TWINS = frozenset({"identity", "rrelu", "snake", "swish", "clipped_gelu", "jump_relu"})


def _bindings() -> Iterator[Act]:
    yield find_act("gelu").bind(approximate="tanh")
    for act in acts().values():
        if act.elementwise and act.name not in _TWINS:
            yield act
    yield find_act("snake")
    yield find_act("leaky_relu").bind(negative_slope=0.1)
    yield find_act("leaky_relu").bind(negative_slope=0.2)
    yield find_act("softcap").bind(cap=50.0)


def _made(function: Formula, kinds: list[str]) -> Act:
    """An act of a function that relume has no act for, with the slope of its formula."""
    words = [
        word.removesuffix("Backward").lower()
        for word in kinds
        if word not in BINARY and word not in CHOICES
    ]
    name = "_".join(dict.fromkeys(word for word in words if word != "neg"))
    if name in acts():
        name = f"{name}_by_hand"
    slope = derivative(function)
    near, far = (
        float(
            slope(torch.linspace(-size, size, 2001, dtype=torch.float64)).nan_to_num().abs().max()
        )
        for size in (8.0, 80.0)
    )
    return Act(
        name=name,
        family="own",
        formula=name,
        year=0,
        reference="",
        value=function,
        slope=slope,
        defaults=MappingProxyType({}),
        declared_max_slope=near if far < 2 * near and near > 0 else NOTHING_FLAT,
    )
