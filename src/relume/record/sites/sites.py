"""Finds the sites of a run and names them; a site is the same on every record."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from relume.acts.act import Act, Node, acts
from relume.core import Site
from relume.instrument.site_name import SiteName, is_act_module
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    feeding,
    inputs,
    kind,
    output_shape,
    parameter_behind,
    role,
)
from relume.record.graph.op_names import AFFINE
from relume.record.graph.unit_axis import ONE_UNIT, unit_axis
from relume.record.measure.unit_counters import UnitCounters
from relume.record.sites.composite_acts import parameters_of, scales
from relume.record.sites.find_acts import ActFinder, FoundAct
from relume.record.sites.function_mode import CapturedAct, CapturedInput
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.qualified_names import QualifiedNames, is_user_code

MOST_CALLS = 8  # calls of one act in one module in one forward: an unrolled loop repeats itself
_FRAME = re.compile(r'\s*File "(?P<file>.*)", line (?P<line>\d+), in ')


@dataclass(slots=True)
class SiteState:
    """What the recorder knows of a site, and its counters.

    Attributes:
        site: the site, as it is written.
        axis: the axis of its units.
        act: its act; None for a head or an input.
        node_spec: how its autograd node saves the act's input or output.
        counters: counts per unit.
        shape, dtype, device: those of the value that its node saved, once it was read.
        unreadable: reading it failed; it is not tried again.
    """

    site: Site
    axis: int = -1
    act: Act | None = None
    node_spec: Node | None = None
    counters: UnitCounters = field(default_factory=UnitCounters)
    shape: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float32
    device: torch.device | None = None
    unreadable: bool = False
    _keys: dict[tuple[str, ...], list[tuple[str, str]]] = field(
        default_factory=dict[tuple[str, ...], list[tuple[str, str]]]
    )

    def keys(self, stats: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return (site, stat) for each of these stats."""
        known = self._keys.get(stats)
        if known is None:
            known = self._keys[stats] = [(self.site.name, stat) for stat in stats]
        return known

    @property
    def elementwise(self) -> bool:
        """Whether the act has a slope for each element."""
        return self.act is not None and self.act.slope is not None


@dataclass(slots=True)
class SiteCall:
    """A call of an act on one recorded step.

    Attributes:
        state: its site's state.
        order: its position among the step's calls.
        node: its node in the graph, for its gradients; None where it has none.
        captured_input: its sampled input; None: it is read from the node.
    """

    state: SiteState
    order: int
    node: AutogradNode | None
    captured_input: CapturedInput | None = None


