"""Chooses the figure at the head of the page by the first root cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from relume.core import Diagnosis, Finding, Trace
from relume.report.rule_pages.pages import rules
from relume.report.words.sanitise import name

FEW = 3  # sites: a gradient over fewer has no depth


def headline_figure(diagnosis: Diagnosis, roots: Sequence[Finding], trace: Trace) -> dict[str, Any]:
    """Return the figure's kind, and the index of its finding (None: the run learns)."""
    if not roots:
        return {"figure": "loss", "finding": None}
    root = roots[0]
    figure = next((page.figure for page in rules() if page.code == root.code), "evidence")
    if figure == "evidence" and len(root.evidence.curve) < 2:
        figure = "depth" if root.evidence.stat.startswith("grad_rms") else "loss"
    if not _drawable(figure, trace):
        figure = "evidence" if len(root.evidence.curve) > 1 else "loss"
    hero: dict[str, Any] = {"figure": figure, "finding": diagnosis.findings.index(root)}
    if figure == "loss" and _every_loss_is_lost(trace):
        hero |= _nonfinite_shares(root, trace)
    return hero


def _every_loss_is_lost(trace: Trace) -> bool:
    loss = trace.series("", "loss")
    return loss is not None and len(loss) > 0 and not bool(np.isfinite(loss.values).any())


def _nonfinite_shares(root: Finding, trace: Trace) -> dict[str, Any]:
    """Return each place's share of NaN and infinity at the first record that has any.

    Where no loss is a number its course shows nothing, and this shows where it broke. Empty where
    no act or head had any: the loss itself made it.
    """
    sites = [*trace.sites_of("act"), *trace.sites_of("head")]
    shares = [(s, trace.series(s.name, "nonfinite_share")) for s in sites]
    lost = [int(s.steps[s.values > 0][0]) for _, s in shares if s is not None and s.values.any()]
    if not lost:
        return {}
    step = min(lost)
    rows = [
        (site.order, name(site.name, 80), float(series.values[series.steps == step][0]))
        for site, series in shares
        if series is not None and step in series.steps
    ]
    rows.sort()
    if root.evidence.stat == "nonfinite_share" and root.site not in {s.name for s in sites}:
        rows.insert(
            0, (-1, name(root.site, 80), float(root.evidence.value))
        )  # the data's own share
    return {"figure": "nonfinite", "step": step, "rows": [[place, part] for _, place, part in rows]}


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
