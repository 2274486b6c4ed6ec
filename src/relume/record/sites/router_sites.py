"""Finds the routers of a step, and gives each its site."""

from relume.core import Fact, Site
from relume.instrument.site_name import SiteName
from relume.record.graph.autograd_graph import AutogradGraph
from relume.record.graph.routers import Choice, choice_at
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import MOST_CALLS, SiteCall, Sites, SiteState
from relume.record.store.run_file import Writer


class RouterSites:
    """Finds choices among experts; a site of kind ``"router"`` has a unit for each expert.

    Args:
        sites: the run's sites.
        writer: the open run file.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        self._sites = sites
        self._writer = writer

    def find(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> list[SiteCall]:
        """Return every router of the graph, in forward order."""
        calls: list[SiteCall] = []
        counts: dict[str, int] = {}
        for node in graph.nodes:
            number = node._sequence_nr()
            if node in graph.sealed or node in graph.derived or not trace.covers(number):
                continue
            choice = choice_at(graph, node)
            if choice is None:
                continue
            layer = self._sites.layer_path(choice.layer, trace)
            path = self._sites.names.path(trace.owner(number))
            index = counts[path] = counts.get(path, -1) + 1
            if index >= MOST_CALLS:
                continue
            name, units = str(SiteName(path, "router", index)), choice.experts
            site = Site(
                name, "router", path=path, layer=layer, index=index, role="gate", units=units
            )
            state = self._sites.get_or_add(site, 1)
            if state.site.units != units:
                continue
            self._write(choice, state, step)
            calls.append(SiteCall(state, trace.place(number), node))
        return calls

    def _write(self, choice: Choice, state: SiteState, step: int) -> None:
        if not state.shape:
            state.shape = (choice.experts, choice.picks)
            data = {"experts": choice.experts, "picks": choice.picks}
            self._writer.fact(Fact("router", state.site.name, step, data))
