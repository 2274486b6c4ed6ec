"""Per-unit counters: exact under any merging, bounded for ever, in memory and in the file."""

import itertools
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relume.core import Window
from relume.record.measure.unit_counters import FIELDS, MOST, UnitCounters, window_limit
from relume.record.store import run_file
from relume.record.store.window_table import WindowTable

BYTES_A_UNIT = 160  # what all counters of a unit may take


HEADS = ("attended", "entropy_sum", "first_sum", "logit_absmax")  # of attention: never many units


def record(seed: int, units: int = 3) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    fields: dict[str, Any] = {}
    for name, field in FIELDS.items():
        if field.type == "u4":
            fields[name] = draw.integers(0, 64, units).astype("f4")
        else:
            fields[name] = draw.normal(size=units).astype("f4")
    return fields | {"pre_n": float(draw.integers(0, 64))}


@given(count=st.integers(1, 900))
@settings(max_examples=25, deadline=None)
def test_totals_are_those_of_all_records(count: int) -> None:
    counters, windows = UnitCounters(), list[Window]()
    for step in range(count):
        counters.add(step, 10, record(step))
        if counters.finished:
            windows = replaced(windows, counters.take())
    windows = replaced(windows, counters.take())
    records = [record(step) for step in range(count)]
    assert sum(w.records for w in windows) == count
    assert sum(w.samples for w in windows) == 10 * count
    for name, field in FIELDS.items():
        told = np.stack([w.fields[name] for w in windows]).astype(float)
        truth = np.stack([np.broadcast_to(r[name], 3) for r in records]).astype(float)
        if field.type == "u4":
            assert (told.sum(0) == truth.sum(0)).all()
        elif field.law is np.add:
            assert told.sum(0) == pytest.approx(truth.sum(0), abs=1e-9)
        else:
            assert (field.law.reduce(told) == field.law.reduce(truth)).all()


def test_the_file_keeps_the_totals_in_few_windows(tmp_path: Path) -> None:
    writer, counters = run_file.Writer(tmp_path / "run.sqlite"), UnitCounters()
    for step in range(2_000):
        counters.add(step, 10, record(step))
        if counters.finished or step % 97 == 0:
            writer.windows("fc1", counters.take())
    writer.windows("fc1", counters.take())
    windows = run_file.read(writer.path).windows("fc1")
    assert MOST // 2 <= len(windows) <= MOST
    assert (windows[0].first, windows[0].last) == (0, 0)
    for one, two in itertools.pairwise(windows):
        assert one.last + 1 == two.first
    whole = windows[1:-1]  # of one size, or of two that differ by a factor of two or three
    assert max(w.records for w in whole) <= 3 * min(w.records for w in whole)
    assert sum(w.records for w in windows) == 2_000
    for name in ("active", "post_sum", "pre_n"):
        truth = sum(np.broadcast_to(record(step)[name], 3).astype(float) for step in range(2_000))
        told = sum(w.fields[name] for w in windows)
        assert told == pytest.approx(truth, rel=1e-9, abs=1e-6)
    writer.close()


def test_unknown_extremes_do_not_hide_known_ones() -> None:
    """`pre_max` is not measured on records where the input was not read."""
    counters = UnitCounters()
    for step in range(5):
        fields = record(step)
        del fields["pre_max"]
        counters.add(step, 1, fields | ({"pre_max": np.full(3, 2.0)} if step == 3 else {}))
    first, last = counters.take()
    assert np.isnan(first.fields["pre_max"]).all()
    assert (last.fields["pre_max"] == 2.0).all()


