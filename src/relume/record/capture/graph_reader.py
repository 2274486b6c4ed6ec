"""Reading one graph: its acts, its head, its criterion and the data that enter it.

Where the graph is like one that was read in full before, what was found there is used again
(`way.py`).
"""

from relume.record.capture.graph_cache import RAW, CachedGraph, Signature, cached_graph, signature
from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, kind, without_unpacking
from relume.record.graph.op_names import AFFINE
from relume.record.graph.outgoing_weights import norms
from relume.record.sites.function_mode import ActCapture, CapturedAct, storage_number
from relume.record.sites.module_trace import BETWEEN, ModuleTrace
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.sites.sites import SiteCall, Sites

DEEP_FIRST, DEEP_EVERY = 4, 8  # the first records read everything, later every eighth
MOST_WAYS = 8  # graphs of other sizes that are remembered (a GAN has two)
ALIKE, MOST_ALIKE = 4, 256  # known graphs in a row before the next is taken to be known as well
OWNERS_ASKED = 4  # affine nodes whose modules are asked for where no parameter is known


def is_deep(record: int) -> bool:
    """Whether a record reads everything, also what has to be computed again."""
    return record < DEEP_FIRST or record % DEEP_EVERY == 0


class GraphReader:
    """Reads the graphs of recorded steps.

    Args:
        names, sites, notes: of the run.
        marks: entries and exits of modules on the step.
        tap: what took the acts that stand in no graph.
    """

    def __init__(
        self,
        names: QualifiedNames,
        sites: Sites,
        notes: FactLog,
        marks: ModuleTrace,
        tap: ActCapture,
    ) -> None:
        self._names = names
        self._sites = sites
        self._notes = notes
        self._marks = marks
        self._tap = tap
        self._ways: dict[tuple[int, int], CachedGraph] = {}
        self._step = 0
        self._alike = 0  # graphs in a row that were like one that is known
        self._patience = ALIKE
        self._by_modules = False  # a graph was ours by its modules alone

    def concerns(self, graph: AutogradGraph) -> bool:
        """Whether a watched model is in the graph, by its parameters, or where these are only
        put together for the forward (shards), by its modules."""
        if any(self._names.parameter(leaf) is not None for leaf in graph.leaves):
            return True
        affine = (node for node in graph.nodes if kind(node) in AFFINE)
        for _, node in zip(range(OWNERS_ASKED), affine, strict=False):
            owner = self._marks.owner(node._sequence_nr())
            if owner is not None and self._names.holds(owner):
                self._by_modules = True
                return True
        return False

    @property
    def steady(self) -> bool:
        """Whether the next step will most likely make a graph that is known, and be told by it."""
        return RAW and self._alike >= self._patience and not self._by_modules

    def known(self, graph: AutogradGraph) -> CachedGraph | None:
        """The way that a graph goes, where no entry of a module was noted; None if it is new."""
        found = self._ways.get((len(graph.nodes), len(graph.leaves)))
        if found is None or not found.fits(graph) or found.packed(graph):
            self._alike = 0
            self._patience = min(2 * self._patience, MOST_ALIKE)
            return None
        return found

    def held_still(self, graph: AutogradGraph) -> frozenset[int]:
        """Parameters that take part without a gradient: a GAN's judge while its maker learns."""
        affine = (node._sequence_nr() for node in graph.nodes if kind(node) in AFFINE)
        owners = {owner for number in affine if (owner := self._marks.owner(number)) is not None}
        return frozenset(id(p) for owner in owners for p in owner.parameters(recurse=False))

    def read(self, look: StepRecord, graph: AutogradGraph, step: int) -> None:
        """Read a graph, and hook its acts.

        Args:
            look: the record, to which everything is added.
            graph: as walked from the loss, just before backward.
            step: the current step.
        """
        self._step = step
        with without_unpacking(graph, self._packed(graph)):
            self._read(look, graph)

    def read_inside(self, look: StepRecord, graph: AutogradGraph, outer: AutogradNode) -> None:
        """Read the graph of a reentrant checkpoint, made while backward is at `outer`."""
        first = graph.nodes[0]._sequence_nr() if graph.nodes else 0
        begin = self._marks.place(outer._sequence_nr(), 1)

        def inside(number: int) -> int:
            return begin + min(number - first, BETWEEN - 2)

        with without_unpacking(graph, self._packed(graph)):
            acts = self._sites.acts_in(graph, self._marks, phase=look.phase, anchor=inside)
            self._take(look, acts)
            self._notes.tell(acts)

    def _read(self, look: StepRecord, graph: AutogradGraph) -> None:
        sign = None if self._tap.taken or self._tap.fused else signature(graph, self._marks)
        kind_ = (len(graph.nodes), len(graph.leaves))
        known = self._ways.get(kind_)
        same = known is not None and known.signature == sign
        self._alike = self._alike + 1 if same else 0
        if known is not None and same and not look.deep:
            self.read_known(look, graph, known)
            return
        found = self._read_in_full(look, graph, sign)
        if found is None or len(self._ways) >= MOST_WAYS:
            self._ways.clear()
        if found is not None:
            self._ways[kind_] = found

    def read_known(self, look: StepRecord, graph: AutogradGraph, known: CachedGraph) -> None:
        """Read a step like the last one that was read in full.

        Args:
            look: the record, to which everything is added.
            graph: as walked from the loss.
            known: its way.
        """
        self._take(look, known.seen(graph))
        if known.criterion is not None:
            name, at = known.criterion
            self._notes.judge.again(name, graph.nodes[at])
        if known.head is not None:
            plan, at = known.head
            look.head(plan, graph.nodes[at])
        if known.fed:
            layers = {graph.nodes[at]: layer for at, layer in known.fed.items()}
            entered = self._notes.inputs(graph, layers, look.phase, look.deep)
            look.scalars.extend(entered)

    def _read_in_full(
        self, look: StepRecord, graph: AutogradGraph, sign: Signature | None
    ) -> CachedGraph | None:
        known = len(self._sites.plans)
        wanted = self._notes.lines_wanted
        taken = self._accepted(graph) if self._tap.taken else []
        acts = self._sites.acts_in(graph, self._marks, taken, phase=look.phase)
        new = len(self._sites.plans) > known
        view = self._notes.view(
            graph,
            acts,
            self._marks,
            self._step,
            changed=new or look.phase == 0,
            unscale=look.unscale if isinstance(look.unscale, float) else None,
        )
        self._take(look, acts)
        if look.deep:
            self._outgoing(look, graph, acts)
        if new:
            for seen in acts:
                self._notes.remarks.precision(seen.plan, self._step)
        if view.head is not None:
            look.head(*view.head)
        for module in list(self._tap.fused):
            self._notes.remarks.fused(module, self._step)
        fed = {n: self._sites.layer_path(n, self._marks) for n, _ in data_inputs(graph)}
        look.scalars.extend(self._notes.inputs(graph, fed, look.phase, look.deep))
        settled = not new and not wanted and look.phase >= DEEP_FIRST
        settled = settled and not self._notes.judge.reads_on
        return cached_graph(sign, graph, acts, view, fed) if settled else None

    def _take(self, look: StepRecord, acts: list[SiteCall]) -> None:
        for seen in acts:
            if seen.plan.elementwise and seen.plan.site.role != "attention":
                look.act(seen.plan, seen.node, seen.held)
            elif seen.plan.site.role == "gate" and seen.node is not None:
                look.router(seen.plan, seen.node)

    def _outgoing(self, look: StepRecord, graph: AutogradGraph, acts: list[SiteCall]) -> None:
        """The weights that take the output of smooth hidden acts (ACT402 asks of no others)."""
        for seen in acts:
            site = seen.plan.site
            if seen.node is not None and site.smooth and site.role == "hidden":
                channels = seen.plan.axis == 1
                found = norms(graph, seen.node, site.units, channels=channels)
                look.outgoing(seen.plan, found)

    def _accepted(self, graph: AutogradGraph) -> list[CapturedAct]:
        """The acts that the tap took and that the loss depends on."""
        inside = set(graph.nodes)
        entering: set[int] = {storage_number(data) for _, data in data_inputs(graph)}
        found: list[CapturedAct] = []
        for taken in self._tap.taken:
            if taken.node is not None:
                wanted = taken.node in inside
            else:
                wanted = taken.call.training or taken.call.reaches(graph, entering)
            if wanted and self._names.given and taken.module is not None:
                wanted = self._names.holds(taken.module)
            if wanted:
                found.append(taken)
        return found

    def _packed(self, graph: AutogradGraph) -> set[AutogradNode]:
        if not self._marks.any_packed:
            return set()
        return {node for node in graph.nodes if self._marks.is_packed(node._sequence_nr())}
