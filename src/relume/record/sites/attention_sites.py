"""Finds the attention of a step, and gives each its site and a fact about its form."""

from dataclasses import replace

from relume.core import Fact, Site
from relume.record.graph.attention import (
    AttentionCall,
    attention_at,
    heads_of,
    key_size,
    scale_of,
)
from relume.record.graph.autograd_graph import AutogradGraph, feeding
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import MOST_CALLS, SiteCall, Sites, SiteState, source_of
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
            name = f"{path}.attention()" if path else "attention()"
            name = f"{name}#{index + 1}" if index else name
            order = trace.place(node._sequence_nr())
            state = self._state(call, Site(name, "attention", path=path, index=index), heads)
            file, line = source_of(node)
            state.site = replace(
                state.site,
                layer=state.site.layer or self._layer(call, trace),
                order=order,
                file=state.site.file or file,
                line=state.site.line or line,
            )
            self._write(call, state, step)
            calls.append(SiteCall(state, order, node))
        return calls

    def _state(self, call: AttentionCall, site: Site, heads: int) -> SiteState:
        state = self._sites.get_or_add(replace(site, role="attention", units=heads), 1)
        if state.site.units != heads:  # another program's layer under the same name
            state.site = replace(state.site, units=heads)
        return state

    def _layer(self, call: AttentionCall, trace: ModuleTrace) -> str:
        """The layer that computes the query."""
        for source in feeding(call.node, call.query) if call.query is not None else ():
            path = self._sites.layer_path(source, trace)
            if path:
                return path
        return ""

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
