"""Writes facts and sites of a run: its structure, criterion, inputs, parameters, opaque ops."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import torch
from torch import Tensor

from relume.core import Fact, Site, Window
from relume.record.facts.criterion_fact import CriterionFact
from relume.record.facts.fact_audit import FactAudit
from relume.record.facts.fresh_weights import write_frozen
from relume.record.facts.lost_updates import LostUpdates
from relume.record.facts.non_finite_origin import NonFiniteOrigin
from relume.record.facts.row_targets import RowTargets
from relume.record.facts.signal_audit import SignalAudit
from relume.record.facts.structure_facts import StructureFacts
from relume.record.facts.target_networks import TargetNetworks
from relume.record.facts.term_reach import TermReach
from relume.record.facts.wiring import WiringAudit
from relume.record.graph import affine_structure, criterion
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    leaf_of,
    weight_of,
)
from relume.record.graph.broken_forward import BrokenPlace
from relume.record.graph.opaque_ops import NO_BACKWARD
from relume.record.measure.dtensor import is_sharded, local_part
from relume.record.measure.input_moments import LEAST_ROWS, InputMoments
from relume.record.sites.attention_sites import AttentionSites
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.router_sites import RouterSites
from relume.record.sites.sites import MOST_CALLS, SiteCall, Sites, SiteState, source_of
from relume.record.store.run_file import Writer

LAST = 10**12  # an order after that of everything in a graph

Scalars = tuple[tuple[tuple[str, str], ...], Tensor]

MOST_BETWEEN = 16  # operations between a layer and what is named after it
LINE_RECORDS = 2  # first records on which anomaly mode records source lines
MORE_LINE_RECORDS = 4  # at most so many later ones, for sites that appear later


@dataclass(slots=True)
class GraphView:
    """The head and the criterion of one graph.

    Attributes:
        head: the head's state and node.
        criterion: the criterion's name and node, if it is the run's first criterion.
    """

    head: tuple[SiteState, AutogradNode] | None = None
    criterion: tuple[str, AutogradNode] | None = None


class FactLog(FactAudit):
    """Writes facts and sites, each when it is first known or has changed.

    Attributes:
        structure_facts: writes facts about the model's structure.
        criterion_fact: writes the fact about the criterion.
        attention: finds attention, and writes its form.
        routers: finds routers of experts.
        wiring: writes which parameters get a gradient and are optimised.
        signal: writes where the signal, or the error, is lost on its way.
        origin: writes where the first value that is not finite came from.
        term_reach: writes which rows, targets and terms of the loss send a gradient.
        lost_updates: writes what is left of an update.
        target_networks: writes which networks run without a gradient beside one that trains.
        row_targets: writes how many rows come back with the target of another row.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self.structure_facts = StructureFacts(sites, writer)
        self.criterion_fact = CriterionFact(writer)
        self.attention = AttentionSites(sites, writer)
        self.routers = RouterSites(sites, writer)
        self.wiring = WiringAudit(sites, writer)
        self.signal = SignalAudit(sites, writer)
        self.origin = NonFiniteOrigin(sites, writer)
        self.term_reach = TermReach(writer, self.signal.followed)
        self.lost_updates = LostUpdates(sites, writer)
        self.target_networks = TargetNetworks(sites, writer)
        self.row_targets = RowTargets(sites, writer)
        self._written: dict[str, Site] = {}
        self._parameters: dict[str, Site] = {}
        self._module_orders: dict[str, int] = {}  # of modules whose parameters were gathered
        self._moments: dict[str, InputMoments] = {}
        self._centred_biases: set[int] = set()
        self._line_records = 0

    @property
    def wants_lines(self) -> bool:
        """Whether the next recorded step should record source lines."""
        if self._line_records < LINE_RECORDS:
            return True
        without_line = any(
            not p.site.line for p in self._sites.states.values() if p.site.kind == "act"
        )
        return without_line and self._line_records < LINE_RECORDS + MORE_LINE_RECORDS

    def read_graph(
        self,
        graph: AutogradGraph,
        acts: Sequence[SiteCall],
        module_trace: ModuleTrace,
        step: int,
        *,
        changed: bool,
        unscale: float | None = None,
    ) -> GraphView:
        """Read the structure of one recorded step's graph.

        Args:
            graph: as walked from the loss.
            acts: the calls of acts in it.
            module_trace: which module was open when.
            step: the current step.
            changed: sites are new, so the structure is read and written again.
            unscale: the factor that undoes a gradient scaler's on the loss; None without one.
        """
        spec = criterion.criterion(graph)
        head = criterion.head(spec, graph)
        view = GraphView()
        if self.criterion_fact.read(graph, spec, head, step, unscale or 1.0):
            view.criterion = (spec.name, spec.node)
        if head.affine is not None and head.affine not in graph.sealed:
            view.head = (self._head_state(head.affine, module_trace), head.affine)
        has_lines = "traceback_" in graph.root.metadata
        self._line_records += has_lines
        with self._writer.together():
            if changed or has_lines:
                self._update_sites(graph, acts, head, module_trace)
            if changed:
                self._write_structure(graph, acts, spec, head, module_trace, step)
                end = None if view.head is None else (view.head[1], view.head[0].site.name)
                self.structure_facts.write_paths(graph, acts, end, step)
        return view

    def read_inputs(
        self, graph: AutogradGraph, layers: Mapping[AutogradNode, str], phase: int, deep: bool
    ) -> list[Scalars]:
        """Return the moments of the data that enter the network.

        Args:
            graph: the step's graph.
            layers: the layer at which they enter, by its node.
            phase: the record's number.
            deep: the record reads everything.
        """
        scalars: list[Scalars] = []
        few_rows = any(m.rows < 4 * LEAST_ROWS for m in self._moments.values())
        if self._moments and not (few_rows or deep):
            return scalars
        for node, data in affine_structure.data_inputs(graph):
            layer = layers.get(node, "")
            axis = 1 if kind(node) == "ConvolutionBackward" else data.dim() - 1
            name = f"{layer}.input" if layer else "input"
            known = self._sites.states.get(name)
            if known is not None and known.site.units != data.shape[axis]:
                continue  # another input of the same layer: a recurrent layer's first state
            site = Site(name, "input", layer=layer, units=int(data.shape[axis]))
            self._write_site(self._sites.get_or_add(site, axis).site)
            moments = self._moments.setdefault(name, InputMoments(axis))
            stats = moments.add(data, phase)
            keys = tuple((name, stat) for stat in stats)
            scalars.append((keys, torch.tensor(list(stats.values()), dtype=torch.float64)))
        return scalars

    def write_parameters(
        self,
        named: Sequence[tuple[str, Tensor]],
        step: int,
        decays: Mapping[int, float],
        zeros: Collection[int],
    ) -> None:
        """Write one fact for each of an optimiser's parameters.

        Args:
            named: the parameters with their names.
            step: the current step.
            decays: weight decay by the parameter's id.
            zeros: ids of those that were zero all over before they were first updated.
        """
        with self._writer.together():
            for name, parameter in named:
                if not self.structure_facts.first("parameter", name):
                    continue
                layer = name.rpartition(".")[0]
                self._parameter_site(name, parameter, self._module_orders.get(layer, LAST))
                if layer in self._module_orders:
                    self._module_orders[layer] += 1  # its next parameter comes after this one
                own = local_part(parameter)
                own = parameter if own is None else own
                shard = {"shard": own.numel()} if is_sharded(parameter) else {}
                self._writer.fact(
                    Fact(
                        "parameter",
                        name,
                        step,
                        {
                            "shape": list(parameter.shape),
                            "zero_init": id(parameter) in zeros,
                            "trainable": bool(parameter.requires_grad),
                            "before_norm": own.data_ptr() in self._centred_biases,
                            "weight_decay": decays.get(id(parameter)),
                            **shard,
                        },
                    )
                )

    def write_frozen(self) -> None:
        """Write which weights of the models are frozen, and which of them look as drawn."""
        write_frozen(self._sites.names, self._writer)

    def write_nonfinite(
        self, keys: Sequence[tuple[str, str]], values: Sequence[float], step: int
    ) -> None:
        """Write once for every site and stat that it produced NaN or infinity."""
        for (site, stat), value in zip(keys, values, strict=True):
            bad = value > 0 if stat == "nonfinite_share" else not isfinite(value)
            if bad and self.structure_facts.first("non-finite", site, stat):
                self._writer.fact(Fact("non-finite", site, step, {"stat": stat}))

    def write_broken(self, broken: BrokenPlace, module_trace: ModuleTrace, step: int) -> None:
        """Write where the forward of a step that raised first held a value that is not finite."""
        if broken.leaf is not None:
            site, stat = self._sites.names.parameter(broken.leaf) or "", "weight_norm"
        else:
            site, stat = self._layer_before(broken.node, module_trace), "nonfinite_share"
        if self.structure_facts.first("non-finite", site, stat):
            data = {"stat": stat, "operation": broken.operation}
            self._writer.fact(Fact("non-finite", site, step, data))

    def _layer_before(self, node: AutogradNode | None, module_trace: ModuleTrace) -> str:
        """The layer that made a node or fed it; "" where it cannot be known."""
        for _ in range(MOST_BETWEEN):
            if node is None:
                break
            path = self._sites.layer_path(node, module_trace)
            sources = [source for source in inputs(node) if source is not None]
            if path or not sources:
                return path
            node = max(sources, key=lambda source: source._sequence_nr())
        return ""

    def finish(self, step: int, optimizer_steps: int, backwards: int) -> None:
        """Write the facts that are known only when the run has ended."""
        for name, moments in self._moments.items():
            ratio = moments.eigen_ratio()
            if ratio is not None:
                self._writer.record(step, ((name, "eigen_ratio"),), [ratio])
        if self._writer.ranked:
            self._finish_rank(step)
        for path, calls in self._sites.unmeasured_calls.items():
            self.structure_facts.write_opaque(
                path,
                "repeated calls",
                f"an act is called {calls} times in one forward here; the first {MOST_CALLS} are "
                "measured",
                "nothing is wrong: an unrolled loop repeats the same act",
                step,
            )
        self.wiring.finish(step, optimizer_steps, backwards)
        self.signal.finish()
        self.term_reach.finish(step)
        self.lost_updates.finish()
        self.target_networks.finish()
        self.row_targets.finish(step)
        if optimizer_steps and not backwards:
            self.structure_facts.write_opaque("", "torch.func", *NO_BACKWARD, step)
        if backwards and not optimizer_steps:
            self.structure_facts.write_opaque(
                "",
                "optimizer.step",
                "no torch.optim optimiser stepped, so updates and the learning rate are not known",
                "use an optimiser of torch.optim, or read the findings without them",
                step,
            )

    def _finish_rank(self, step: int) -> None:
        """Write the sums from which several ranks' input moments and chance value are computed."""
        for name, moments in self._moments.items():
            fields = moments.fields()
            if fields:
                window = Window(0, step, moments.batches, moments.rows, fields)
                self._writer.windows(name, [window])
        self.criterion_fact.finish_rank(step)

    # ------------------------------------------------------------------ parts of a view

    def _head_state(self, node: AutogradNode, module_trace: ModuleTrace) -> SiteState:
        layer = self._sites.layer_path(node, module_trace)
        weight = weight_of(node)
        axis = 1 if kind(node) == "ConvolutionBackward" else -1
        units = 0 if weight is None else int(weight.shape[0 if axis == 1 else -1])
        state = self._sites.get_or_add(
            Site(layer or "head", "head", "identity", "output", layer, layer, units=units), axis
        )
        state.axis = axis
        self._write_site(state.site)
        return state

    def _update_sites(
        self,
        graph: AutogradGraph,
        acts: Sequence[SiteCall],
        head: criterion.Head,
        module_trace: ModuleTrace,
    ) -> None:
        """Update the order, source lines and output roles of the sites in this graph."""
        self.write_sites(acts, head.acts)
        for node in graph.nodes:
            for source in inputs(node):
                leaf = leaf_of(source)
                name = None if leaf is None else self._sites.names.parameter(leaf)
                place = module_trace.place(node._sequence_nr())
                if leaf is not None and name is not None:
                    self._parameter_site(name, leaf, place)
                elif leaf is not None:
                    owner = self._sites.names.path(module_trace.owner(node._sequence_nr()))
                    self._module_orders.setdefault(owner, place)
        for state in self._sites.states.values():
            if state.site.kind == "head" and head.affine is not None:
                order = module_trace.place(head.affine._sequence_nr())
                state.site = replace(state.site, order=order)
                self._write_site(state.site)

    def write_sites(self, acts: Sequence[SiteCall], last: Sequence[AutogradNode] = ()) -> None:
        """Write the sites of these acts, where they are new or have changed.

        Args:
            acts: the calls of acts in one graph.
            last: nodes of the acts between the head and the criterion.
        """
        for call in acts:
            state, node = call.state, call.node
            file, line = ("", 0) if node is None else source_of(node)
            state.site = replace(
                state.site,
                order=call.order,
                role="output" if any(node is act for act in last) else state.site.role,
                file=state.site.file or file,
                line=state.site.line or line,
            )
            self._write_site(state.site)

    def _parameter_site(self, name: str, parameter: Tensor, order: int) -> None:
        if name in self._parameters:
            return
        units = int(parameter.shape[0]) if parameter.dim() else 1
        layer = name.rpartition(".")[0]
        site = Site(name, "parameter", path=layer, layer=layer, order=order, units=units)
        self._parameters[name] = site
        self._write_site(site)

    def _write_site(self, site: Site) -> None:
        if self._written.get(site.name) != site:
            self._written[site.name] = site
            self._writer.site(site)

    def _write_structure(
        self,
        graph: AutogradGraph,
        acts: Sequence[SiteCall],
        spec: criterion.Criterion,
        head: criterion.Head,
        module_trace: ModuleTrace,
        step: int,
    ) -> None:
        self._centred_biases |= {b.data_ptr() for b in affine_structure.centred_biases(graph)}
        self.structure_facts.write_head(graph, spec, head, acts, step, module_trace)
        for pair in affine_structure.affine_pairs(graph):
            self.structure_facts.write_affine_pair(pair, module_trace, step)
        self.structure_facts.write_act_structure(graph, spec, head, acts, module_trace, step)
        self.structure_facts.write_dropout(
            graph, lambda node: self._layer_before(node, module_trace), step
        )
        self.structure_facts.write_opaque_ops(graph, acts, module_trace, step)
