"""Writes facts about a model's structure: its head, its affine pairs, and its opaque ops."""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

from torch import nn

from relume.acts.act import by_node
from relume.core import Fact
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph import affine_structure, criterion, criterion_targets, head_structure
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    if_in_memory,
    inputs,
    kind,
    name_of,
)
from relume.record.graph.dropout_masks import dropout_masks
from relume.record.graph.head_reach import Reach, head_reach, single_norms
from relume.record.graph.opaque_ops import CUSTOM, FUSED, OPAQUE, PACKED, RELEASED, is_custom
from relume.record.graph.softmax_source import axis_is_left_out
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import SiteCall, Sites, SiteState, source_of
from relume.record.store.run_file import Writer

MOST_BEFORE = 64  # sites that are listed before another one: a dense block has that many


class StructureFacts(FactAudit):
    """Writes facts about structure, each once."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._written: set[tuple[str, str, str]] = set()

    def first(self, kind_: str, site: str, what: str = "") -> bool:
        """Whether this fact is new; it is not at the next call."""
        key = (kind_, site, what)
        if key in self._written:
            return False
        self._written.add(key)
        return True

    def write_head(
        self,
        graph: AutogradGraph,
        spec: criterion.Criterion,
        head: criterion.Head,
        calls: Sequence[SiteCall],
        step: int,
        module_trace: ModuleTrace | None = None,
    ) -> None:
        """Write which acts are between the head and the criterion."""
        states = {id(call.node): call.state for call in calls if call.node is not None}
        acts: list[dict[str, Any]] = []
        for node in head.acts:
            state = states.get(id(node))
            file, line = source_of(node)
            name = "" if state is None else state.site.name
            act_name = by_node()[name_of(node)][0].name if state is None else state.site.act
            act: dict[str, Any] = {"act": act_name, "site": name, "file": file, "line": line}
            act |= head_structure.clamp_limits(node)
            acts.append(act | {"traits": head_structure.traits(node)})
        rows = criterion.rows_at_criterion(graph, spec, head)
        layer = "" if head.affine is None else self._sites.layer_path(head.affine, module_trace)
        fact = Fact(
            "head",
            layer,
            step,
            {
                "layer": layer,
                "acts": acts,
                "direct": head_structure.is_direct(spec, head),
                "guarded": head_structure.log_guards(spec, head),
                **_reach(head_reach(spec, head)),
                "rows_sum_error": None if rows is None else rows[0],
                "rows_min": None if rows is None else rows[1],
            },
        )
        if self.first("head", layer, str(acts)):
            self._writer.fact(fact)

    def write_dropout(
        self, graph: AutogradGraph, layer_of: Callable[[AutogradNode], str], step: int
    ) -> None:
        """Write which share of a layer's values each dropout keeps."""
        for node, keep, units in dropout_masks(graph):
            layer = layer_of(node)
            if not self.first("dropout", layer):
                continue
            file, line = source_of(node)
            data = {"keep": keep, "units": units, "file": file, "line": line}
            self._writer.fact(Fact("dropout", layer, step, data))

    def write_second_derivative(
        self, acts: Sequence[str], entries: int, place: tuple[str, int], step: int
    ) -> None:
        """Write that a second derivative is asked for which is zero everywhere."""
        file, line = place
        if self.first("no-curvature", file, str(line)):
            data = {"acts": list(acts), "entries": entries, "file": file, "line": line}
            self._writer.fact(Fact("no-curvature", "", step, data))

    def write_affine_pair(
        self, pair: affine_structure.AffinePair, module_trace: ModuleTrace, step: int
    ) -> None:
        """Write that two affine maps follow each other without an act between them."""
        first = self._sites.layer_path(pair.first, module_trace) or kind(pair.first)
        second = self._sites.layer_path(pair.second, module_trace) or kind(pair.second)
        if not self.first("affine-pair", first, second):
            return
        size = affine_structure.shape_of(pair)
        file, line = source_of(pair.second)
        self._writer.fact(
            Fact(
                "affine-pair",
                second,
                step,
                {
                    "first": first,
                    "second": second,
                    "shape": None if size is None else list(size),
                    "between": [_plain_name(node) for node in pair.between],
                    "additivity_error": affine_structure.additivity_error(pair),
                    "exempt": affine_structure.exempt_reason(pair),
                    "file": file,
                    "line": line,
                },
            )
        )

    def write_act_structure(
        self,
        graph: AutogradGraph,
        spec: criterion.Criterion,
        head: criterion.Head,
        calls: Sequence[SiteCall],
        module_trace: ModuleTrace,
        step: int,
    ) -> None:
        """Write the axis of each softmax, and which acts take the output of another."""
        sites = {call.node: call.state.site for call in calls if call.node is not None}
        roles = {node: site.role for node, site in sites.items()}
        target = criterion_targets.targets(spec)
        rows = int(target.shape[0]) if target is not None and target.dim() else None
        for node, data in head_structure.softmaxes(graph, head, roles, rows):
            name = sites[node].name if node in sites else data["act"]
            data["implicit"] = self._implicit(node, module_trace)
            self._write_once("softmax", name, node, data, step)
        for node, shape in single_norms(graph):
            ends = head_structure.is_last(graph, node)
            self._write_once("single-norm", "", node, {"shape": shape, "ends": ends}, step)
        for node, before in head_structure.act_pairs(graph):
            first, second = (by_node()[name_of(each)][0].name for each in (before, node))
            name = sites[node].name if node in sites else second
            pair: dict[str, Any] = {
                "first": first,
                "second": second,
                "role": roles.get(node, "hidden"),
            }
            pair["first_traits"] = head_structure.traits(before)
            pair["second_traits"] = head_structure.traits(node)
            self._write_once("act-pair", name, node, pair, step)

    def write_paths(
        self,
        graph: AutogradGraph,
        calls: Sequence[SiteCall],
        head: tuple[AutogradNode, str] | None,
        step: int,
    ) -> None:
        """Write which sites stand before each one on a path of the graph, with none between.

        Args:
            graph: of the loss.
            calls: the calls of acts in it.
            head: the head's node and the name of its site.
            step: the current step.
        """
        names = {call.node: call.state.site.name for call in calls if call.node is not None}
        if head is not None:
            names[head[0]] = head[1]
        nearest: dict[AutogradNode, frozenset[str]] = {}
        for node in graph.nodes:  # in forward order: inputs come first
            known = (nearest.get(source) for source in inputs(node) if source is not None)
            before = frozenset[str]().union(*(one for one in known if one))
            name = names.get(node)
            nearest[node] = before if name is None else frozenset((name,))
            if name is not None:
                listed = sorted(before - {name})[:MOST_BEFORE]
                if self.first("path", name, " ".join(listed)):
                    self._writer.fact(Fact("path", name, step, {"before": listed}))

    def write_precision(self, states: Iterable[SiteState], step: int) -> None:
        """Write the dtypes in which acts were computed."""
        with self._writer.together():
            for state in states:
                if state.shape and self.first("precision", state.site.name):
                    dtype = str(state.dtype).removeprefix("torch.")
                    data = {"dtype": dtype, "shape": list(state.shape)}
                    self._writer.fact(Fact("precision", state.site.name, step, data))

    def _implicit(self, node: AutogradNode, module_trace: ModuleTrace) -> bool | None:
        """Whether a softmax has no explicit axis: in its module, or in the source of its call."""
        module = module_trace.owner(node._sequence_nr())
        if isinstance(module, nn.Softmax | nn.LogSoftmax):
            return module.dim is None
        file, line = source_of(node)
        return axis_is_left_out(file, line) if file else None

    def _write_once(
        self, kind_: str, name: str, node: AutogradNode, data: dict[str, Any], step: int
    ) -> None:
        if self.first(kind_, name):
            file, line = source_of(node)
            self._writer.fact(Fact(kind_, name, step, {**data, "file": file, "line": line}))

    def write_opaque_ops(
        self, graph: AutogradGraph, acts: Sequence[SiteCall], module_trace: ModuleTrace, step: int
    ) -> None:
        """Write which operations of a graph hide their acts, and why."""
        for node in graph.nodes:
            name = kind(node)
            entry = OPAQUE.get(name)
            if entry is None and is_custom(node):
                entry = CUSTOM
            if entry is not None:
                path = self._sites.names.path(module_trace.owner(node._sequence_nr()))
                self.write_opaque(path, _plain_name(node), *entry, step)
        self._write_packed(acts, module_trace, step)
        if any(if_in_memory(leaf) is None for leaf in graph.leaves):
            self.write_opaque("", "fully_shard", *RELEASED, step)
        if not graph.complete:
            text = "the graph is larger than is read; acts nearest to the loss are measured"
            self.write_opaque("", "graph", text, "nothing: the rest of the run is measured", step)

    def write_fused(self, module: nn.Module, step: int) -> None:
        """Write that a layer ran as one fused operation."""
        self.write_opaque(self._sites.names.path(module), "fused path", *FUSED, step)

    def _write_packed(self, acts: Sequence[SiteCall], module_trace: ModuleTrace, step: int) -> None:
        """Write the regions whose saved tensors are packed and in which no act was captured."""
        captured = {one.state.site.path for one in acts if one.captured_input is not None}
        paths = {self._sites.names.path(module) for module in module_trace.packing_modules()}
        for path in sorted(paths):
            if any(outer != path and _within(path, outer) for outer in paths):
                continue
            inside = any(_within(site, path) for site in captured)
            if not inside:
                self.write_opaque(path, "saved-tensor hooks", *PACKED, step)

    def write_opaque(self, site: str, operation: str, reason: str, remedy: str, step: int) -> None:
        """Write that an operation hides its acts, and what would show them."""
        if self.first("opaque", site, operation):
            data = {"operation": operation, "reason": reason, "remedy": remedy}
            self._writer.fact(Fact("opaque", site, step, data))


def _within(path: str, outer: str) -> bool:
    """Whether a module is another one, or inside it."""
    return not outer or path == outer or path.startswith(f"{outer}.")


def _plain_name(node: AutogradNode) -> str:
    """Return the operation without autograd's suffix: ``"View"`` for ``"ViewBackward0"``."""
    return kind(node).removesuffix("Backward")


def _reach(reach: Reach | None) -> dict[str, Any]:
    """What operations before the criterion reach together; None for a side without a limit."""
    if reach is None:
        return {"reach": None}
    sides = [side if isfinite(side) else None for side in (reach.low, reach.high)]
    return {"reach": sides, "reach_by": list(reach.operations)}
