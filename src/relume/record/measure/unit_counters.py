"""Adds up per-unit counters over records: one open window a site, and nothing older.

Finished windows go to the run file, which merges neighbours where there are too many
(`store/window_table.py`), so memory does not grow with the run. Every field is a sum or an extreme:
adding and merging lose no count and no extreme. A unit takes 64 bytes. Counts are integers of 4
bytes, sums are float64 (a float32 sum over a long window would drift by more than the 1e-6 to which
ranks are combined), extremes are float32 as measured. A field that only some acts have
(`UnitField.rare`) adds 4 bytes where it is measured; 72 bytes is the most. Sites beyond the first
`WIDE` units of a run keep counts only, 12 bytes a unit (docs/recording.md).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relume.core import Window
from relume.record.measure.stat import UnitField
from relume.record.measure.stats import recorded_stats

Numbers = NDArray[Any]  # each in its field's own type, see `FIELDS`


FIELDS: Mapping[str, UnitField] = {
    field.name: field for field in recorded_stats().values() if isinstance(field, UnitField)
}
"""Every field of a window; those of files with other fields are added like `TOTAL`."""
TOTAL = FIELDS["post_sum"]

WIDE = 2**20  # units of a run that keep all fields: 64 MB
FIRST_RECORDS = 4  # records of a window at first: two windows are 8 batches (page of ACT401)
MOST = 41  # windows that a site keeps: the first one, and 40 later ones
FEWEST = 6  # windows that a site keeps at any width: the first one, and five later ones
SITE_BYTES = 320_000  # of one site's windows in the file: 64 MB for 200 sites
UNIT_BYTES = 64  # of one unit in one window, without rare fields
DEATH = 0.1  # of a layer's units that fall silent at once: no sampling of rows does that
MOST_SPLITS = 8  # regimes of a site in a training: beyond that it is restless, and is pooled
_BARE = frozenset({"top", "attended"})  # fields of sites whose units have no slope
MOST_SAMPLES = 2**32 - 1  # that 4 bytes can count: a window is closed before it holds more


class UnitCounters:
    """Adds up the counters of one site.

    The first record stays a window of its own: it is the state at initialisation.

    Attributes:
        narrow: whether only counts are kept; set it before the first record.
        changed: whether something was added since `take`.
        splits: first steps of the windows that must not be merged with the one before.
    """

    def __init__(self) -> None:
        self.narrow = False
        self.changed = False
        self.splits: list[int] = []
        self._closed: list[Window] = []
        self._sums: dict[str, Numbers] = {}
        self._measured: set[str] = set()  # fields that were ever measured here
        self._first = self._last = self._samples = self._units = 0
        self._records = 0  # of the open window
        self._most_splits = MOST_SPLITS
        self._begins = False  # the next window begins another regime
        self._silent = 0.0  # share of units without an active sample on the last record
        self._total = 0  # of all windows

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever added."""
        return self._units == 0

    @property
    def finished(self) -> bool:
        """Whether a window has ended since `take`."""
        return bool(self._closed)

    @property
    def nbytes(self) -> int:
        """Bytes of all counters in memory."""
        closed = sum(field.nbytes for window in self._closed for field in window.fields.values())
        return closed + sum(field.nbytes for field in self._sums.values())

    def add(self, step: int, samples: int, fields: Mapping[str, Any]) -> None:
        """Add one record.

        Args:
            step: of the record.
            samples: rows per unit.
            fields: one number a unit, or one for all units; without those not measured. A record
                of another width than the first one's is left out.
        """
        if self._records and self._samples + samples > MOST_SAMPLES:
            self._close()
        units = _width(fields)
        if self._total and units != self._units:
            return  # another width: these are not the same units
        self._split_at_death(fields)
        if not self._records:
            self._first = step
            self._units = units
            if self._begins:
                self.splits.append(step)
                self._begins = False
        self._last = step
        self._records += 1
        self._total += 1
        self._samples += samples
        sums = self._sums
        for name, new in fields.items():
            law = FIELDS[name]
            if (self.narrow and not law.narrow) or np.size(new) not in (1, units):
                continue
            self._measured.add(name)
            old = sums.get(name)
            if old is None:
                sums[name] = np.array(new, dtype=law.type)
            else:
                law.law(old, new, out=old, casting="unsafe")
        self.changed = True
        if self._records >= self._target():
            self._close()
            self._begins |= self._total == 1 and bool(self.splits)

    def split(self) -> None:
        """End the open window: what comes is another regime, and is never pooled with it."""
        if self._total and len(self.splits) < self._most_splits:
            if self._records:
                self._close()
            self._begins = True

    def restart(self) -> None:
        """Another training begins: its first record is a window of its own again."""
        if self._records:
            self._close()
        self._begins = self._total > 0
        self._total = 0
        self._most_splits = len(self.splits) + MOST_SPLITS

    def _split_at_death(self, fields: Mapping[str, Any]) -> None:
        """Split where many units fall silent, or wake up, from one record to the next."""
        active = fields.get("active")
        if active is None or np.ndim(active) == 0:
            return
        counts: NDArray[np.float64] = np.asarray(active, dtype=np.float64)
        before, self._silent = self._silent, 1.0 - np.count_nonzero(counts) / max(counts.size, 1)
        if self._records and abs(self._silent - before) > DEATH:
            self.split()

    def take(self) -> list[Window]:
        """The windows that have ended since the last call, and the open one last."""
        closed, self._closed = self._closed, []
        self.changed = False
        return [*closed, *([self._window()] if self._records else [])]

    def _target(self) -> int:
        """How many records end the open window: 1, then 4, then twice as many as the run grows."""
        if self._total == 1:
            return 1
        capacity = FIRST_RECORDS * (window_limit(self._units) - 1)
        return FIRST_RECORDS << (self._total // capacity).bit_length()

    def _close(self) -> None:
        self._closed.append(self._window())
        self._sums = {}
        self._records = self._samples = 0

    def _window(self) -> Window:
        fields: dict[str, Any] = {}
        # a softmax that gates, and attention, have fields of their own and nothing else
        bare = bool(_BARE & self._measured) and "active" not in self._measured
        for name, law in FIELDS.items():
            if self.narrow and not law.narrow:
                continue
            if (law.rare or bare) and name not in self._measured:
                continue
            sums = self._sums.get(name)
            if sums is None or sums.ndim == 0:
                start = law.start if sums is None else sums
                sums = np.full(self._units, start, dtype=law.type)
            fields[name] = sums
        return Window(self._first, self._last, self._records, self._samples, fields)


def _width(fields: Mapping[str, Any]) -> int:
    """How many units a record has: the width of its counts, else of its widest field."""
    counts = [np.size(fields[name]) for name in ("active", *_BARE) if name in fields]
    return counts[0] if counts else max((np.size(field) for field in fields.values()), default=0)


def window_limit(units: int) -> int:
    """How many windows a site of `units` units may keep."""
    return max(min(SITE_BYTES // (UNIT_BYTES * max(units, 1)), MOST), FEWEST)


def merge(one: Window, two: Window) -> Window:
    """Merge two windows of one site: sums are added, extremes taken, counts stay exact."""
    fields = {
        name: FIELDS.get(name, TOTAL).law(field, two.fields[name])
        for name, field in one.fields.items()
        if name in two.fields
    }
    return Window(
        min(one.first, two.first),
        max(one.last, two.last),
        one.records + two.records,
        one.samples + two.samples,
        fields,
    )