def test_memory_is_bounded_and_does_not_grow(tmp_path: Path) -> None:
    """After 2,000 records as after 40: what a unit takes, by our count and by Python's own."""
    units, sites = 2_048, 4
    writer = run_file.Writer(tmp_path / "run.sqlite")
    counters = [UnitCounters() for _ in range(sites)]
    fields = [record(seed, units) for seed in range(8)]

    def go(begin: int, end: int) -> None:
        for step in range(begin, end):
            for counter in counters:
                counter.add(step, 64, fields[step % 8])
            if counters[0].finished:
                ended = {f"fc{i}": counter.take() for i, counter in enumerate(counters)}
                writer.all_windows(ended)

    go(0, 40)
    tracemalloc.start()
    go(40, 500)
    before = tracemalloc.get_traced_memory()[0]
    go(500, 2_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert all(counter.nbytes <= BYTES_A_UNIT * units for counter in counters)
    assert grown < 16 * units * sites  # a window kept for each site would be 64 a unit
    writer.close()


def test_a_unit_takes_what_the_page_says_and_less_in_a_very_wide_run() -> None:
    whole, narrow, rare = UnitCounters(), UnitCounters(), UnitCounters()
    narrow.narrow = True
    for step in range(3):
        fields = {name: field for name, field in record(step, 1_000).items() if name not in HEADS}
        usual = {name: field for name, field in fields.items() if not FIELDS[name].rare}
        for counters, some in ((whole, usual), (narrow, fields), (rare, fields)):
            counters.add(step, 64, some)
    whole.take(), narrow.take(), rare.take()
    assert whole.nbytes == 64 * 1_000 + 4  # one count of the records' input for all units
    assert narrow.nbytes == 12 * 1_000
    assert rare.nbytes == (64 + 4 * 4) * 1_000 + 4  # no act has all four
    assert not {name for name, field in FIELDS.items() if field.rare} & set(usual)
    narrow.add(3, 64, record(3, 1_000))
    assert set(narrow.take()[-1].fields) == {"active", "low", "high", *HEADS}


def test_a_count_cannot_overflow() -> None:
    counters, each = UnitCounters(), 2**31
    for step in range(5):
        counters.add(step, each, {"active": np.full(2, float(each))})
    windows = counters.take()
    assert sum(w.samples for w in windows) == 5 * each
    assert sum(int(w.fields["active"][0]) for w in windows) == 5 * each


@pytest.mark.parametrize(("units", "windows"), [(1, 41), (512, 9), (100_000, 6)])
def test_wide_sites_keep_fewer_windows(units: int, windows: int) -> None:
    assert window_limit(units) == windows


def replaced(windows: list[Window], new: list[Window]) -> list[Window]:
    """As the file does: new windows take the place of those from their first step on."""
    return [w for w in windows if not new or w.first < new[0].first] + new


def dying(step: int) -> dict[str, np.ndarray]:
    """Half of eight units fall silent at step 20."""
    return {"active": np.array([5] * 4 + [5 if step < 20 else 0] * 4)}


def test_a_window_ends_where_many_units_fall_silent() -> None:
    counters, windows = UnitCounters(), list[Window]()
    for step in range(40):
        counters.add(step, 10, dying(step))
        windows = replaced(windows, counters.take())
    assert counters.splits == [20]
    assert not any(w.first < 20 <= w.last for w in windows)


def test_windows_on_either_side_of_a_split_are_never_merged() -> None:
    """With room for few windows neighbours are merged, but not across a split (nor the twin)."""
    for splits in ([], [20]):
        counters, table = UnitCounters(), WindowTable()
        for step in range(400):
            counters.add(step, 10, {"active": np.full(60_000, 5)})
            if step == 19 and splits:
                counters.split()
            table.update("a", counters.take(), counters.splits)
        pooled = [row for row in table._rows["a"] if row.key[0] < 20 <= row.key[1]]
        assert bool(pooled) is not bool(splits)


def test_a_new_training_begins_with_a_window_of_one_record() -> None:
    counters, windows = UnitCounters(), list[Window]()
    for step in range(60):
        if step == 30:
            counters.restart()
        counters.add(step, 10, {"active": np.full(8, 5)})
        windows = replaced(windows, counters.take())
    assert counters.splits == [30, 31]
    assert [w.records for w in windows if w.first in (0, 30)] == [1, 1]
