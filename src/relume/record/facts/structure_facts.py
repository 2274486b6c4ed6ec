"""What is said once of a model's structure: its head, its affine pairs, and what stays hidden."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from relume.acts.act import by_node
from relume.core import Fact
from relume.record.graph import affine_structure, criterion, criterion_targets
from relume.record.graph import head_structure as found_in
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    if_in_memory,
    kind,
    name_of,
)
from relume.record.graph.opaque_ops import CUSTOM, FUSED, OPAQUE, PACKED, RELEASED, is_custom
from relume.record.graph.softmax_source import axis_is_left_out
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import SiteCall, Sites, SiteState, source_of
from relume.record.store.run_file import Writer


class StructureFacts:
    """Writes facts on structure, each once.

    Args:
        sites: of the run.
        writer: the open run file.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        self._sites = sites
        self._writer = writer
        self._said: set[tuple[str, str, str]] = set()

    def first(self, kind_: str, site: str, what: str = "") -> bool:
        """Whether this has not been said before; from now on it has."""
        key = (kind_, site, what)
        if key in self._said:
            return False
        self._said.add(key)
        return True

    def head(
        self,
        graph: AutogradGraph,
        found: criterion.Criterion,
        ends: criterion.Head,
        known: Sequence[SiteCall],
        step: int,
    ) -> None:
        """Say what stands between the head and the criterion."""
        plans = {id(seen.node): seen.plan for seen in known if seen.node is not None}
        acts: list[dict[str, Any]] = []
        for node in ends.acts:
            plan = plans.get(id(node))
            file, line = source_of(node)
            name = "" if plan is None else plan.site.name
            called = by_node()[name_of(node)][0].name if plan is None else plan.site.act
            act: dict[str, Any] = {"act": called, "site": name, "file": file, "line": line}
            acts.append(act | found_in.clamp_limits(node))
        rows = criterion.rows_at_criterion(graph, found, ends)
        layer = "" if ends.affine is None else self._sites.layer_path(ends.affine)
        fact = Fact(
            "head",
            layer,
            step,
            {
                "layer": layer,
                "acts": acts,
                "direct": found_in.is_direct(found, ends),
                "guarded": found_in.log_guards(found, ends),
                "rows_sum_error": None if rows is None else rows[0],
                "rows_min": None if rows is None else rows[1],
            },
        )
        if self.first("head", layer, str(acts)):
            self._writer.fact(fact)

    def pair(self, pair: affine_structure.AffinePair, marks: ModuleTrace, step: int) -> None:
        """Say that two affine maps stand with nothing between them."""
        first = self._sites.layer_path(pair.first, marks) or kind(pair.first)
        second = self._sites.layer_path(pair.second, marks) or kind(pair.second)
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

    def signs(
        self,
        graph: AutogradGraph,
        found: criterion.Criterion,
        ends: criterion.Head,
        known: Sequence[SiteCall],
        marks: ModuleTrace,
        step: int,
    ) -> None:
        """Say along which axis softmaxes run, and which acts are fed by another."""
        sites = {seen.node: seen.plan.site for seen in known if seen.node is not None}
        roles = {node: site.role for node, site in sites.items()}
        target = criterion_targets.targets(found)
        rows = int(target.shape[0]) if target is not None and target.dim() else None
        for node, data in found_in.softmaxes(graph, ends, roles, rows):
            name = sites[node].name if node in sites else data["act"]
            data["implicit"] = self._implicit(node, marks)
            self._once("softmax", name, node, data, step)
        for node, first, second in found_in.act_pairs(graph):
            name = sites[node].name if node in sites else second
            data = {"first": first, "second": second, "role": roles.get(node, "hidden")}
            self._once("act-pair", name, node, data, step)

    def precision(self, plan: SiteState, step: int) -> None:
        """Say in which type an act was computed."""
        if plan.shape and self.first("precision", plan.site.name):
            data = {"dtype": str(plan.dtype).removeprefix("torch."), "shape": list(plan.shape)}
            self._writer.fact(Fact("precision", plan.site.name, step, data))

    def _implicit(self, node: AutogradNode, marks: ModuleTrace) -> bool | None:
        """Whether a softmax was given no axis: by its module, or by the source of its call."""
        module = marks.owner(node._sequence_nr())
        if isinstance(module, nn.Softmax | nn.LogSoftmax):
            return module.dim is None
        file, line = source_of(node)
        return axis_is_left_out(file, line) if file else None

    def _once(
        self, sort: str, name: str, node: AutogradNode, data: dict[str, Any], step: int
    ) -> None:
        if self.first(sort, name):
            file, line = source_of(node)
            self._writer.fact(Fact(sort, name, step, {**data, "file": file, "line": line}))

    def hidden(
        self, graph: AutogradGraph, acts: Sequence[SiteCall], marks: ModuleTrace, step: int
    ) -> None:
        """Say which operations of a graph cannot be looked into, and why."""
        for node in graph.nodes:
            name = kind(node)
            entry = OPAQUE.get(name)
            if entry is None and is_custom(node):
                entry = CUSTOM
            if entry is not None:
                path = self._sites.names.path(marks.owner(node._sequence_nr()))
                self.opaque(path, _plain_name(node), *entry, step)
        self._packed(acts, marks, step)
        if any(if_in_memory(leaf) is None for leaf in graph.leaves):
            self.opaque("", "fully_shard", *RELEASED, step)
        if not graph.complete:
            text = "the graph is larger than is read; acts nearest to the loss are measured"
            self.opaque("", "graph", text, "nothing: the rest of the run is measured", step)

    def fused(self, module: nn.Module, step: int) -> None:
        """Say that a layer ran as one fused operation."""
        self.opaque(self._sites.names.path(module), "fused path", *FUSED, step)

    def _packed(self, acts: Sequence[SiteCall], marks: ModuleTrace, step: int) -> None:
        """Regions whose saved tensors are packed and in which the tap took nothing."""
        seen = {one.plan.site.path for one in acts if one.held is not None}
        paths = {self._sites.names.path(module) for module in marks.packing_modules()}
        for path in sorted(paths):
            if any(outer != path and _within(path, outer) for outer in paths):
                continue
            inside = any(_within(site, path) for site in seen)
            if not inside:
                self.opaque(path, "saved-tensor hooks", *PACKED, step)

    def opaque(self, site: str, operation: str, reason: str, remedy: str, step: int) -> None:
        """Say that an operation hides its acts, and what would show them."""
        if self.first("opaque", site, operation):
            data = {"operation": operation, "reason": reason, "remedy": remedy}
            self._writer.fact(Fact("opaque", site, step, data))


def _within(path: str, outer: str) -> bool:
    """Whether a module is another one, or inside of it."""
    return not outer or path == outer or path.startswith(f"{outer}.")


def _plain_name(node: AutogradNode) -> str:
    """The operation without autograd's decoration: ``"View"`` for ``"ViewBackward0"``."""
    return kind(node).removesuffix("Backward")
