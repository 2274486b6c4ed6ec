"""Groups sites into blocks in the order of the forward pass: each a layer with its act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from relume.core import Diagnosis, Finding, Severity, Site, Trace


@dataclass(frozen=True, slots=True)
class NetworkBlock:
    """One block of the network.

    Attributes:
        kind: ``"input"``, ``"layer"`` (parameters without an act), ``"act"`` or ``"head"``.
        name, layer, act, role, units: of its site; `layer` feeds the act.
        site: what is measured there; None for a layer that only has parameters.
        names: the names of all sites that belong to it.
        health: the worst severity there, ``"fine"``, ``"affected"`` (it suffers from a fault
            elsewhere, see `affected.py`), or ``"unseen"`` (nothing measured).
        findings: keys of the findings there.
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
    affected: str = ""


def network_blocks(trace: Trace, diagnosis: Diagnosis) -> list[NetworkBlock]:
    """Return the blocks in the order of the forward pass, each with its findings."""
    measured = {site for site, _ in trace.table}
    return [_with_health(block, measured, diagnosis) for block in _group_sites(trace)]


def _group_sites(trace: Trace) -> list[NetworkBlock]:
    """Group the sites: an act takes the parameters of the layer that feeds it, once."""
    parameters: dict[str, list[Site]] = {}
    for site in trace.sites_of("parameter"):
        parameters.setdefault(site.layer or site.name, []).append(site)
    blocks: list[NetworkBlock] = []
    for site in trace.sites:
        if site.kind == "input":
            blocks.append(_block(site, "input", [site]))
        elif site.kind in ("act", "head"):
            layer = site.layer or (site.name if site.kind == "head" else "")
            blocks.append(_block(site, site.kind, [site, *parameters.pop(layer, [])]))
    for layer, sites in parameters.items():
        first = min(sites, key=lambda site: site.order)
        block = _block(first, "layer", sites)
        blocks.append(replace(block, name=layer, act="", role="", site=None))
    rank = {"input": 0}
    # an input stands before the layer that it enters, whose parameters may have been recorded first
    return sorted(blocks, key=lambda block: (rank.get(block.kind, 1), block.order))


def _block(site: Site, kind: str, sites: Iterable[Site]) -> NetworkBlock:
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


def _with_health(block: NetworkBlock, measured: set[str], diagnosis: Diagnosis) -> NetworkBlock:
    findings = [finding for finding in diagnosis.findings if _belongs(finding, block)]
    worst = max((f.severity for f in findings if not f.cleared), default=Severity.FACT)
    recorded = bool(block.names & measured)
    health = str(worst) if worst > Severity.FACT else "fine" if recorded else "unseen"
    return replace(block, health=health, findings=tuple(finding.key for finding in findings))


def _belongs(finding: Finding, block: NetworkBlock) -> bool:
    if not finding.site:
        return False
    own = {block.name} | ({block.layer} if block.layer and block.kind != "input" else set[str]())
    return finding.site in block.names or finding.site in own
