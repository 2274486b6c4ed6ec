"""Makes the plain data from which the page draws one run, out of its trace and diagnosis.

Words are made safe to show here; numbers are the recorded ones, thinned to the page's pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relume.core import Diagnosis, Evidence, Finding, Series, Severity, Site, Trace
from relume.report.html.affected import mark_affected
from relume.report.html.headline_figure import headline_figure
from relume.report.html.network_blocks import NetworkBlock, network_blocks
from relume.report.html.series_encoder import COLUMNS, WRITTEN, SeriesEncoder, columns_for
from relume.report.html.unit_spread import unit_spreads
from relume.report.words.cause_tree import CauseBranch, cause_tree, unchecked_by_reason, verdict
from relume.report.words.paste_command import paste_command
from relume.report.words.repeated_names import fold_names
from relume.report.words.sanitise import (
    clean,
    name,
    number,
    place,
    prose,
    sentence,
    shorten,
    source,
)
from relume.report.words.source_location import message

ACT_STATS = {
    "silent": "silent_unit_share",
    "low": "flat_share_low",
    "high": "flat_share_high",
    "pre_mean": "pre_mean",
    "pre_rms": "pre_rms",
    "post_rms": "post_rms",
    "grad": "grad_pre_rms",
}
"""The stats of an act that the page draws, under the page's names."""
HEAD_STATS = {"pre_rms": "pre_rms", "grad": "grad_pre_rms"}
INPUT_STATS = {"mean_energy": "mean_energy_share", "rms": "rms"}
WEIGHT_STATS = {"update": "update_ratio"}
STATS = {"act": ACT_STATS, "head": HEAD_STATS, "input": INPUT_STATS, "parameter": WEIGHT_STATS}
WIDE = {"grad_pre_rms"}
"""Stats drawn across the whole page, so with twice the columns."""
MOST = 160_000
"""Values in a page, besides two series of steps: at two characters each a third of a megabyte."""
CURVE = 64  # points of a finding's own curve, as core.Evidence promises
LONG = 4_000  # characters of a message shown


@dataclass(frozen=True, slots=True)
class RunData:
    """A run's trace and diagnosis, and its state: ``ended``, ``training`` or ``lost``."""

    trace: Trace
    diagnosis: Diagnosis
    state: str = "ended"


def run_data(run: RunData, encoder: SeriesEncoder) -> dict[str, Any]:
    """Return everything that the page writes and draws of one run."""
    trace, diagnosis = run.trace, run.diagnosis
    blocks = mark_affected(network_blocks(trace, diagnosis), trace, diagnosis)
    places = {site: at for at, block in enumerate(blocks) for site in block.names}
    index = {finding.key: at for at, finding in enumerate(diagnosis.findings)}
    tree = cause_tree(diagnosis)
    kind, claim = verdict(diagnosis, tree)
    roots = [branch.finding for branch in tree.roots]
    return {
        "name": name(trace.meta.get("run", "")),
        "state": run.state,
        "fix": paste_command(trace.meta, "fix"),
        "about": run_header(trace.meta),
        "verdict": {"kind": kind, "claim": claim, "outcome": _long(diagnosis.outcome_sentence)},
        "numbers": _numbers(diagnosis.outcome.numbers),
        "roots": [index[finding.key] for finding in roots],
        "hero": headline_figure(diagnosis, roots, trace),
        "blocks": [_block(block, trace, encoder, index) for block in blocks],
        "weights": _weights(trace, encoder, places),
        "run": _run(trace, encoder),
        "events": events(diagnosis, places),
        "findings": [_finding(f, index, places, encoder) for f in diagnosis.findings],
        "story": [_branch(branch, index) for branch in tree.roots],
        "notes": [_branch(branch, index) for branch in tree.notes],
        "ruled_out": [_checked(item) for item in diagnosis.ruled_out],
        "checked": [_checked(c) for c in diagnosis.checked if c not in diagnosis.ruled_out],
        "not_checked": _missing(diagnosis),
        "silenced": [_silenced(s) for s in diagnosis.suppressed],
        "grids": encoder.grids,
    }


def encoder_for(runs: Sequence[RunData], most: int = MOST) -> list[SeriesEncoder]:
    """Return one encoder a run, so that all series together have at most `most` values."""
    lengths = [
        length
        for each in runs
        for series, factor in _series_to_draw(each.trace)
        for length in [len(series)] * factor
    ]
    columns = columns_for(lengths, most)
    tight = sum(min(length, 2 * columns) for length in lengths) > WRITTEN
    acts = sum(len(each.trace.sites_of("act")) for each in runs)
    return [SeriesEncoder(columns, tight, acts) for _ in runs]


def _series_to_draw(trace: Trace) -> list[tuple[Series, int]]:
    """Return the series to draw, each with its width in usual columns (1 or 2)."""
    wanted: list[tuple[Series, int]] = []
    for site in trace.sites:
        for stat in _stats(site, trace).values():
            series = trace.series(site.name, stat)
            if series is not None:
                wanted.append((series, 1 + (stat in WIDE)))
    return wanted


def _stats(site: Site, trace: Trace) -> Mapping[str, str]:
    if site.kind == "parameter" and not _is_weight(site, trace):
        return {}
    return STATS.get(site.kind, {})


def _is_weight(site: Site, trace: Trace) -> bool:
    """Whether a parameter is a matrix or a kernel: a bias says little of a layer's step."""
    known = trace.facts_at("parameter", site.name)
    return not known or len(known[0].data.get("shape") or "any") > 1


def _site_series(site: Site, trace: Trace, encoder: SeriesEncoder) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for short, stat in _stats(site, trace).items():
        series = trace.series(site.name, stat)
        if series is not None and len(series):
            data[short] = encoder.series(series, encoder.columns * (1 + (stat in WIDE)))
    return data


