"""Merges several ranks' series into those of one process over all their samples.

Every stat has one law, from its formula: a mean is weighted by the rows it was taken over, an RMS
is the root of the weighted mean of squares, a count is added, an extreme is the extreme. A stat
that is no such function of the ranks' numbers is left out and reported; nothing is estimated.

A gradient inside the model belongs to a rank's own loss, the mean over its own rows. The loss that
data-parallel training descends is the mean of the ranks' losses, so such gradients are divided by
the number of ranks. Gradients and sizes of parameters are the same on all ranks, unless each rank
holds a shard: then the squares of the shards' norms add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from relume.core import Series, Trace
from relume.record.measure.stats import recorded_stats
from relume.record.store.downsample import Key
from relume.record.store.silent_masks import Flags

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Grid = NDArray[np.float64]  # (ranks, steps), NaN where a rank has nothing

LAWS = {stat.name: stat.merge for stat in recorded_stats().values() if stat.kind != "window"}
"""By stat: how it is merged; one law for a name, at whatever kind of site."""

SHARDS = {stat.name: stat.shards for stat in recorded_stats().values() if stat.shards}
"""By stat that differs between ranks where a parameter is sharded over them: how it is merged."""

AGREE, SAME = "kept where all ranks agree", "the same on all ranks"
AT_END = "from the sums of all ranks, at the end"
ALIKE = 1e-3  # relative: more than rounding can cause between ranks of one model
NO_LAW = "it is no sum over samples; the per-unit counters of the windows are merged exactly"
DIFFERS = "the ranks' values differ, as where gradients are averaged by hand after backward()"
SOME_STEPS = "left out on steps that not all ranks recorded or still keep whole"


@dataclass(frozen=True, slots=True)
class RankPart:
    """One rank's file.

    Attributes:
        trace: the whole trace.
        silent: its silent units, by step and site.
        thinned: whether old records were thinned, so that absence on a step means nothing.
    """

    trace: Trace
    silent: Mapping[int, Mapping[str, Flags]] = field(
        default_factory=dict[int, Mapping[str, Flags]]
    )
    thinned: bool = False

    def record_steps(self) -> Ints:
        """The steps on which this rank recorded."""
        distinct = {s.steps.tobytes(): s.steps for (site, _), s in self.trace.table.items() if site}
        return np.unique(np.concatenate([*distinct.values(), np.empty(0, np.int64)]))


class SeriesPool:
    """Merges the series of several ranks.

    Args:
        parts: one a rank.
        world: how many ranks shared one loss; 1 if each had its own.

    Attributes:
        left_out: by stat, why it (or some of its steps) is missing.
        unlike: parameters whose norms differ between ranks: those hold no copies of one model.
    """

    def __init__(self, parts: Sequence[RankPart], world: int) -> None:
        self.left_out: dict[str, str] = {}
        self.unlike: list[str] = []
        self._parts = parts
        self._world = world
        self._record_steps = [part.record_steps() for part in parts]

    def table(self) -> dict[Key, Series]:
        """Merge every series that can be merged."""
        keys = dict.fromkeys(key for part in self._parts for key in part.trace.table)
        merged = {key: self._series(key) for key in keys}
        return {key: series for key, series in merged.items() if series is not None and len(series)}

    def _series(self, key: Key) -> Series | None:
        site, stat = key
        law = LAWS.get(stat, AGREE)
        if not site and stat not in LAWS:  # a further optimiser's: loss_2, learning_rate_2
            law = LAWS.get(stat.rpartition("_")[0], AGREE)
        if law == AT_END:
            return None  # made from the windows of the input (`merge_traces.py`)
        shards = self._shards(site) if stat in SHARDS else None
        steps = self._common(key)
        grid = self._grid(key, steps)
        if shards is not None:
            return Series(steps, self._whole(key, shards, steps, grid))
        if law == "units silent on every rank":
            return self._silent(site, steps, grid)
        if law in (AGREE, SAME):
            return self._same(key, steps, grid, law)
        return Series(steps, self._pooled(key, law, steps, grid))

    def _common(self, key: Key) -> Ints:
        """The steps on which every rank has the stat, or recorded without reaching the site."""
        series = [part.trace.table.get(key) for part in self._parts]
        steps = np.unique(np.concatenate([s.steps for s in series if s is not None]))
        common = np.ones(len(steps), dtype=bool)
        for part, recorded, one in zip(self._parts, self._record_steps, series, strict=True):
            has = np.zeros(len(steps), dtype=bool) if one is None else np.isin(steps, one.steps)
            if not part.thinned and key[0]:
                has |= np.isin(steps, recorded)
            common &= has
        if not common.all():
            self.left_out.setdefault(key[1], SOME_STEPS)
        return steps[common]

    def _grid(self, key: Key, steps: Ints) -> Grid:
        grid = np.full((len(self._parts), len(steps)), np.nan)
        for row, part in enumerate(self._parts):
            one = part.trace.table.get(key)
            if one is not None:
                _, at, of = np.intersect1d(steps, one.steps, True, return_indices=True)
                grid[row, at] = one.values[of]
        return grid

    def _has(self, key: Key, steps: Ints) -> NDArray[np.bool_]:
        tables = [part.trace.table.get(key) for part in self._parts]
        none = np.zeros(len(steps), dtype=bool)
        return np.stack([none if s is None else np.isin(steps, s.steps) for s in tables])

    def _pooled(self, key: Key, law: str, steps: Ints, grid: Grid) -> Floats:
        """One number a step, by a law that weights or counts."""
        if law == "sum":
            return np.nansum(grid, axis=0)
        if law == "maximum":
            return np.fmax.reduce(grid, axis=0)
        weights = self._weights(key, law, steps, grid)
        power = 2 if law.startswith("RMS") else 1
        # a measured NaN stays NaN; what a rank does not have gets weight 0
        terms = np.where(weights > 0, weights * np.where(weights > 0, grid, 0.0) ** power, 0.0)
        pooled = terms.sum(0) / np.maximum(weights.sum(0), np.finfo(float).tiny)
        pooled = np.sqrt(pooled) if power == 2 else pooled
        return pooled / self._world if "divided" in law else pooled

    def _weights(self, key: Key, law: str, steps: Ints, grid: Grid) -> Grid:
        site, has = key[0], self._has(key, steps)
        for stat, known in LAWS.items():
            if known == law:
                has |= self._has((site, stat), steps)
        if law == "mean over ranks":
            return has.astype(float)
        rows = self._grid((site, "samples" if "samples" in law else "rows"), steps)
        rows = np.where(np.isnan(rows), 1.0, rows)  # not recorded where all batches have one size
        if "finite" in law:
            lost = self._grid((site, "nonfinite_share"), steps)
            rows = rows * (1.0 - np.where(np.isnan(lost), 0.0, lost))
        return np.where(has, rows, 0.0)

    def _same(self, key: Key, steps: Ints, grid: Grid, law: str) -> Series | None:
        lowest, highest = np.fmin.reduce(grid, axis=0), np.fmax.reduce(grid, axis=0)
        size = np.maximum(np.abs(lowest), np.abs(highest))
        alike = ALIKE if law == SAME else 0.0
        with np.errstate(invalid="ignore"):  # equal infinities do not differ
            differs = (highest - lowest > alike * size) & np.isfinite(size)
        if not bool(differs.any()):
            mean: Floats = np.nanmean(grid, axis=0)
            return Series(steps, np.where(lowest == highest, lowest, mean))
        if key[1] == "weight_norm":
            self.unlike.append(key[0])
        self.left_out[key[1]] = DIFFERS if law == SAME else NO_LAW
        return None

    def _shards(self, site: str) -> Floats | None:
        """How many elements of a sharded parameter each rank holds; None if it is not sharded."""
        facts = [next(iter(part.trace.facts_at("parameter", site)), None) for part in self._parts]
        if not any(fact is not None and "shard" in fact.data for fact in facts):
            return None
        counts = [0 if fact is None else fact.data.get("shard", 0) for fact in facts]
        return np.array(counts, dtype=float)[:, None]

    def _whole(self, key: Key, shards: Floats, steps: Ints, grid: Grid) -> Floats:
        """A sharded parameter's stat, from those of its shards, each scaled to the whole."""
        law = SHARDS[key[1]]
        if law == "minimum":
            return np.fmin.reduce(grid, axis=0)
        has = ~np.isnan(grid)
        weights, values = np.where(has, shards, 0.0), np.where(has, grid, 0.0)
        if law == "mean over elements":
            return (weights * values).sum(0) / weights.sum(0)
        if law == "RMS over weights":  # norm of all updates over norm of all weights
            sizes = self._grid((key[0], "weight_norm"), steps)
            weights = weights * np.where(has, sizes, 0.0) ** 2
        return np.sqrt((weights * values**2).sum(0) / weights.sum(0))

    def _silent(self, site: str, steps: Ints, grid: Grid) -> Series:
        """The share of units that were silent on every rank that reached the site."""
        shares = np.array(
            [self._silent_at(site, int(s), grid[:, i]) for i, s in enumerate(steps)], dtype=float
        )
        known = ~np.isnan(shares)
        if not known.all():
            self.left_out.setdefault("silent_unit_share", SOME_STEPS)
        return Series(steps[known], shares[known])

    def _silent_at(self, site: str, step: int, shares: Floats) -> float:
        reached = ~np.isnan(shares)
        masks = [part.silent.get(step, {}).get(site) for part in self._parts]
        known = [mask for mask, has in zip(masks, reached, strict=True) if has and mask is not None]
        if len(known) == int(reached.sum()) and len({len(mask) for mask in known}) == 1:
            return float(np.logical_and.reduce(known).mean())
        # a rank on which all units were silent does not constrain the share
        partial = shares[reached & (shares < 1.0)]
        if len(partial) < 2:
            return float(partial[0]) if len(partial) else 1.0
        return 0.0 if bool((partial == 0.0).any()) else float("nan")
