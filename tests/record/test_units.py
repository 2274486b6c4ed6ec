"""Per-unit counters: exact under any merging, bounded for ever."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relume.record.units import FIELDS, MAXIMA, MINIMA, MOST, SUMS, UnitCounters


def record(seed: int, units: int = 3) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {name: draw.normal(size=units) for name in FIELDS}


@given(count=st.integers(1, 900))
@settings(max_examples=25, deadline=None)
def test_totals_are_those_of_all_records(count: int) -> None:
    counters = UnitCounters()
    records = [record(seed) for seed in range(count)]
    for step, fields in enumerate(records):
        counters.add(step, 10, fields)
    windows = counters.windows()
    assert len(windows) <= MOST + 3
    assert sum(w.records for w in windows) == count
    assert sum(w.samples for w in windows) == 10 * count
    for name in SUMS:
        total = sum(w.fields[name] for w in windows)
        assert total == pytest.approx(sum(r[name] for r in records), abs=1e-9)
    for name in MAXIMA:
        top = np.max([w.fields[name] for w in windows], axis=0)
        assert (top == np.max([r[name] for r in records], axis=0)).all()
    for name in MINIMA:
        low = np.min([w.fields[name] for w in windows], axis=0)
        assert (low == np.min([r[name] for r in records], axis=0)).all()


def test_windows_are_in_order_and_do_not_overlap() -> None:
    counters = UnitCounters()
    for step in range(700):
        counters.add(step, 1, record(step))
    windows = counters.windows()
    assert (windows[0].first, windows[0].last) == (0, 0)
    for one, two in itertools.pairwise(windows):
        assert one.last + 1 == two.first


def test_unknown_extremes_do_not_hide_known_ones() -> None:
    """`pre_max` is NaN on records where the input was not read."""
    counters = UnitCounters()
    for step in range(5):
        fields = record(step)
        fields["pre_max"] = np.full(3, 2.0 if step == 3 else np.nan)
        counters.add(step, 1, fields)
    assert (counters.windows()[-1].fields["pre_max"] == 2.0).all()
