"""Chooses the figure at the head of the page by the first root cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relume.core import Diagnosis, Finding, Trace

SHOWS = {
    "ACT3": "evidence",
    "ACT40": "silent",
    "ACT303": "silent",
    "ACT5": "flat",
    "ACT601": "depth",
    "ACT602": "loss",
    "ACT603": "updates",
    "ACT604": "loss",
    "ACT605": "loss",
    "ACT606": "updates",
    "ACT607": "loss",
    "ACT608": "updates",
    "ACT2": "loss",
}
"""By a code or its beginning (the longest wins): the figure that shows such a cause best."""

FEW = 3  # sites: a gradient over fewer has no depth


def headline_figure(diagnosis: Diagnosis, roots: Sequence[Finding], trace: Trace) -> dict[str, Any]:
    """Return the figure's kind, and the index of its finding (None: the run learns)."""
    if not roots:
        return {"figure": "loss", "finding": None}
    root = roots[0]
    keys = sorted((key for key in SHOWS if root.code.startswith(key)), key=len)
    figure = SHOWS[keys[-1]] if keys else "evidence"
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