class Sites:
    """Finds acts in a graph and keeps the state of their sites.

    Args:
        names: the names of modules and parameters.

    Attributes:
        states: the state of each site, by its name, in the order of discovery.
        unmeasured_calls: by module, how often a loop called an act of which not all are measured.
    """

    def __init__(self, names: QualifiedNames) -> None:
        self.names = names
        self.states: dict[str, SiteState] = {}
        self.unmeasured_calls: dict[str, int] = {}
        self._keys: dict[tuple[str, str, int], SiteState] = {}
        self._finder = ActFinder(names)

    def acts_in(
        self,
        graph: AutogradGraph,
        module_trace: ModuleTrace,
        captured: Sequence[CapturedAct] = (),
        *,
        phase: int = 0,
        anchor: Callable[[int], int] | None = None,
    ) -> list[SiteCall]:
        """Return every act of the graph with its site's state, in forward order.

        Args:
            graph: as walked from the loss.
            module_trace: which module was open when.
            captured: captured acts that the loss depends on.
            phase: the record's number.
            anchor: returns the position of a sequence number; by default that on the step.
        """
        self.names.fix_prefixes()
        found_acts = self._finder.find(
            graph, module_trace, captured, anchor or module_trace.place, phase
        )
        calls: list[SiteCall] = []
        call_counts: dict[tuple[str, str], int] = {}
        for one in found_acts:
            path = self.names.path(one.module)
            name = one.form or one.act.name
            index = call_counts.get((path, name), 0)
            call_counts[path, name] = index + 1
            if index >= MOST_CALLS:
                self.unmeasured_calls[path] = max(self.unmeasured_calls.get(path, 0), index + 1)
                continue
            state = self._keys.get((path, name, index))
            if state is None:
                state = self._add_state(graph, one, module_trace, path, index)
                self._keys[path, name, index] = state
            elif one.node is not None and one.captured_input is None:
                state.node_spec = one.node_spec  # a layer that was frozen had no node at first
            calls.append(SiteCall(state, one.order, one.node, one.captured_input))
        return calls

    def get_or_add(self, site: Site, axis: int) -> SiteState:
        """Return the state of a head or an input; add it where it is new."""
        state = self.states.get(site.name)
        if state is None:
            state = self.states[site.name] = SiteState(replace(site, order=len(self.states)), axis)
        return state

    def _add_state(
        self, graph: AutogradGraph, one: FoundAct, module_trace: ModuleTrace, path: str, index: int
    ) -> SiteState:
        act, node = one.act, one.node
        file, line = source_of(node) if node is not None else ("", 0)
        if one.captured is not None:
            file, line = one.captured.file, one.captured.line
        if one.captured_input is None:
            assert node is not None  # what was not captured was found in the graph
            saved = one.node_spec.read(node)
            axis = unit_axis(node, saved.shape, one.entry)
            units = 1 if axis == ONE_UNIT else int(saved.shape[axis])
            parameters = parameters_of(act, one.node_spec, node)
        else:
            axis = one.captured.axis if one.captured is not None else _axis_of(node, one.entry)
            units = int(one.captured_input.rows.shape[1])
            parameters = {**act.defaults, **one.captured_input.extra}
        act_name = act.called(parameters)
        role_ = "hidden" if node is None else role(graph, node, act.name)
        if node is not None and act.name not in acts() and scales(graph, node):
            role_ = "gate"  # a scale: the standard deviation of a sampled code, a rate
        if role_ == "hidden" and node is not None and one.module is None:
            role_ = "output" if module_trace.after_modules(node._sequence_nr()) else role_
        known = Site.of_act(
            act_name,
            act.traits_at(parameters),
            self._name(one.module, path, one.form or act_name, index),
        )
        site = replace(
            known,
            role=role_,
            path=path,
            layer=self._layer(one, module_trace),
            index=index,
            order=one.order,
            units=units,
            file=file,
            line=line,
        )
        state = self.states[site.name] = SiteState(site, axis, act, one.node_spec)
        return state

    def _layer(self, one: FoundAct, module_trace: ModuleTrace) -> str:
        if one.captured is not None and one.captured.layer is not None:
            return self.names.path(one.captured.layer)
        return "" if one.node is None else self.fed_by(one.node, one.entry, module_trace)

    def fed_by(
        self, node: AutogradNode, entry: AutogradNode | None, module_trace: ModuleTrace
    ) -> str:
        """Return the path of the nearest layer whose output enters a node by one of its inputs.

        Args:
            node: an act, or an attention.
            entry: the node behind that input.
            module_trace: which module was open when.
        """
        paths = (self.layer_path(source, module_trace) for source in feeding(node, entry))
        return next(filter(None, paths), "")

    def layer_path(self, node: AutogradNode, module_trace: ModuleTrace | None = None) -> str:
        """Return the qualified name of the layer that made this node, from the parameters it uses.

        Where these are computed from others (a parametrization) or gathered from shards, it is
        the module in which the node was made.
        """
        for source in inputs(node):
            leaf = parameter_behind(source)
            name = None if leaf is None else self.names.parameter(leaf)
            if name is not None:
                return name.rpartition(".")[0]
        if module_trace is None or kind(node) not in AFFINE:
            return ""
        owner = module_trace.owner(node._sequence_nr())
        # a layer has parameters, and no module inside but a parametrization
        if owner is None or next(owner.parameters(), None) is None:
            return ""
        inner = [name for name, _ in owner.named_children() if name != "parametrizations"]
        return "" if inner else self.names.path(owner)

    def _name(self, module: nn.Module | None, path: str, act: str, index: int) -> str:
        own = bool(path) and module is not None and is_act_module(module)
        name = str(SiteName(path, "" if own else act, index))
        if name in self.states:  # two acts in one small module
            name = str(SiteName(path, act, 0))
        while name in self.states:
            name += "'"
        return name


def _axis_of(node: AutogradNode | None, entry: AutogradNode | None) -> int:
    shape = output_shape(node)
    return -1 if node is None or shape is None else unit_axis(node, shape, entry)


def source_of(node: AutogradNode) -> tuple[str, int]:
    """Return file and line of the user's call that made this node; ``("", 0)`` if not recorded.

    On the first records torch's anomaly mode records where each node is made; it is off again
    before backward begins.
    """
    frames: Any = node.metadata.get("traceback_", ())
    for text in reversed(list(frames)):
        match = _FRAME.match(text)
        if match is None:
            continue
        if is_user_code(match["file"]):
            return match["file"], int(match["line"])
    return "", 0
