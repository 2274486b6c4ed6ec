"""Merges several ranks' traces: adds counters, unites sites and facts, pools series."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relume.core import Fact, Series, Site, Trace, Window
from relume.errors import UsageError
from relume.record.measure.unit_counters import FIELDS, TOTAL
from relume.record.merge.merge_series import RankPart, SeriesPool
from relume.record.store.downsample import Key

Floats = NDArray[np.float64]

EIGEN = "it needs the rows themselves, which ranks do not keep"
UNFINISHED = "a rank was killed before it could keep what this is made from"


@dataclass(frozen=True, slots=True)
class MergedTraces:
    """The merged trace, and what it leaves out.

    Attributes:
        trace: the trace that one process over all samples would have recorded.
        left_out: by stat, why it or some of its steps are missing.
        unlike: parameters that differ between ranks.
    """

    trace: Trace
    left_out: dict[str, str]
    unlike: tuple[str, ...]


def merge(parts: Sequence[RankPart], *, ranked: bool) -> MergedTraces:
    """Merge ranks.

    Args:
        parts: one a rank, rank 0 first.
        ranked: whether the ranks shared one loss, so that a gradient inside the model counts as a
            rank's share.

    Raises:
        UsageError: a site has different numbers of units on two ranks.
    """
    world = int(parts[0].trace.meta.get("world", len(parts))) if ranked else 1
    traces = [part.trace for part in parts]
    pool = SeriesPool(parts, world)
    table = pool.table()
    sites = _sites(traces)
    units = {
        name: _windows([t.windows(name) for t in traces], world)
        for name in dict.fromkeys(name for t in traces for name in t.units)
    }
    left_out = dict(pool.left_out)
    for site in sites:
        if site.kind == "input":
            _input(site.name, traces, units, table, left_out)
    facts = _facts(traces, left_out)
    meta = _meta(traces)
    trace = Trace(meta, sites, table, units, facts)
    return MergedTraces(trace, left_out, tuple(pool.unlike))


def _sites(traces: Sequence[Trace]) -> tuple[Site, ...]:
    sites: dict[str, Site] = {}
    for trace in traces:
        for site in trace.sites:
            known = sites.setdefault(site.name, site)
            if known.units != site.units and known.units and site.units:
                raise UsageError(
                    f"{site.name} has {known.units} units in one run and {site.units} in another; "
                    "only ranks of one training can be combined."
                )
    return tuple(sorted(sites.values(), key=lambda site: (site.order, site.name)))


def _windows(ranks: Sequence[tuple[Window, ...]], world: int) -> tuple[Window, ...]:
    """Merge windows into those of the rank with the fewest, each where it overlaps most."""
    present = [tuple(_shared(w, world) for w in windows) for windows in ranks if windows]
    coarsest = min(present, key=len)
    groups: list[list[Window]] = [[window] for window in coarsest]
    for windows in present:
        if windows is coarsest:
            continue
        for place, window in enumerate(windows):
            # the first window is the state at initialisation, on every rank
            best = 0 if place == 0 else max(range(len(groups)), key=_overlap(coarsest, window))
            groups[best].append(window)
    return tuple(reduce(add, group) for group in groups)


def _shared(window: Window, world: int) -> Window:
    """A rank's window with its gradients divided for the loss of all ranks."""
    divided = {
        name: field / world
        for name, field in window.fields.items()
        if world > 1 and name in FIELDS and "divided" in FIELDS[name].merge
    }
    return replace(window, fields={**window.fields, **divided}) if divided else window


def _overlap(among: Sequence[Window], window: Window) -> Callable[[int], tuple[int, int]]:
    """A key for `max`: how far each window of `among` covers `window`, the nearest if none does."""

    def measure(place: int) -> tuple[int, int]:
        other = among[place]
        common = min(other.last, window.last) - max(other.first, window.first) + 1
        # the window at initialisation holds one step and takes no later windows
        return (common if place or len(among) == 1 else min(common, -window.last), place)

    return measure


def add(one: Window, two: Window) -> Window:
    """Merge two ranks' windows of the same records: add counters, take extremes, keep records."""
    fields: dict[str, Floats] = {}
    for name in one.fields:
        if name in two.fields:
            fields[name] = FIELDS.get(name, TOTAL).law(one.fields[name], two.fields[name])
    return Window(
        min(one.first, two.first),
        max(one.last, two.last),
        max(one.records, two.records),  # one record of all ranks counts once
        one.samples + two.samples,
        fields,
    )


