"""Reads series and sites of a trace: medians, quarters, first and last steps, sparklines."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Series, Site, Trace
from relume.core.plural import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relume.core import Floats, Ints

CURVE = 64  # points that a sparkline can show (the contract of `Evidence.curve`)

# The least evidence of several rules, in one place because `too-few-samples` names them all.
DEAD_SAMPLES = 3000  # rows a unit: no active one then means at most 3/3000 = 0.1 % at 95 %
DEAD_RECORDS = 8  # other batches: one batch may be one class, eight are not
FLAT_SAMPLES = 1000  # rows a unit: a share of 90 % is then known to within 2 % at 95 %
INPUT_SAMPLES = 1000  # rows: the sampling error of nu is then about 0.03
GRADIENT_RECORDS = 50  # records: a median and a spread of log norms need that many

CONFIDENCE = 0.95
RULE_OF_THREE = 3.0  # 0 of n seen: the share is below 3/n at 95 % (Hanley and Lippman-Hand 1983)


def curve(series: Series | None) -> tuple[tuple[int, float], ...]:
    """Return at most 64 points of a series: of each bucket the one farthest from the median."""
    if series is None:
        return ()
    keep = np.isfinite(series.values)
    steps, values = series.steps[keep], series.values[keep]
    if len(values) > CURVE:
        middle = _median(values)
        edges = np.linspace(0, len(values), CURVE + 1).astype(int)
        lengths = np.diff(edges)
        inside = np.minimum(np.arange(int(lengths.max())), lengths[:, None] - 1)  # (CURVE, longest)
        at = edges[:-1, None] + inside
        far = np.abs(values[at] - middle).argmax(axis=1)
        picks = at[np.arange(CURVE), far]
        steps, values = steps[picks], values[picks]
    return tuple((int(s), float(v)) for s, v in zip(steps, values, strict=True))


def align_series(
    trace: Trace, names: Iterable[str], stat: str
) -> tuple[list[str], "Ints", "Floats"]:
    """Return the stat at those of the sites that have it, on the steps that most of them share.

    Returns:
        the sites' names; the steps, shape (records,); the values, shape (sites, records).
    """
    series_by_name = [
        (name, s) for name in names if (s := trace.series(name, stat)) is not None and len(s)
    ]
    if not series_by_name:
        return [], np.zeros(0, np.int64), np.zeros((0, 0))
    longest = max((s for _, s in series_by_name), key=len).steps
    with_stat: list[str] = []
    rows: list[Floats] = []
    for name, series in series_by_name:
        values = _on(longest, series)
        if values is not None:
            with_stat.append(name)
            rows.append(values)
    return with_stat, longest, np.array(rows)


def _on(steps: "Ints", series: Series) -> "Floats | None":
    """Return the series on these steps, NaN where unmeasured; None if it has under half of them."""
    if len(steps) == len(series) and bool(np.array_equal(steps, series.steps)):
        return series.values
    values = np.full(len(steps), np.nan)
    at = np.searchsorted(steps, series.steps)
    inside = at < len(steps)
    hit = np.zeros(len(at), dtype=bool)
    hit[inside] = steps[at[inside]] == series.steps[inside]
    values[at[hit]] = series.values[hit]
    return values if int(hit.sum()) * 2 >= len(steps) else None


def finite_median(values: "Floats") -> float:
    """Return the median of the finite values, NaN where there are none."""
    finite = values[np.isfinite(values)]
    return _median(finite) if len(finite) else float("nan")


def _median(finite: "Floats") -> float:
    """The median of finite values; np.median takes ten times as long on a few hundred."""
    ordered, middle = np.sort(finite), len(finite) // 2
    return float(ordered[middle] if len(finite) % 2 else ordered[middle - 1 : middle + 1].mean())


def value_at_start(trace: Trace, site: str, stat: str) -> float | None:
    """Return the stat at the site's first record, if that is the run's beginning and finite."""
    series = trace.series(site, stat)
    if series is None or not len(series) or series.steps[0] > FIRST_STEPS:
        return None
    value = float(series.values[0])
    return value if np.isfinite(value) else None


STEADY = 0.8  # of the later records: from then on a symptom counts as begun


def first_lasting_step(steps: "Ints", holds: "NDArray[np.bool_]") -> int:
    """Return the first step at which a symptom holds and from which on it holds on most records.

    >>> first_lasting_step(np.arange(6), np.array([False, True, False, True, True, True]))
    1
    """
    share = np.cumsum(holds[::-1])[::-1] / np.arange(len(holds), 0, -1)
    good = np.flatnonzero(holds & (share >= STEADY))
    return int(steps[good[0]]) if len(good) else int(steps[0])


FIRST_STEPS = 1  # recorders count from 0 or from 1; later than that is not initialisation


def last_step(trace: Trace) -> int:
    """Return the last step that anything was measured at."""
    loss = trace.series("", "loss")
    if loss is not None and len(loss):
        return int(loss.steps[-1])
    ends = (int(s.steps[-1]) for s in trace.table.values() if len(s))
    return trace.once("last step", lambda: max(ends, default=0))


def first_step(trace: Trace) -> int:
    """Return the first step that anything was measured at."""
    begins = (int(s.steps[0]) for s in trace.table.values() if len(s))
    return trace.once("first step", lambda: min(begins, default=0))


def acts_of(trace: Trace) -> tuple[Site, ...]:
    """Return the hidden acts, without gates: what rules of dead and saturated units judge."""

    def look() -> tuple[Site, ...]:
        gates = {site.name for site in gates_of(trace)}
        return tuple(s for s in trace.sites_of("act", "hidden") if s.name not in gates)

    return trace.once("hidden acts", look)


def gates_of(trace: Trace) -> tuple[Site, ...]:
    """Return the gates with all their calls. In a loop the first call multiplies a state of zeros,
    which the graph does not show as a product, and belongs to the same gate."""
    loops = {_loop(site) for site in trace.sites_of("act", "gate") if site.layer}
    both = trace.sites_of("act", "gate", "hidden")
    return tuple(site for site in both if site.role == "gate" or _loop(site) in loops)


def _loop(site: Site) -> tuple[str, str, str]:
    """Return what the calls of an act in a loop share."""
    return site.path, site.act, site.layer


def weights_of(trace: Trace) -> list[str]:
    """Return trainable weights of two dimensions or more, in forward order, without those that
    begin at zero: a bias or a norm's gain has another scale, and zero has no relative change."""
    facts = {f.site: f.data for f in trace.facts_of("parameter")}
    names: list[str] = []
    for site in trace.sites_of("parameter"):
        data = facts.get(site.name, {})
        shape: Sequence[int] = data.get("shape") or ()
        if data.get("trainable", True) and not data.get("zero_init") and len(shape) >= 2:
            names.append(site.name)
    return names


def number(value: object) -> float | None:
    """Return a value of a fact as a number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def layers(many: int) -> str:
    """Return a number of layers as text.

    >>> layers(1), layers(3)
    ('1 layer', '3 layers')
    """
    return count(many, "layer")


def is_recorded(trace: Trace, kind: str) -> bool:
    """Whether the recorder records facts of that kind, so that none means none."""
    return bool(trace.facts_of(kind)) or kind in (trace.meta.get("looks_for") or ())


def quarters(series: Series) -> "tuple[Floats, Floats]":
    """Return the values of the third and fourth quarter: two windows (law 3 in docs/laws.md)."""
    n = len(series)
    return series.values[n // 2 : 3 * n // 4], series.values[3 * n // 4 :]
