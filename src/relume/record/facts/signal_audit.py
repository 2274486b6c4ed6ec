"""Follows the signal forward and the error backward on deep records.

It asks whether rows still differ, whether latents are used, where an operation without a slope
cuts the error off, where a softmax takes probabilities, whether logits are cosines, and how the
gradient fares over time. A failure of one of these is counted and leaves the others, and the
training, alone.
"""

from collections.abc import Callable, Sequence

from relume.core import Fact
from relume.record.facts.call_follower import FollowedSteps
from relume.record.facts.fact_audit import FactAudit
from relume.record.facts.gradient_cuts import GradientCuts
from relume.record.facts.latent_use import LatentUse
from relume.record.facts.row_dependence import RowDependence
from relume.record.facts.time_gradients import GradientOverTime
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    output_shape,
    path_to_layer,
    signed_axis,
)
from relume.record.graph.criterion import criterion
from relume.record.graph.logit_bound import logit_bound
from relume.record.graph.looks_ahead import looks_ahead
from relume.record.graph.softmax_chain import softmax_chains
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import SiteCall, Sites, source_of
from relume.record.store.run_file import Writer

AUDITED = ("cut", "latents", "logit-bound", "looks-ahead", "rows", "softmax-chain", "time")
"""Kinds of facts whose absence means that there is none."""


class SignalAudit(FactAudit):
    """Reads the graphs of deep records.

    Attributes:
        followed: steps whose calls are followed one by one.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._rows = RowDependence(sites, writer)
        self._latents = LatentUse(sites, writer)
        self.followed = FollowedSteps()
        self._cuts = GradientCuts(sites, writer, self.followed)
        self._time = GradientOverTime(sites, writer)
        self._chains: set[str] = set()
        self._bounds: set[str] = set()
        self._ahead = 0

    def arm(self, *, follow: bool) -> None:
        """A recorded step begins; `follow`: its calls may be followed one by one."""
        if follow:
            self.followed.arm()

    def disarm(self) -> None:
        """The recorded step has ended."""
        self.followed.end()

    def before_backward(
        self,
        graph: AutogradGraph,
        calls: Sequence[SiteCall],
        trace: ModuleTrace,
        step: int,
        on_error: Callable[[str, Exception], None],
    ) -> None:
        """Read a graph, and hook what backward will tell."""
        parts: tuple[tuple[str, Callable[[], None]], ...] = (
            ("gradient cuts", lambda: self._cuts.read(graph, trace, step)),
            ("rows", lambda: self._rows.read(graph, calls, trace, step)),
            ("latents", lambda: self._latents.read(graph, calls, trace, step)),
            ("softmax chain", lambda: self._read_chains(graph, trace, step)),
            ("logit bound", lambda: self._read_bound(graph, trace, step)),
            ("looking ahead", lambda: self._read_ahead(graph, trace, step)),
            ("gradient over time", lambda: self._time.hook(graph, trace)),
        )
        for name, part in parts:
            try:
                part()
            except Exception as error:
                on_error(name, error)

    def after_backward(self, step: int) -> None:
        """Read what the hooks have seen."""
        self._time.read(step)

    def finish(self) -> None:
        """Write what is known at the end of the run."""
        self._rows.write_whole()

    def _read_bound(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> None:
        """Write the bound of the logits of each head that gives cosines, once."""
        bound = logit_bound(graph, criterion(graph))
        if bound is None:
            return
        own = self._sites.names.path(trace.owner(bound.node._sequence_nr()))
        site = own or self._sites.layer_path(bound.node, trace) or "logits"
        if site not in self._bounds:
            self._bounds.add(site)
            file, line = source_of(bound.node)
            data = {"file": file, "line": line, "scale": bound.scale, "classes": bound.classes}
            self._writer.fact(Fact("logit-bound", site, step, data))

    def _read_ahead(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> None:
        """Write where attention sees the tokens that are asked for, with the count of looks."""
        found = looks_ahead(graph, criterion(graph))
        if found is None:
            return
        self._ahead += 1
        if self._ahead & (self._ahead - 1) == 0:
            site = self._sites.names.path(trace.owner(found.node._sequence_nr())) or "attention"
            file, line = source_of(found.node)
            data = {"file": file, "line": line, "tokens": found.tokens}
            data |= {"layers": found.layers, "looks": self._ahead}
            self._writer.replace_fact(Fact("looks-ahead", site, step, data))

    def _read_chains(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> None:
        """Write the first softmax of each layer that takes probabilities, once."""
        for first, second in softmax_chains(graph):
            layers = (self._sites.layer_path(node, trace) for node in path_to_layer(first))
            layer = next((name for name in layers if name), "")
            site = layer or self._sites.names.path(trace.owner(first._sequence_nr())) or "loss"
            if site not in self._chains:
                self._chains.add(site)
                shape = output_shape(second) or ()
                classes = int(shape[signed_axis(_axis(first)) % len(shape)]) if shape else 0
                file, line = source_of(second)
                data = {"file": file, "line": line, "classes": classes}
                self._writer.fact(Fact("softmax-chain", site, step, data))


def _axis(node: AutogradNode) -> int:
    return int(node._saved_dim)
