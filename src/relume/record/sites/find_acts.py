"""Finds the acts of one recorded step: in graph nodes, in masks, and in captured calls."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from relume.acts.act import Act, Node, by_node, find_act
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    has_constant,
    inputs,
    kind,
    leaf_of,
    name_of,
)
from relume.record.graph.handwritten_relu import FORMS, relu_input
from relume.record.graph.op_names import AFFINE
from relume.record.graph.recompute import first_rows_of
from relume.record.sites.composite_acts import CompositeAct, CompositeFinder, in_loss, is_statistic
from relume.record.sites.function_mode import CapturedAct, CapturedInput
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.qualified_names import QualifiedNames

MASK_RECORDS = 4  # records on which masks are tested for being hand-written acts


ACT_MODULES = ("torch.nn.modules.activation", "relume.", "transformers.activations", "keras.")


@dataclass(slots=True)
class FoundAct:
    """An act of one step, before it has a site.

    Attributes:
        act: the act.
        node_spec: how its autograd node saves its input or output.
        module: the module that called it; None outside any.
        order: its position among the step's calls.
        node: its node in the graph; None where it has none.
        captured: the captured call; None for an act that was found in the graph.
        captured_input: its sampled input; None: it is read from the node.
        form: the name of a hand-written act; ``""`` for any other.
        entry: the source of an act that several nodes compute.
    """

    act: Act
    node_spec: Node
    module: nn.Module | None
    order: int
    node: AutogradNode | None = None
    captured: CapturedAct | None = None
    captured_input: CapturedInput | None = None
    form: str = ""
    entry: AutogradNode | None = None


class ActFinder:
    """Finds the acts of a step.

    Args:
        names: the names of modules and parameters.
    """

    def __init__(self, names: QualifiedNames) -> None:
        self._names = names
        self._masks: dict[tuple[str, str, int], bool] = {}
        self._records = 0
        self._composites = CompositeFinder()
        self._layered: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()

    def find(
        self,
        graph: AutogradGraph,
        module_trace: ModuleTrace,
        captured: Sequence[CapturedAct],
        place: Callable[[int], int],
        phase: int,
    ) -> list[FoundAct]:
        """Return every act that the loss depends on, in forward order (Args: `Sites.acts_in`)."""
        self._records += 1
        composites = self._composites.find(graph, phase)
        own = self._own_nodes(graph, module_trace)
        acts = [
            one
            for node in own
            if node not in composites and (one := self._from_node(graph, node, module_trace, place))
        ]
        acts += self._composite(composites.values(), module_trace, place)
        acts += [
            one
            for one in self._hand_written(graph, module_trace, place, phase)
            if one.node not in composites
        ]
        if len(own) < len(graph.nodes):
            kept = set(own)
            acts = [one for one in acts if one.node in kept]
        acts = self._without_loss(graph, acts)
        acts += [
            FoundAct(t.act, t.node_spec, t.module, t.order, t.node, t, t.captured_input)
            for t in captured
        ]
        return sorted(acts, key=lambda one: one.order)

    def _own_nodes(self, graph: AutogradGraph, module_trace: ModuleTrace) -> Sequence[AutogradNode]:
        """Return the nodes of the model: what backward made was made outside every module."""
        if not graph.derived:
            return graph.nodes
        own = [node for node in graph.nodes if node not in graph.derived]
        inside = [n for n in own if module_trace.owner(n._sequence_nr()) is not None]
        return inside if any(kind(node) in AFFINE for node in inside) else own

    def _without_loss(self, graph: AutogradGraph, acts: list[FoundAct]) -> list[FoundAct]:
        """Drop the arithmetic of a loss; a module that is an act or has layers keeps its acts."""
        doubtful = {
            one.node for one in acts if one.node is not None and not self._in_layers(one.module)
        }
        gone = in_loss(graph, doubtful) if doubtful else set[AutogradNode]()
        return [one for one in acts if one.node not in gone]

    def _in_layers(self, module: nn.Module | None) -> bool:
        if module is None:
            return False
        known = self._layered.get(module)
        if known is None:
            known = self._layered[module] = (
                type(module).__module__.startswith(ACT_MODULES)
                or next(module.parameters(), None) is not None
            )
        return known

    def _composite(
        self,
        composites: Iterable[CompositeAct],
        module_trace: ModuleTrace,
        place: Callable[[int], int],
    ) -> Iterator[FoundAct]:
        for one in dict.fromkeys(composites):
            node, act = one.region.output, one.act
            number = node._sequence_nr()
            if not module_trace.covers(number):
                continue
            entry = one.region.entry
            rows = None
            if one.rows is not None:
                rows = CapturedInput(one.rows, act.defaults, source=entry, compute=_first_rows)
            owner = module_trace.owner(number)
            yield FoundAct(
                *(act, one.node_spec, owner, place(number), node),
                captured_input=rows,
                form=act.name,
                entry=entry,
            )

    def _from_node(
        self,
        graph: AutogradGraph,
        node: AutogradNode,
        module_trace: ModuleTrace,
        place: Callable[[int], int],
    ) -> FoundAct | None:
        """Return the act that a node computes; None if it computes none on the user's data."""
        entry = by_node().get(name_of(node))
        if entry is None or node in graph.sealed:
            return None
        act, node_spec = entry
        if node_spec.constant_input and not has_constant(node):
            return None
        number = node._sequence_nr()
        if not module_trace.covers(number):
            return None  # made before the recording: its module is not known
        if act.name == "log_softmax":
            return None  # part of a loss; the head's fact names it where it is not
        if self._acts_on_parameter(node) or is_statistic(node):
            return None
        return FoundAct(act, node_spec, module_trace.owner(number), place(number), node)

    def _acts_on_parameter(self, node: AutogradNode) -> bool:
        """Whether the input is a parameter (parametrization, learned gate); it has no samples."""
        leaf = leaf_of(next(iter(inputs(node)), None))
        return leaf is not None and self._names.parameter(leaf) is not None

    def _hand_written(
        self,
        graph: AutogradGraph,
        module_trace: ModuleTrace,
        place: Callable[[int], int],
        phase: int,
    ) -> list[FoundAct]:
        """Return the acts written as ``where(x > 0, x, 0)`` or ``x * (x > 0)``."""
        acts: list[FoundAct] = []
        calls: dict[tuple[str, str], int] = {}
        if self._records > MASK_RECORDS and not any(self._masks.values()):
            return acts
        for node in graph.nodes:
            form = FORMS.get(kind(node))
            number = node._sequence_nr()
            if form is None or not module_trace.covers(number):
                continue
            module = module_trace.owner(number)
            path = self._names.path(module)
            index = calls.get((path, form), 0)
            calls[path, form] = index + 1
            rows = self._mask_rows(node, (path, form, index), phase)
            if rows is not None:
                act = find_act("relu")
                acts.append(
                    FoundAct(
                        *(act, Node(name_of(node), ""), module, place(number), node),
                        captured_input=CapturedInput(
                            rows, blind=form == "where", source=node, compute=_known_relu_input
                        ),
                        form=form,
                    )
                )
        return acts

    def _mask_rows(
        self, node: AutogradNode, key: tuple[str, str, int], phase: int
    ) -> Tensor | None:
        known = self._masks.get(key, False)
        if not known and self._records > MASK_RECORDS:
            return None
        rows = relu_input(node, phase, sure=known)
        self._masks[key] = known or rows is not None
        return rows


def _first_rows(source: AutogradNode, phase: int) -> Tensor | None:
    found = first_rows_of(source, phase)
    return None if found is None else found[0]


def _known_relu_input(node: AutogradNode, phase: int) -> Tensor | None:
    return relu_input(node, phase, sure=True)
