"""Chooses the figure at the head of the page by the first root cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relume.core import Diagnosis, Finding, Trace
from relume.report.rule_pages.pages import rules

FEW = 3  # sites: a gradient over fewer has no depth


def headline_figure(diagnosis: Diagnosis, roots: Sequence[Finding], trace: Trace) -> dict[str, Any]:
    """Return the figure's kind, and the index of its finding (None: the run learns)."""
    if not roots:
        return {"figure": "loss", "finding": None}
    root = roots[0]
    figure = next((page.figure for page in rules() if page.code == root.code), "evidence")
    if figure == "evidence" and len(root.evidence.curve) < 2:
        figure = "loss"
    if not _drawable(figure, trace):
        figure = "evidence" if len(root.evidence.curve) > 1 else "loss"
    return {"figure": figure, "finding": diagnosis.findings.index(root)}


def _drawable(figure: str, trace: Trace) -> bool:
    acts = [site.name for site in trace.sites_of("act")]
    needed = {"silent": "silent_unit_share", "flat": "flat_share_low", "depth": "grad_pre_rms"}
    if figure in needed:
        recorded = sum(trace.series(act, needed[figure]) is not None for act in acts)
        return recorded >= (FEW if figure == "depth" else 1)
    if figure == "updates":
        weights = trace.sites_of("parameter")
        return any(trace.series(site.name, "update_ratio") is not None for site in weights)
    return True