def _block(
    block: NetworkBlock, trace: Trace, encoder: SeriesEncoder, index: Mapping[str, int]
) -> dict[str, Any]:
    site = block.site
    data: dict[str, Any] = {
        "name": name(block.name, 80),
        "layer": name(block.layer, 80),
        "kind": block.kind,
        "act": name(block.act, 40),
        "role": block.role,
        "units": block.units,
        "place": place(site.file, site.line) if site and site.file else "",
        "health": block.health,
        "affected": name(block.affected, 200),
        "findings": [index[key] for key in block.findings],
        "series": _site_series(site, trace, encoder) if site else {},
    }
    if site is not None and site.kind == "act":
        data["spread"] = unit_spreads(trace.windows(site.name), encoder.acts)
    return data


def _weights(
    trace: Trace, encoder: SeriesEncoder, places: Mapping[str, int]
) -> list[dict[str, Any]]:
    return [
        {"name": name(site.name, 80), "block": places.get(site.name), "series": drawn}
        for site in trace.sites_of("parameter")
        if (drawn := _site_series(site, trace, encoder))
    ]


def _run(trace: Trace, encoder: SeriesEncoder) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for short, stat in {"loss": "loss", "rate": "learning_rate"}.items():
        series = trace.series("", stat)
        if series is not None and len(series):
            data[short] = encoder.series(series, COLUMNS)
    return data


def events(diagnosis: Diagnosis, places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the findings that began after the start, as marks for the figures over steps."""
    begun = [f for f in diagnosis.findings if f.steps[0] > 0 and f.severity >= Severity.NOTE]
    begun.sort(key=lambda finding: (finding.steps[0], -finding.severity))
    return [
        {
            "step": finding.steps[0],
            "text": f"{_title(finding)}{f' at {name(finding.site, 40)}' if finding.site else ''}",
            "tone": str(finding.severity),
            "block": places.get(finding.site),
        }
        for finding in begun[:40]
    ]


def _finding(
    finding: Finding, index: Mapping[str, int], places: Mapping[str, int], encoder: SeriesEncoder
) -> dict[str, Any]:
    evidence = finding.evidence
    more = [(key, value) for key, value in evidence.more.items() if value is not None]
    return {
        "code": finding.code,
        "rule": finding.name,
        "title": _title(finding),
        "severity": str(finding.severity),
        "was": str(finding.raw_severity) if finding.raw_severity is not None else "",
        "site": name(finding.site),
        "layer": name(finding.layer),
        "block": places.get(finding.site),
        "place": place(finding.file, finding.line),
        "source": source(finding.file, finding.line),
        "steps": list(finding.steps),
        "cleared": finding.cleared,
        "message": _long(sentence(message(finding))),
        "cure": _long(sentence(finding.cure)) if finding.cure else "",
        "stat": name(evidence.stat),
        "value": _number(evidence.value),
        "limit": None if evidence.threshold is None else _number(evidence.threshold),
        "samples": evidence.samples,
        "more": [[name(key, 60), _value(value)] for key, value in more[:40]],
        "curve": encoder.series(_curve_series(evidence)),
        "explains": [index[key] for key in finding.explains if key in index],
        "explained_by": [index[key] for key in finding.explained_by if key in index],
    }


def _curve_series(evidence: Evidence) -> Series:
    steps, values = zip(*evidence.curve[:CURVE], strict=True) if evidence.curve else ((), ())
    return Series(np.asarray(steps, np.int64), np.asarray(values, np.float64))


def _title(finding: Finding) -> str:
    """Return a rule's name as words: ``Dead units``."""
    words = clean(finding.name).replace("-", " ")
    return shorten(words[:1].upper() + words[1:])


def _branch(branch: CauseBranch, index: Mapping[str, int]) -> dict[str, Any]:
    return {
        "finding": index[branch.finding.key],
        "below": [_branch(child, index) for child in branch.below],
    }


def _checked(item: Any) -> list[str]:
    return [clean(item.code), clean(item.name), _long(item.text)]


def _missing(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    return [
        {
            "rules": [clean(rule) for rule in rules],
            "sites": [name(site, 60) for site in fold_names(sites)[:20]],
            "reason": _long(item.reason),
            "remedy": _long(item.remedy),
        }
        for rules, sites, item in unchecked_by_reason(diagnosis.not_checked)
    ]


def _silenced(item: Any) -> list[str]:
    finding = item.finding
    label = f"{finding.code} {finding.name}"
    return [clean(label), name(finding.site), name(item.where), _long(item.reason or item.by)]


def run_header(meta: Mapping[str, Any]) -> list[list[str]]:
    """Return the run's facts in words, for the foot of the page."""
    words = {
        "script": "script",
        "started": "started",
        "steps": "steps",
        "records": "records",
        "optimizer": "optimiser",
        "device": "device",
        "torch": "torch",
        "python": "Python",
        "relume": "relume",
        "ended": "ended",
    }
    known = {**meta, "script": place(str(meta.get("script") or ""), 0) or None}
    rows = [
        [label, _value(known[key])] for key, label in words.items() if known.get(key) is not None
    ]
    overhead = meta.get("overhead")
    if isinstance(overhead, float):
        rows.append(["recording cost", f"{number(100 * overhead)} % of the time of the steps"])
    return rows


def _numbers(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outcome's numbers (start, end, chance, noise), which the loss figure marks."""
    finite = {key: _number(v) for key, v in numbers.items() if isinstance(v, int | float)}
    return {name(key, 40): value for key, value in finite.items()}


def _number(value: float) -> float | str:
    return float(f"{value:.5g}") if value == value and abs(value) != float("inf") else str(value)


def _value(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else name(value)


def _long(text: str) -> str:
    return shorten(prose(text), LONG)
