"""Queries of a trace and a diagnosis that fixes make for their proposals."""

from dataclasses import replace
from pathlib import Path

from relume.core import Diagnosis, Finding, Site, Trace


def hidden_sites(trace: Trace, *acts: str) -> tuple[Site, ...]:
    """Return the hidden acts of the run; with `acts`, those of these names."""
    sites = trace.sites_of("act", "hidden")
    return tuple(site for site in sites if not acts or site.act in acts)


def script(trace: Trace) -> Site:
    """Return the run's script as the site of a patch that has no line; empty if unknown."""
    path = str(trace.meta.get("script") or "")
    known = bool(path) and not trace.meta.get("module") and Path(path).is_file()
    return Site("", "script", file=str(Path(path).resolve()) if known else "")


def layers_and_acts(trace: Trace) -> dict[str, str]:
    """Return the act behind each layer, by the layer, in the order of the forward: heads, which
    have none (``""``), last."""
    hidden = {site.layer: site.act for site in hidden_sites(trace) if site.layer}
    heads = {site.layer or site.name: "" for site in trace.sites_of("head")}
    return {**hidden, **{layer: act for layer, act in heads.items() if layer not in hidden}}


def names(sites: tuple[Site, ...]) -> tuple[str, ...]:
    """Return the names of these sites."""
    return tuple(site.name for site in sites)


def sites_alike(finding: Finding, diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return the sites of all findings of this rule: one edit treats them together."""
    sites = [f.site for f in diagnosis.findings if f.code == finding.code and f.site]
    return tuple(dict.fromkeys(sites))


def layers_alike(finding: Finding, diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return the layers of all findings of this rule."""
    layers = [f.layer for f in diagnosis.findings if f.code == finding.code and f.layer]
    return tuple(dict.fromkeys(layers))


def has_finding(diagnosis: Diagnosis, *codes: str) -> bool:
    """Whether the diagnosis has a finding of one of these rules."""
    return any(finding.code in codes for finding in diagnosis.findings)


def first_head_act(trace: Trace, act: str) -> tuple[tuple[str, ...], Site | None]:
    """Return the last act between a head and its criterion; with `act`, the last of that name.

    Returns:
        The name of its site for an edit, and the site with its source line; empty and None if
        unknown.
    """
    for fact in trace.facts_of("head"):
        for one in reversed(list(fact.data.get("acts") or ())):
            if act and one.get("act") != act:
                continue
            name = str(one.get("site") or "")
            file, line = str(one.get("file") or ""), int(one.get("line") or 0)
            known = trace.site(name)
            act_site = Site.of_act(str(one.get("act") or ""), one.get("traits"), name)
            site = replace(act_site, file=file, line=line)
            if known is not None:
                site = replace(site, file=file or known.file, line=line or known.line)
            return ((name,) if name else ()), site
    return (), None
