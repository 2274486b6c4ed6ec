"""The sites of a run: found once, named for people, the same on every record."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from relume.acts.act import Act, Node, by_node
from relume.core import Site
from relume.record.graph import (
    AutogradNode,
    Graph,
    feeding,
    inputs,
    parameter_behind,
    role,
    unit_axis,
)
from relume.record.names import Marks, Names, is_users
from relume.record.units import UnitCounters

MOST_CALLS = 8  # of one act in one module in one forward: an unrolled loop adds no knowledge
_FRAME = re.compile(r'\s*File "(?P<file>.*)", line (?P<line>\d+), in ')


@dataclass(slots=True)
class Plan:
    """What the recorder does at a site, decided when it is first seen."""

    site: Site
    axis: int = -1
    act: Act | None = None
    shown: Node | None = None
    counters: UnitCounters = field(default_factory=UnitCounters)

    @property
    def elementwise(self) -> bool:
        """Whether the act has a slope for each element."""
        return self.act is not None and self.act.slope is not None


class Sites:
    """Finds acts in a graph and keeps their plans.

    Attributes:
        plans: by site name, in the order of discovery.
        left_out: how many calls were not measured because a loop repeats them.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.plans: dict[str, Plan] = {}
        self.left_out: dict[str, int] = {}
        self._keys: dict[tuple[str, str, int], Plan] = {}

    def acts_in(self, graph: Graph, marks: Marks) -> list[tuple[Plan, AutogradNode]]:
        """Every act of the graph with its plan, in forward order."""
        found: list[tuple[Plan, AutogradNode]] = []
        calls: dict[tuple[str, str], int] = {}
        for node in graph.nodes:
            entry = by_node().get(node.name())
            if entry is None or (entry[1].constant_input and None not in inputs(node)):
                continue
            if not marks.saw(node._sequence_nr()):
                continue  # made before we looked: nobody noted in which module
            module = marks.owner(node._sequence_nr())
            act, shown = entry
            if act.name == "log_softmax":
                continue  # part of a loss; the head's fact names it where it is not
            path = self.names.path(module)
            index = calls.get((path, act.name), 0)
            calls[path, act.name] = index + 1
            if index >= MOST_CALLS:
                self.left_out[path] = max(self.left_out.get(path, 0), index + 1)
                continue
            plan = self._keys.get((path, act.name, index))
            if plan is None:
                plan = self._plan(graph, node, module, path, index)
                plan.act, plan.shown = act, shown
                self._keys[path, act.name, index] = plan
            found.append((plan, node))
        return found

    def fixed(self, site: Site, axis: int) -> Plan:
        """The plan of a head or an input."""
        plan = self.plans.get(site.name)
        if plan is None:
            plan = self.plans[site.name] = Plan(replace(site, order=len(self.plans)), axis)
        return plan

    def _plan(
        self, graph: Graph, node: AutogradNode, module: nn.Module | None, path: str, index: int
    ) -> Plan:
        act, shown = by_node()[node.name()]
        saved = shown.read(node)
        axis = unit_axis(node, saved.dim())
        file, line = source_of(node)
        called = act.called(act.parameters(shown, node))
        site = Site(
            name=self._name(module, path, called, index),
            kind="act",
            act=called,
            role=role(graph, node, act.name),
            path=path,
            layer=self._layer(node),
            index=index,
            order=len(self.plans),
            units=int(saved.shape[axis]) if saved.dim() else 1,
            file=file,
            line=line,
            smooth=act.smooth,
            rectifies=act.rectifies,
        )
        plan = self.plans[site.name] = Plan(site, axis)
        return plan

    def _layer(self, node: AutogradNode) -> str:
        for source in feeding(node):
            path = self.layer_path(source)
            if path:
                return path
        return ""

    def layer_path(self, node: AutogradNode) -> str:
        """The qualified name of the layer that made this node, from the parameters it uses."""
        for source in inputs(node):
            leaf = parameter_behind(source)
            name = None if leaf is None else self.names.parameter(leaf)
            if name is not None:
                return name.rpartition(".")[0]
        return ""

    def _name(self, module: nn.Module | None, path: str, act: str, index: int) -> str:
        is_act = module is not None and next(module.children(), None) is None
        is_act = is_act and _is_act_module(module)
        stem = path if is_act and path else f"{path}.{act}()" if path else f"{act}()"
        name = stem if index == 0 else f"{stem}#{index + 1}"
        while name in self.plans:  # two acts in one small module
            stem = f"{path}.{act}()" if path else f"{act}()"
            name = stem if name != stem else f"{name}'"
        return name


def _is_act_module(module: nn.Module | None) -> bool:
    """A module without weights of its own, PReLU's slopes apart: it is its act."""
    if module is None:
        return False
    return isinstance(module, nn.PReLU) or next(module.parameters(recurse=False), None) is None


def source_of(node: AutogradNode) -> tuple[str, int]:
    """File and line of the user's call that made this node; ``("", 0)`` if it was not noted.

    On the first records torch's anomaly mode notes where each node is made; it is off again
    before backward begins.
    """
    frames: Any = node.metadata.get("traceback_", ())
    for text in reversed(list(frames)):
        match = _FRAME.match(text)
        if match is None:
            continue
        if is_users(match["file"]):
            return match["file"], int(match["line"])
    return "", 0
