"""Reads one autograd graph: its acts, its head, its criterion and the data that enter it.

A graph that equals one that was read in full before is read from the cache (`graph_cache.py`).
"""

from contextlib import AbstractContextManager

from relume.record.capture.graph_cache import (
    CachedGraph,
    Signature,
    cached_graph,
    signature,
)
from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, kind, without_unpacking
from relume.record.graph.double_backward import made_by_backward
from relume.record.graph.op_names import AFFINE
from relume.record.graph.outgoing_weights import norms
from relume.record.sites.function_mode import ActCapture, CapturedAct, storage_id
from relume.record.sites.module_trace import BETWEEN, ModuleTrace
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.sites.sites import SiteCall, Sites

DEEP_FIRST, DEEP_EVERY = 4, 8  # the first records read everything, later every eighth
MOST_CACHED = 8  # graphs of different sizes in the cache (a GAN has two)
MOST_OWNERS = 4  # affine nodes whose modules are tried where no parameter is known


def is_deep(record: int) -> bool:
    """Whether a record reads everything, also what has to be computed again."""
    return record < DEEP_FIRST or record % DEEP_EVERY == 0


class GraphReader:
    """Reads the graphs of recorded steps.

    Args:
        names: the run's module and parameter names.
        sites: the run's sites.
        fact_log: writes facts about the graphs.
        module_trace: entries and exits of modules on the step.
        act_capture: holds the acts that are in no graph.

    Attributes:
        calls: the acts of the graph that was last read in full.
    """

    def __init__(
        self,
        names: QualifiedNames,
        sites: Sites,
        fact_log: FactLog,
        module_trace: ModuleTrace,
        act_capture: ActCapture,
    ) -> None:
        self._names = names
        self._sites = sites
        self._fact_log = fact_log
        self._module_trace = module_trace
        self._act_capture = act_capture
        self._cached: dict[tuple[int, int], CachedGraph] = {}
        self._step = 0
        self._failed: set[str] = set()  # kinds of sites whose reading failed once
        self.calls: list[SiteCall] = []

    def concerns(self, graph: AutogradGraph) -> bool:
        """Whether a watched model is in the graph.

        The model is found by its parameters, or by its modules where parameters are gathered
        for the forward pass only (shards).
        """
        if any(self._names.parameter(leaf) is not None for leaf in graph.leaves):
            return True
        affine = (node for node in graph.nodes if kind(node) in AFFINE)
        for _, node in zip(range(MOST_OWNERS), affine, strict=False):
            owner = self._module_trace.owner(node._sequence_nr())
            if owner is not None and self._names.holds(owner):
                return True
        return False

    def frozen_parameters(self, graph: AutogradGraph) -> frozenset[int]:
        """Return ids of parameters that take part without a gradient.

        A GAN's discriminator has such parameters while its generator learns.
        """
        affine = (node._sequence_nr() for node in graph.nodes if kind(node) in AFFINE)
        owners = {
            owner for number in affine if (owner := self._module_trace.owner(number)) is not None
        }
        return frozenset(id(p) for owner in owners for p in owner.parameters(recurse=False))

    def read(self, record: StepRecord, graph: AutogradGraph, step: int) -> None:
        """Read a graph into a record, and hook its acts.

        Args:
            record: gets everything that is read.
            graph: as walked from the loss, just before backward.
            step: the current step.
        """
        self._step = step
        hidden = self._act_capture.captured or self._act_capture.fused
        with self.without_packed(graph):
            key = None if hidden else signature(graph, self._module_trace)
            size = (len(graph.nodes), len(graph.leaves))
            cached = self._cached.get(size)
            if cached is not None and cached.signature == key and not record.deep:
                self._read_cached(record, graph, cached)
                return
            new = self._read_in_full(record, graph, key)
        if new is None or len(self._cached) >= MOST_CACHED:
            self._cached.clear()
        if new is not None:
            self._cached[size] = new

    def read_inside(self, record: StepRecord, graph: AutogradGraph, outer: AutogradNode) -> None:
        """Read the graph of a reentrant checkpoint, which backward makes at the node `outer`."""
        first = graph.nodes[0]._sequence_nr() if graph.nodes else 0
        begin = self._module_trace.place(outer._sequence_nr(), 1)

        def inside(number: int) -> int:
            return begin + min(number - first, BETWEEN - 2)

        with self.without_packed(graph):
            acts = self._sites.acts_in(graph, self._module_trace, phase=record.phase, anchor=inside)
            self._record_acts(record, acts)
            self._fact_log.write_sites(acts)

    def _read_cached(self, record: StepRecord, graph: AutogradGraph, cached: CachedGraph) -> None:
        """Read a graph that equals a cached one.

        Args:
            record: gets everything that is read.
            graph: as walked from the loss.
            cached: its entry in the cache.
        """
        self._record_acts(record, cached.site_calls(graph, record.phase))
        self._record_heads(
            record, [SiteCall(s, order, graph.nodes[at]) for s, order, at in cached.heads]
        )
        if cached.criterion is not None:
            name, at = cached.criterion
            self._fact_log.criterion_fact.read_cached(name, graph.nodes[at])
        if cached.head is not None:
            state, at = cached.head
            record.read_head(state, graph.nodes[at])
        if cached.input_layers:
            layers = {graph.nodes[at]: layer for at, layer in cached.input_layers.items()}
            moments = self._fact_log.read_inputs(graph, layers, record.phase, record.deep)
            record.scalars.extend(moments)

    def _read_in_full(
        self, record: StepRecord, graph: AutogradGraph, key: Signature | None
    ) -> CachedGraph | None:
        graph.derived = made_by_backward(graph)
        count = len(self._sites.states)
        wants_lines = self._fact_log.wants_lines
        captured = self._relevant_acts(graph) if self._act_capture.captured else []
        acts = self._sites.acts_in(graph, self._module_trace, captured, phase=record.phase)
        self.calls = acts
        new = len(self._sites.states) > count
        view = self._fact_log.read_graph(
            graph,
            acts,
            self._module_trace,
            self._step,
            changed=new or record.phase == 0,
            unscale=record.unscale if isinstance(record.unscale, float) else None,
        )
        self._record_acts(record, acts)
        heads = [
            *self._fact_log.attention.find(graph, self._module_trace, self._step),
            *self._fact_log.routers.find(graph, self._module_trace, self._step),
        ]
        self._fact_log.write_sites(heads)
        self._record_heads(record, heads)
        if record.deep:
            self._outgoing(record, graph, acts)
        if new:
            states = (call.state for call in acts)
            self._fact_log.structure_facts.write_precision(states, self._step)
        if view.head is not None:
            record.read_head(*view.head)
        for module in list(self._act_capture.fused):
            self._fact_log.structure_facts.write_fused(module, self._step)
        input_layers = {
            n: self._sites.layer_path(n, self._module_trace) for n, _ in data_inputs(graph)
        }
        record.scalars.extend(
            self._fact_log.read_inputs(graph, input_layers, record.phase, record.deep)
        )
        settled = not new and not wants_lines and record.phase >= DEEP_FIRST
        settled = settled and not self._fact_log.criterion_fact.needs_full_graph
        return cached_graph(key, graph, acts, view, input_layers, heads) if settled else None

    def _record_acts(self, record: StepRecord, acts: list[SiteCall]) -> None:
        for call in acts:
            if call.state.elementwise and call.state.site.role != "attention":
                record.read_act(call.state, call.node, call.captured_input)
            elif call.state.site.role == "gate" and call.node is not None:
                record.read_router(call.state, call.node)

    def _record_heads(self, record: StepRecord, calls: list[SiteCall]) -> None:
        for call in calls:
            if call.node is None:
                continue
            try:
                if call.state.site.kind == "router":
                    record.read_choice(call.state, call.node)
                else:
                    record.read_attention(call.state, call.node)
            except Exception as error:  # a form not foreseen; acts are read all the same
                call.state.unreadable = True
                if call.state.site.kind not in self._failed:  # several failures end the recording
                    self._failed.add(call.state.site.kind)
                    record.on_error(call.state.site.kind, error)

    def _outgoing(self, record: StepRecord, graph: AutogradGraph, acts: list[SiteCall]) -> None:
        """Read the weights that take the output of smooth hidden acts (only ACT402 needs them)."""
        for call in acts:
            site = call.state.site
            if call.node is not None and site.smooth and site.role == "hidden":
                channels = call.state.axis == 1
                record.add_outgoing(
                    call.state, norms(graph, call.node, site.units, channels=channels)
                )

    def _relevant_acts(self, graph: AutogradGraph) -> list[CapturedAct]:
        """Return the captured acts that the loss depends on."""
        inside = set(graph.nodes)
        entering: set[int] = {storage_id(data) for _, data in data_inputs(graph)}
        relevant: list[CapturedAct] = []
        for captured in self._act_capture.captured:
            if captured.node is not None:
                wanted = captured.node in inside
            else:
                call = captured.root_forward
                wanted = call.training or call.reaches(graph, entering)
            if wanted and self._names.explicit and captured.module is not None:
                wanted = self._names.holds(captured.module)
            if wanted:
                relevant.append(captured)
        return relevant

    def without_packed(self, graph: AutogradGraph) -> AbstractContextManager[None]:
        """Read nothing that is packed (checkpointing, offload): reading would compute it again."""
        return without_unpacking(graph, self._packed(graph))

    def _packed(self, graph: AutogradGraph) -> set[AutogradNode]:
        if not self._module_trace.any_packed:
            return set()
        return {node for node in graph.nodes if self._module_trace.is_packed(node._sequence_nr())}
