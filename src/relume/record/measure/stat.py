"""Defines a recorded stat: one declaration with its formula, unit, axis, and how it merges.

The declarations stand in `stats/`, one file a subject. The laws of `merge/`, the fields of
`unit_counters`, the stats of an act and a head (`act_stats.site_stats`) and the documentation's
page of stats are made from them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["act", "attention", "head", "input", "parameter", "router", "run", "window"]
Merge = Literal[
    "mean over rows",
    "mean over finite entries",
    "mean over ranks",
    "RMS over rows",
    "RMS over finite entries",
    "RMS over rows, divided by the number of ranks",
    "RMS over samples",
    "sum",
    "sum, divided by the number of ranks",
    "maximum",
    "minimum",
    "units silent on every rank",
    "the same on all ranks",
    "from the sums of all ranks, at the end",
    "kept where all ranks agree",
]
Shards = Literal["", "RMS over elements", "RMS over weights", "mean over elements", "minimum"]


@dataclass(slots=True)
class SampledSums:
    """The sums of one record at one site, on the host.

    Attributes:
        rows: sampled rows behind the sums of output and gradients.
        pre_rows: sampled rows behind the sums of the input; 0 where it was not read.
        sums: by name, one number a unit.
        totals: the sum of each over all units, in float64, where it is known already.
    """

    rows: int
    pre_rows: int
    sums: Mapping[str, NDArray[Any]]
    totals: dict[str, float] = field(default_factory=dict[str, float])

    def total(self, name: str) -> float:
        """The sum over all units, in float64."""
        total = self.totals.get(name)
        if total is None:
            total = self.totals[name] = float(np.add.reduce(self.sums[name], None, np.float64))
        return total

    def mean(self, name: str) -> float:
        """The sum over all units, over sampled rows times units."""
        return self.total(name) / self._entries(name)

    def share(self, flags: NDArray[np.bool_]) -> float:
        """The share of units whose flag is set."""
        return int(np.count_nonzero(flags)) / max(len(flags), 1)

    def rms(self, name: str) -> float:
        """The RMS over rows and units, from the norm of each unit's rows."""
        squares = np.square(self.sums[name], dtype=np.float64)
        return float((np.add.reduce(squares, None) / self._entries(name)) ** 0.5)

    def _entries(self, name: str) -> int:
        rows = self.pre_rows if name.startswith("pre_") else self.rows
        return max(rows * len(self.sums[name]), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One recorded stat at one kind of site.

    Attributes:
        name: its formula in words, the name of its series.
        unit: of its values.
        kind: of the sites that have it; ``"run"`` for the site ``""``, ``"window"`` for a field of
            the windows, one number a unit.
        merge: how the values of several ranks merge. A field of a window merges over records and
            windows by the same law. A series is never averaged over steps: thinning keeps measured
            values.
        doc: formula, axis, and the convention at the kink; what is sampled and when.
        shards: how it merges where a parameter is sharded over ranks; empty where that is the same.
        needs: sums of the record (`act_stats`) that `of` reads; without them there is no value.
        of: computes it from the sums of one record; None where another part writes it.
    """

    name: str
    unit: str
    kind: Kind
    merge: Merge
    doc: str
    shards: Shards = ""
    needs: tuple[str, ...] = ()
    of: Callable[[SampledSums], float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitField(Stat):
    """A field of the windows: a sum or an extreme over records, one number a unit.

    Attributes:
        type: its dtype in memory and in the file.
        narrow: kept also where there are very many units.
        rare: kept at a site only from its first measurement on, since most sites never have it.
    """

    kind: Kind = "window"
    type: str
    narrow: bool = False
    rare: bool = False

    @property
    def law(self) -> np.ufunc:
        """Combines the numbers of two records, windows or ranks."""
        return (
            np.fmax if self.merge == "maximum" else np.fmin if self.merge == "minimum" else np.add
        )

    @property
    def start(self) -> float:
        """A unit's value before its first record."""
        return np.nan if self.merge in ("maximum", "minimum") else 0