def _input(
    name: str,
    traces: Sequence[Trace],
    units: dict[str, tuple[Window, ...]],
    table: dict[Key, Series],
    left_out: dict[str, str],
) -> None:
    """Put the input stats of all ranks together into `table`, from the sums in their windows."""
    measured = [t for t in traces if (name, "mean_energy_share") in t.table]
    if any((name, "eigen_ratio") in t.table for t in traces):
        table.pop((name, "eigen_ratio"), None)
        left_out["eigen_ratio"] = EIGEN
    if not measured:
        return
    sums = [t.windows(name) for t in measured]
    if not all(sums):
        left_out["mean_energy_share"] = UNFINISHED
        return
    from relume.record.measure.input_moments import input_moments

    window = units[name][-1]
    f = window.fields
    stats = input_moments(float(f["pre_n"][0]), f["pre_sum"], f["pre_sumsq"])
    last = max(int(t.table[name, "mean_energy_share"].steps[-1]) for t in measured)
    at = np.array([last], dtype=np.int64)
    for stat in ("mean_energy_share", "feature_std_max_over_median"):
        if stat in stats:
            table[name, stat] = Series(at, np.array([stats[stat]]))


IDENTITY = {  # by kind of fact: the data that distinguish it from others at its site
    "affine-pair": ("first", "second"),
    "opaque": ("operation",),
    "non-finite": ("stat",),
    "criterion": (),
    "head": ("layer",),
    "parameter": (),
    "targets": (),
    "softmax": (),
    "act-pair": (),
    "end": (),
    "turn": ("loss",),
}
EXTREMES = {
    "rows_sum_error": max,
    "additivity_error": max,
    "rows_min": min,
    "target_min": min,
    "target_max": max,
}


def _facts(traces: Sequence[Trace], left_out: dict[str, str]) -> tuple[Fact, ...]:
    """The ranks' facts, each once: of equal ones the earliest, with the extremes of all."""
    every = [fact for trace in traces for fact in trace.facts]
    order = {key: place for place, key in reversed(list(enumerate(map(_identity, every))))}
    every.sort(key=lambda fact: order[_identity(fact)])
    merged: list[Fact] = []
    for _, same in groupby(every, key=_identity):
        group = list(same)
        first = min(group, key=lambda fact: fact.step)
        if first.kind == "targets":
            continue
        data = dict(first.data)
        for name, law in EXTREMES.items():
            known = [f.data[name] for f in group if f.data.get(name) is not None]
            if known:
                data[name] = law(known)
        if first.kind == "criterion":
            data["chance"] = _chance(traces, group, left_out)
        if first.kind == "end":
            data = dict(_end(group).data)
            first = replace(first, step=max(f.step for f in group))
        merged.append(replace(first, data=data))
    return tuple(merged)


def _identity(fact: Fact) -> tuple[str, str, str]:
    names: Iterable[str] = IDENTITY.get(fact.kind, fact.data)
    return fact.kind, fact.site, json.dumps({name: fact.data.get(name) for name in names})


def _end(ends: Sequence[Fact]) -> Fact:
    """How the job ended: the end of the first rank that did not end well, else rank 0's."""
    return next((f for f in ends if f.data.get("how") not in ("normal", "exit")), ends[0])


def _chance(
    traces: Sequence[Trace], criteria: Sequence[Fact], left_out: dict[str, str]
) -> float | None:
    """The loss of the best constant guess over all ranks' targets."""
    states = [fact.data for trace in traces for fact in trace.facts_of("targets")]
    own = [fact.data.get("chance") for fact in criteria]
    if len(states) < len(traces) or any(state["scale"] is None for state in states):
        if len(set(own)) == 1:
            return own[0]
        left_out["chance"] = UNFINISHED
        return None
    from relume.record.measure.chance_loss import ChanceLoss

    chance = ChanceLoss(str(criteria[0].data["loss"]), criteria[0].data.get("classes"))
    for state in states:
        chance.join(state)
    value = chance.value()
    return None if value is None else value * float(states[0]["scale"])


def _meta(traces: Sequence[Trace]) -> dict[str, Any]:
    meta = {k: v for k, v in traces[0].meta.items() if k not in ("rank", "job", "world")}
    for name in ("steps", "seconds", "overhead", "updated"):
        known = [t.meta[name] for t in traces if name in t.meta]
        if known:
            meta[name] = max(known)
    for name in ("records", "backwards"):
        known = [t.meta[name] for t in traces if name in t.meta]
        if known:
            meta[name] = min(known)
    ended = [t.meta.get("ended") for t in traces]
    meta.pop("ended", None)
    if all(ended):  # a killed rank has no end, and then the job has none
        meta["ended"] = next((word for word in ended if word != "normal"), "normal")
    return meta
