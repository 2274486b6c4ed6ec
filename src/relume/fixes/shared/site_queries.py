"""Sites of a trace that fixes ask for, and what their proposals say of them."""

from dataclasses import replace
from pathlib import Path

from relume.core import Diagnosis, Finding, Site, Trace


def hidden_sites(trace: Trace, *acts: str) -> tuple[Site, ...]:
    """The hidden acts of the run, of these names if any is given."""
    found = trace.sites_of("act", "hidden")
    return tuple(site for site in found if not acts or site.act in acts)


def script(trace: Trace) -> Site:
    """The script that was run, as a place for a patch of what has no line; empty if unknown."""
    path = str(trace.meta.get("script") or "")
    known = bool(path) and not trace.meta.get("module") and Path(path).is_file()
    return Site("", "script", file=str(Path(path).resolve()) if known else "")


def layers_and_acts(trace: Trace) -> dict[str, str]:
    """The act behind each layer that feeds a hidden one, by the layer; heads have none (``""``)."""
    found = {site.layer: site.act for site in hidden_sites(trace) if site.layer}
    heads = {site.layer or site.name: "" for site in trace.sites_of("head")}
    return {**heads, **found}


def names(sites: tuple[Site, ...]) -> tuple[str, ...]:
    """Their names."""
    return tuple(site.name for site in sites)


def sites_alike(finding: Finding, diagnosis: Diagnosis) -> tuple[str, ...]:
    """The sites of all findings of this rule: one transaction treats them together."""
    found = [f.site for f in diagnosis.findings if f.code == finding.code and f.site]
    return tuple(dict.fromkeys(found))


def layers_alike(finding: Finding, diagnosis: Diagnosis) -> tuple[str, ...]:
    """The layers of all findings of this rule."""
    found = [f.layer for f in diagnosis.findings if f.code == finding.code and f.layer]
    return tuple(dict.fromkeys(found))


def act_at(trace: Trace, site: str) -> str:
    """The act of the site, or ``""``."""
    found = trace.site(site)
    return found.act if found is not None else ""


def has_finding(diagnosis: Diagnosis, *codes: str) -> bool:
    """Whether the diagnosis has a finding of one of these rules."""
    return any(finding.code in codes for finding in diagnosis.findings)


def first_head_act(trace: Trace, act: str) -> tuple[tuple[str, ...], Site | None]:
    """The last act between a head and its criterion, of that name if one is given.

    Returns:
        Its site's name for an edit, and the site with its source line; empty and None if unknown.
    """
    for fact in trace.facts_of("head"):
        for one in reversed(list(fact.data.get("acts") or ())):
            if act and one.get("act") != act:
                continue
            name = str(one.get("site") or "")
            file, line = str(one.get("file") or ""), int(one.get("line") or 0)
            known = trace.site(name)
            site = Site(name, "act", act=str(one.get("act") or ""), file=file, line=line)
            if known is not None:
                site = replace(site, file=file or known.file, line=line or known.line)
            return ((name,) if name else ()), site
    return (), None
