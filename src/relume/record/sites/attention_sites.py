"""Finds the attention of a step, and gives each its site and a fact about its form."""

from dataclasses import replace

from relume.core import Fact, Site
from relume.instrument.site_name import SiteName
from relume.record.graph.attention import (
    AttentionCall,
    attention_at,
    heads_of,
    key_size,
    scale_of,
)
from relume.record.graph.autograd_graph import AutogradGraph
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import MOST_CALLS, SiteCall, Sites, SiteState
from relume.record.store.run_file import Writer

MOST_HEADS = 1024  # folded into the batch under another name, a head for each row says nothing


class AttentionSites:
    """Finds attention, fused or written out, whose query and key the graph keeps.

    Args:
        sites: the run's sites; a site of kind ``"attention"`` has a unit for each head.
        writer: the open run file.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        self._sites = sites
        self._writer = writer

    def find(self, graph: AutogradGraph, trace: ModuleTrace, step: int) -> list[SiteCall]:
        """Return every attention of the graph, in forward order."""
        calls: list[SiteCall] = []
        counts: dict[str, int] = {}
        for node in graph.nodes:
            if node in graph.sealed or node in graph.derived:
                continue
            call = attention_at(graph, node)
            if call is None or not trace.covers(node._sequence_nr()):
                continue
            module = trace.owner(node._sequence_nr())
            heads = heads_of(call, module)
            path = self._sites.names.path(module)
            index = counts[path] = counts.get(path, -1) + 1
            if index >= MOST_CALLS or not 0 < heads <= MOST_HEADS:
                continue
            name = str(SiteName(path, "attention", index))
            site = Site(name, "attention", path=path, index=index, role="attention", units=heads)
            state = self._sites.get_or_add(site, 1)
            layer = state.site.layer
            if not layer and call.query is not None:
                layer = self._sites.fed_by(node, call.query, trace)
            # its heads may be others: another program's layer under the same name
            state.site = replace(state.site, units=heads, layer=layer)
            self._write(call, state, step)
            calls.append(SiteCall(state, trace.place(node._sequence_nr()), node))
        return calls

    def _write(self, call: AttentionCall, state: SiteState, step: int) -> None:
        if state.shape:
            return
        state.shape = (state.site.units, key_size(call))
        data = {
            "heads": state.site.units,
            "size": key_size(call),
            "scale": scale_of(call),
            "capped": None in call.steps,
            "fused": call.fused,
        }
        self._writer.fact(Fact("attention", state.site.name, step, data))
