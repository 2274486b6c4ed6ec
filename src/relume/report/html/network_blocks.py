"""The network as data flows through it: blocks in order, each a layer with the act that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from relume.core import Diagnosis, Finding, Severity, Site, Trace


@dataclass(frozen=True, slots=True)
class NetworkBlock:
    """A stop on the way through the network.

    Attributes:
        kind: ``"input"``, ``"layer"`` (parameters without an act), ``"act"`` or ``"head"``.
        name, layer, act, role, units: of its site; `layer` feeds the act.
        site: what is measured there; None for a layer that only has parameters.
        names: the names of all sites that belong to it.
        health: the worst severity found there, ``"fine"``, or ``"unseen"`` (nothing measured).
        findings: keys of what was found there.
    """

    kind: str
    name: str
    layer: str = ""
    act: str = ""
    role: str = ""
    units: int = 0
    order: int = 0
    site: Site | None = None
    names: frozenset[str] = frozenset()
    health: str = "fine"
    findings: tuple[str, ...] = ()


def network_blocks(trace: Trace, diagnosis: Diagnosis) -> list[NetworkBlock]:
    """The blocks in the order of the forward pass, each with what was found in it."""
    measured = {site for site, _ in trace.table}
    return [_judged(block, measured, diagnosis) for block in _built(trace)]


def _built(trace: Trace) -> list[NetworkBlock]:
    """Sites grouped: an act takes the parameters of the layer that feeds it, once."""
    parameters: dict[str, list[Site]] = {}
    for site in trace.sites_of("parameter"):
        parameters.setdefault(site.layer or site.name, []).append(site)
    made: list[NetworkBlock] = []
    for site in trace.sites:
        if site.kind == "input":
            made.append(_of(site, "input", [site]))
        elif site.kind in ("act", "head"):
            layer = site.layer or (site.name if site.kind == "head" else "")
            made.append(_of(site, site.kind, [site, *parameters.pop(layer, [])]))
    for layer, sites in parameters.items():
        first = min(sites, key=lambda site: site.order)
        block = _of(first, "layer", sites)
        made.append(replace(block, name=layer, act="", role="", site=None))
    rank = {"input": 0}
    # an input stands before the layer that it enters, whose parameters may have been seen first
    return sorted(made, key=lambda block: (rank.get(block.kind, 1), block.order))


def _of(site: Site, kind: str, sites: Iterable[Site]) -> NetworkBlock:
    return NetworkBlock(
        kind=kind,
        name=site.name,
        layer=site.layer,
        act=site.act if kind == "act" else "",
        role=site.role if kind == "act" else "",
        units=site.units,
        order=site.order,
        site=site,
        names=frozenset(each.name for each in sites),
    )


def _judged(block: NetworkBlock, measured: set[str], diagnosis: Diagnosis) -> NetworkBlock:
    here = [finding for finding in diagnosis.findings if _stands(finding, block)]
    worst = max((f.severity for f in here if not f.cleared), default=Severity.FACT)
    seen = bool(block.names & measured)
    health = str(worst) if worst > Severity.FACT else "fine" if seen else "unseen"
    return replace(block, health=health, findings=tuple(finding.key for finding in here))


def _stands(finding: Finding, block: NetworkBlock) -> bool:
    if not finding.site:
        return False
    own = {block.name} | ({block.layer} if block.layer and block.kind != "input" else set[str]())
    return finding.site in block.names or finding.site in own
