"""What is said once about a run: its structure, its criterion, what could not be seen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import torch
from torch import Tensor

from relume.core import Fact, Site, Window
from relume.record.facts.criterion_fact import CriterionFact
from relume.record.facts.structure_facts import StructureFacts
from relume.record.graph import affine_structure, criterion
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    leaf_of,
    weight_of,
)
from relume.record.graph.opaque_ops import NO_BACKWARD
from relume.record.measure.dtensor import is_sharded, local_part
from relume.record.measure.input_moments import LEAST_ROWS, InputMoments
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import MOST_CALLS, SiteCall, Sites, SiteState, source_of
from relume.record.store.run_file import Writer

LAST = 10**12  # in the order of sites: after everything that a graph holds

Scalars = tuple[tuple[tuple[str, str], ...], Tensor]

LINE_LOOKS = 2  # first records on which anomaly mode notes source lines
MORE_LOOKS = 4  # and at most so many later ones, for sites that appear later


@dataclass(slots=True)
class GraphView:
    """What one graph says: the head's plan and node, and the criterion's name and node, if the
    run is judged by it."""

    head: tuple[SiteState, AutogradNode] | None = None
    criterion: tuple[str, AutogradNode] | None = None


class FactLog:
    """Writes facts and sites, each when it is first known or has changed.

    Attributes:
        remarks: what is said of structure.
        judge: what is said of the criterion.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        self._sites = sites
        self._writer = writer
        self.remarks = StructureFacts(sites, writer)
        self.judge = CriterionFact(writer)
        self._written: dict[str, Site] = {}
        self._parameters: dict[str, Site] = {}
        self._places: dict[str, int] = {}  # of modules whose parameters were put together
        self._moments: dict[str, InputMoments] = {}
        self._centred: set[int] = set()
        self._line_looks = 0

    @property
    def lines_wanted(self) -> bool:
        """Whether the next recorded step should note source lines."""
        if self._line_looks < LINE_LOOKS:
            return True
        blind = any(not p.site.line for p in self._sites.plans.values() if p.site.kind == "act")
        return blind and self._line_looks < LINE_LOOKS + MORE_LOOKS

    def view(
        self,
        graph: AutogradGraph,
        acts: Sequence[SiteCall],
        marks: ModuleTrace,
        step: int,
        *,
        changed: bool,
        unscale: float | None = None,
    ) -> GraphView:
        """Read the structure of one recorded step's graph.

        Args:
            graph: as walked from the loss.
            acts: the act sites in it.
            marks: which module was open when.
            step: the current step.
            changed: sites are new, so the structure is read and written anew.
            unscale: what undoes a gradient scaler's factor on the loss; None without one.
        """
        found = criterion.criterion(graph)
        ends = criterion.head(found)
        view = GraphView()
        if self.judge.read(graph, found, ends, step, unscale or 1.0):
            view.criterion = (found.name, found.node)
        if ends.affine is not None and ends.affine not in graph.sealed:
            view.head = (self._head(ends.affine, marks), ends.affine)
        noted = "traceback_" in graph.root.metadata
        self._line_looks += noted
        if changed or noted:
            self._place(graph, acts, ends, marks)
        if changed:
            self._structure(graph, acts, found, ends, marks, step)
        return view

    def inputs(
        self, graph: AutogradGraph, layers: Mapping[AutogradNode, str], phase: int, deep: bool
    ) -> list[Scalars]:
        """Moments of the data that enter the network.

        Args:
            graph: of the step.
            layers: the layer at which they enter, by its node.
            phase: the number of the record.
            deep: it reads everything.
        """
        found: list[Scalars] = []
        young = any(m.rows < 4 * LEAST_ROWS for m in self._moments.values())
        if self._moments and not (young or deep):
            return found
        for node, data in affine_structure.data_inputs(graph):
            layer = layers.get(node, "")
            axis = 1 if kind(node) == "ConvolutionBackward" else data.dim() - 1
            name = f"{layer}.input" if layer else "input"
            known = self._sites.plans.get(name)
            if known is not None and known.site.units != data.shape[axis]:
                continue  # another input of the same layer: a recurrent layer's first state
            site = Site(name, "input", layer=layer, units=int(data.shape[axis]))
            self._say_site(self._sites.fixed(site, axis).site)
            moments = self._moments.setdefault(name, InputMoments(axis))
            stats = moments.add(data, phase)
            keys = tuple((name, stat) for stat in stats)
            found.append((keys, torch.tensor(list(stats.values()), dtype=torch.float64)))
        return found

    def parameters(
        self,
        named: Sequence[tuple[str, Tensor]],
        step: int,
        decays: Mapping[int, float],
        zeros: Collection[int],
    ) -> None:
        """Say once what each of an optimiser's parameters is.

        Args:
            named: the parameters with their names.
            step: the current step.
            decays: weight decay by the parameter's id.
            zeros: ids of those that were zero all over before they were first updated.
        """
        for name, parameter in named:
            if not self.remarks.first("parameter", name):
                continue
            layer = name.rpartition(".")[0]
            self._parameter_site(name, parameter, self._places.get(layer, LAST))
            if layer in self._places:
                self._places[layer] += 1  # its next parameter comes after this one
            held = local_part(parameter)
            held = parameter if held is None else held
            shard = {"shard": held.numel()} if is_sharded(parameter) else {}
            self._writer.fact(
                Fact(
                    "parameter",
                    name,
                    step,
                    {
                        "shape": list(parameter.shape),
                        "zero_init": id(parameter) in zeros,
                        "trainable": bool(parameter.requires_grad),
                        "before_norm": held.data_ptr() in self._centred,
                        "weight_decay": decays.get(id(parameter)),
                        **shard,
                    },
                )
            )

    def watch_finite(
        self, keys: Sequence[tuple[str, str]], values: Sequence[float], step: int
    ) -> None:
        """Say once for every site that it produced NaN or infinity."""
        for (site, stat), value in zip(keys, values, strict=True):
            bad = value > 0 if stat == "nonfinite_share" else not isfinite(value)
            if bad and self.remarks.first("non-finite", site, stat):
                self._writer.fact(Fact("non-finite", site, step, {"stat": stat}))

    def finish(self, step: int, optimizer_steps: int, backwards: int) -> None:
        """Say what only the end of the run tells."""
        for name, moments in self._moments.items():
            ratio = moments.eigen_ratio()
            if ratio is not None:
                self._writer.record(step, ((name, "eigen_ratio"),), [ratio])
        if self._writer.ranked:
            self._finish_rank(step)
        for path, calls in self._sites.left_out.items():
            self.remarks.opaque(
                path,
                "repeated calls",
                f"an act is called {calls} times in one forward here; the first {MOST_CALLS} are "
                "measured",
                "nothing is wrong: an unrolled loop repeats the same act",
                step,
            )
        if optimizer_steps and not backwards:
            self.remarks.opaque("", "torch.func", *NO_BACKWARD, step)
        if backwards and not optimizer_steps:
            self.remarks.opaque(
                "",
                "optimizer.step",
                "no torch.optim optimiser stepped, so updates and the learning rate are not known",
                "use an optimiser of torch.optim, or read the findings without them",
                step,
            )

    def _finish_rank(self, step: int) -> None:
        """Keep the sums from which several ranks' inputs and chance values are made."""
        for name, moments in self._moments.items():
            fields = moments.fields()
            if fields:
                window = Window(0, step, moments.batches, moments.rows, fields)
                self._writer.windows(name, [window])
        self.judge.finish_rank(step)

    # ------------------------------------------------------------------ parts of a view

    def _head(self, node: AutogradNode, marks: ModuleTrace) -> SiteState:
        layer = self._sites.layer_path(node, marks)
        weight = weight_of(node)
        axis = 1 if kind(node) == "ConvolutionBackward" else -1
        units = 0 if weight is None else int(weight.shape[0 if axis == 1 else -1])
        plan = self._sites.fixed(
            Site(layer or "head", "head", "identity", "output", layer, layer, units=units), axis
        )
        plan.axis = axis
        self._say_site(plan.site)
        return plan

    def _place(
        self,
        graph: AutogradGraph,
        acts: Sequence[SiteCall],
        ends: criterion.Head,
        marks: ModuleTrace,
    ) -> None:
        """Order, source lines and output roles of the sites in this graph."""
        self.tell(acts, ends.acts)
        for node in graph.nodes:
            for source in inputs(node):
                leaf = leaf_of(source)
                name = None if leaf is None else self._sites.names.parameter(leaf)
                place = marks.place(node._sequence_nr())
                if leaf is not None and name is not None:
                    self._parameter_site(name, leaf, place)
                elif leaf is not None:
                    owner = self._sites.names.path(marks.owner(node._sequence_nr()))
                    self._places.setdefault(owner, place)
        for plan in self._sites.plans.values():
            if plan.site.kind == "head" and ends.affine is not None:
                order = marks.place(ends.affine._sequence_nr())
                plan.site = replace(plan.site, order=order)
                self._say_site(plan.site)

    def tell(self, acts: Sequence[SiteCall], last: Sequence[AutogradNode] = ()) -> None:
        """Write the sites of these acts, where they are new or have changed.

        Args:
            acts: of one graph.
            last: nodes of the acts that stand between the head and the criterion.
        """
        for seen in acts:
            plan, node = seen.plan, seen.node
            file, line = ("", 0) if node is None else source_of(node)
            plan.site = replace(
                plan.site,
                order=seen.order,
                role="output" if any(node is act for act in last) else plan.site.role,
                file=plan.site.file or file,
                line=plan.site.line or line,
            )
            self._say_site(plan.site)

    def _parameter_site(self, name: str, parameter: Tensor, order: int) -> None:
        if name in self._parameters:
            return
        units = int(parameter.shape[0]) if parameter.dim() else 1
        layer = name.rpartition(".")[0]
        site = Site(name, "parameter", path=layer, layer=layer, order=order, units=units)
        self._parameters[name] = site
        self._say_site(site)

    def _say_site(self, site: Site) -> None:
        if self._written.get(site.name) != site:
            self._written[site.name] = site
            self._writer.site(site)

    def _structure(
        self,
        graph: AutogradGraph,
        acts: Sequence[SiteCall],
        found: criterion.Criterion,
        ends: criterion.Head,
        marks: ModuleTrace,
        step: int,
    ) -> None:
        self._centred |= {b.data_ptr() for b in affine_structure.centred_biases(graph)}
        self.remarks.head(graph, found, ends, acts, step)
        for pair in affine_structure.affine_pairs(graph):
            self.remarks.pair(pair, marks, step)
        self.remarks.signs(graph, found, ends, acts, marks, step)
        self.remarks.hidden(graph, acts, marks, step)
