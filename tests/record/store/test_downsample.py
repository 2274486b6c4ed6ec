"""Thinning: of every stretch the first, last, least and greatest are kept, and nothing else is.

The oracle is a loop over the whole series that knows nothing of chunks, joins or masks.
"""

import math
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relume.core import Series, Window
from relume.record.measure.unit_counters import merge
from relume.record.store import downsample, retention, run_file, window_table
from relume.record.store.retention import ABSENT, Bounds

SMALL = Bounds(whole=64, tail=16, stretches=2, chunks=16)
KEYS = (("fc1", "post_mean"), ("fc1", "pre_rms"), ("fc2", "post_mean"))


def kept_of(stretch: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """What the law keeps of one stretch of one series, by a loop."""
    if not stretch:
        return []
    numbers = [x for x in stretch if not math.isnan(x[1])]
    nans = [x for x in stretch if math.isnan(x[1])]
    finite_first = min(numbers, key=lambda x: x[1]) if numbers else stretch[0]
    if numbers and finite_first[1] == math.inf:  # nothing is less than infinity: the first stands
        finite_first = stretch[0]
    greatest = nans[0] if nans else max(numbers, key=lambda x: x[1])
    return sorted({x[0]: x for x in (stretch[0], stretch[-1], finite_first, greatest)}.values())


def same(one: list[tuple[int, float]], two: list[tuple[int, float]]) -> bool:
    return repr(one) == repr(two)  # NaN equals itself, and 0.0 is not -0.0


def pairs(series: Series) -> list[tuple[int, float]]:
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


VALUES = st.sampled_from([0.0, 1.0, -1.0, 2.5, -7.0, math.inf, -math.inf, math.nan, 1e300])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES, st.integers(0, 3)), min_size=1, max_size=70), st.data())
def test_a_stretch_keeps_what_the_law_says(
    rows: list[tuple[float, float, int]], data: st.DataObject
) -> None:
    length = data.draw(st.integers(1, 9))
    joins = data.draw(st.integers(0, 3))
    steps = np.cumsum(1 + np.arange(len(rows)) % 3) * 100_000
    values = np.array([[a, b] for a, b, _ in rows])
    present = np.array([[mask & 1 == 0, mask & 2 == 0] for *_, mask in rows])
    found = downsample.downsample(steps, values, present, length)
    for _ in range(joins):
        found = downsample.merge_pairs(found)
    found = downsample.unpack(downsample.pack(found, "<f8"), "<f8")
    whole = length * 2**joins
    for column in range(2):
        wanted: list[tuple[int, float]] = []
        for begin in range(0, len(rows), whole):
            part = range(begin, min(begin + whole, len(rows)))
            seen = [(int(steps[i]), float(values[i, column])) for i in part if present[i, column]]
            wanted += kept_of(seen)
        at, x = downsample.points(found, column)
        assert same(list(zip(at.tolist(), x.tolist(), strict=True)), wanted)


def test_the_oracle_rejects_an_average() -> None:
    """The twin: a thinning that averages keeps no measured value."""
    stretch = [(0, 1.0), (1, 5.0), (2, 3.0)]
    assert not same(kept_of(stretch), [(0, 1.0), (1, 3.0), (2, 3.0)])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "record_bounds", lambda series: SMALL)
    monkeypatch.setattr("relume.record.store.writer.STEP_BOUNDS", SMALL)
    monkeypatch.setattr(retention, "STEP_BOUNDS", SMALL)


def lawful(full: list[tuple[int, float]], found: Series, tail: int) -> None:
    """`found` is a lawful thinning of `full`: nothing invented, ends and extremes and tail kept."""
    assert bool((np.diff(found.steps) > 0).all())
    got = pairs(found)
    assert set(map(repr, got)) <= set(map(repr, full))
    assert same(got[:1], full[:1])
    assert same(got[-tail:], full[-tail:])
    numbers = [value for _, value in full]
    assert np.nanmin(found.values) == min(numbers)
    assert np.nanmax(found.values) == max(numbers)


@pytest.mark.usefixtures("small")
def test_a_long_run_stays_bounded_and_keeps_extremes_and_ends(tmp_path: Path) -> None:
    writer = run_file.Writer(tmp_path / "run.sqlite")
    draw = np.random.default_rng(0)
    full: dict[tuple[str, str], list[tuple[int, float]]] = {key: [] for key in KEYS}
    losses: list[tuple[int, float]] = []
    for step in range(3_000):
        keys = KEYS if step % 8 == 0 else KEYS[:2]
        values = np.float32(draw.normal(0, 1 + 50 * (step in (77, 1_234)), len(keys))).tolist()
        for key, value in zip(keys, values, strict=True):
            full[key].append((step, value))
        writer.record(step, keys, values)
        losses.append((step, values[0]))
        if step % 7 == 6:  # as flushes come: some steps at a time
            writer.steps([(s, x, 0.1, 0.01) for s, x in losses[step - 6 : step + 1]])
    writer.steps([(s, x, 0.1, 0.01) for s, x in losses[2_996:]])
    trace = run_file.read(writer.path)
    writer.close()
    for key in KEYS[:2]:
        lawful(full[key], trace.table[key], SMALL.tail)
        assert len(trace.table[key]) <= 4 * SMALL.stretches * SMALL.chunks + SMALL.whole
    lawful(full[KEYS[2]], trace.table[KEYS[2]], 2)
    loss = trace.table["", "loss"]
    lawful(losses, loss, SMALL.tail)
    # evenly over the run: no quarter of the steps has less than a tenth of the points
    counts = np.histogram(loss.steps, bins=4, range=(0, 3_000))[0]
    assert counts.min() > 0.1 * counts.sum()
    # nobody's extremes are another's: both spikes are there, at their own steps
    assert {int(s) for s in trace.table[KEYS[0]].steps} >= {
        step for step, value in full[KEYS[0]] if abs(value) == max(abs(v) for _, v in full[KEYS[0]])
    }


@pytest.mark.usefixtures("small")
def test_every_thinned_stretch_obeys_the_law(tmp_path: Path) -> None:
    """Each level of each chunk, against the loop over the records that went into it."""
    writer = run_file.Writer(tmp_path / "run.sqlite")
    draw = np.random.default_rng(1)
    values = np.float32(draw.normal(size=1_000)).astype(float)
    for step, value in enumerate(values):
        writer.record(step, KEYS[:1], [value])
    place = 0
    with run_file.open_checked(writer.path) as db:
        rows = db.execute("SELECT level, body FROM thin ORDER BY id").fetchall()
        whole = db.execute("SELECT count(*) FROM record").fetchone()[0]
    assert len(rows) <= SMALL.chunks
    assert [level for level, _ in rows] == sorted((level for level, _ in rows), reverse=True)
    assert max(level for level, _ in rows) >= 2
    for level, body in rows:
        chunk = downsample.unpack(body, "<f4")
        for number in range(len(chunk)):
            size = retention.LENGTH * 2**level
            part = [(i, float(values[i])) for i in range(place, place + size)]
            one = downsample.Stretches(
                chunk.steps[number : number + 1], chunk.values[number : number + 1]
            )
            at, x = downsample.points(one, 0)
            assert same(list(zip(at.tolist(), x.tolist(), strict=True)), kept_of(part))
            place += size
    assert place + whole == len(values)
    writer.close()


def test_short_runs_are_not_thinned(tmp_path: Path) -> None:
    writer = run_file.Writer(tmp_path / "run.sqlite")
    for step in range(1_000):
        writer.record(step, KEYS, [0.0, 1.0, 2.0])
    writer.steps([(step, 0.0, 0.1, 0.1) for step in range(20_000)])
    trace = run_file.read(writer.path)
    assert len(trace.table[KEYS[0]]) == 1_000
    assert len(trace.table["", "loss"]) == 20_000
    writer.close()


def test_bounds_follow_the_number_of_series() -> None:
    few, many = retention.record_bounds(10), retention.record_bounds(4_000)
    assert few.whole == 16_384
    assert many.whole == 1_024
    for series in (1, 10, 300, 4_000):
        b = retention.record_bounds(series)
        whole = 4 * series * b.whole
        kept = b.chunks * b.stretches * downsample.POINTS * retention.POINT_BYTES * series
        assert whole <= max(retention.RECORD_BYTES, 4 * series * 1_024)
        assert kept <= retention.THIN_BYTES
        assert b.chunks >= 4


@pytest.mark.usefixtures("small")
def test_a_model_that_never_goes_the_same_way_twice_does_not_fill_the_file(tmp_path: Path) -> None:
    """Dropped layers and experts: each record has other sites."""
    writer = run_file.Writer(tmp_path / "run.sqlite")
    draw = np.random.default_rng(0)
    sites = [f"block{i}" for i in range(40)]
    full: dict[str, list[tuple[int, float]]] = {}
    for step in range(400):
        chosen = [s for s in sites if draw.random() < 0.5]
        keys = tuple((s, "post_rms") for s in chosen)
        writer.record(step, keys, [float(step)] * len(keys))
        for s in chosen:
            full.setdefault(s, []).append((step, float(step)))
    with run_file.open_checked(writer.path) as db:
        layouts = db.execute("SELECT count(*) FROM layout").fetchone()[0]
    assert layouts < 60
    trace = run_file.read(writer.path)
    for s in sites:
        lawful(full[s], trace.table[s, "post_rms"], 2)
    writer.close()


def test_the_mark_of_absence_is_no_value() -> None:
    mark = np.array([ABSENT], "<u4").view("<f4")
    assert np.isnan(mark[0])
    for computed in (np.nan, -np.nan):
        assert np.float32(computed).view("<u4") != ABSENT


FIELDS = ("active", "post_sum", "post_max")


def window(first: int, units: int, records: int = 4) -> Window:
    draw = np.random.default_rng(first)
    names = window_table.merge.__globals__["FIELDS"]
    fields = {name: draw.integers(0, 300, units).astype(float) for name in names}
    fields["post_sum"] = draw.normal(size=units)
    fields["post_max"] = np.float32(draw.normal(size=units)).astype(float)
    fields["pre_max"] = np.full(units, np.nan)
    return Window(first, first + records - 1, records, 64 * records, fields)


def test_windows_are_packed_without_loss(tmp_path: Path) -> None:
    odd = {
        "a": np.array([0.0, -0.0, 65_535.0]),
        "b": np.array([65_536.0, 1.0, 2.0]),
        "c": np.array([0.5, np.nan, np.inf]),
        "d": np.array([1 / 3, 1e300, -1e-320]),
        "active": np.array([2.0**33, 2.0**53 + 2, 0.0]),  # more than its 4 bytes hold
        "low": np.array([2.0**32 - 1, 1.0, 0.0]),
        "post_max": np.array([1 / 3, np.nan, -np.inf]),  # not a float32
        "pre_max": np.array([0.25, np.nan, -np.inf]),
        "post_sum": np.array([1 / 3, 1e300, -0.0]),
    }
    site, *_, names, types, data = window_table.pack_row("s", Window(0, 1, 1, 3, odd))
    found = window_table.unpack_fields(names, types, data)
    for name, field in odd.items():
        assert found[name].tobytes() == field.tobytes(), (site, name, types)
    assert types == "f8 f8 f8 f8 f8 u4 f8 f4 f8"
    with pytest.raises(ValueError, match="do not fit"):
        window_table.unpack_fields(names, types, data[:-1])


def test_only_new_windows_are_written(tmp_path: Path) -> None:
    writer = run_file.Writer(tmp_path / "run.sqlite")
    course = [window(0, 8, 1), window(1, 8), window(5, 8)]
    writer.windows("fc1", course)
    before = writer._db.total_changes
    writer.windows("fc1", course)
    assert writer._db.total_changes == before
    grown = [*course[:2], merge(course[2], window(9, 8)), window(13, 8)]
    writer.windows("fc1", grown)
    assert writer._db.total_changes == before + 3  # one out, two in
    found = run_file.read(writer.path).windows("fc1")
    assert [window_table.key_of(w) for w in found] == [window_table.key_of(w) for w in grown]
    for one, two in zip(found, grown, strict=True):
        assert all(np.array_equal(one.fields[k], two.fields[k], equal_nan=True) for k in two.fields)
    writer.close()


def test_windows_of_a_wide_site_are_merged_and_their_sums_stay(tmp_path: Path) -> None:
    writer = run_file.Writer(tmp_path / "run.sqlite")
    course = [window(0, 2_000, 1), *(window(4 * i + 1, 2_000) for i in range(40))]
    for count in (3, 10, 41):  # as a run goes on
        writer.windows("fc1", course[:count])
    found = run_file.read(writer.path).windows("fc1")
    assert len(found) <= window_table.FEWEST
    assert (found[0].first, found[0].records) == (0, 1)
    assert sum(w.records for w in found) == sum(w.records for w in course)
    assert sum(w.samples for w in found) == sum(w.samples for w in course)
    for name in ("active", "post_sum"):
        total = np.sum([w.fields[name] for w in course], axis=0)
        assert np.allclose(np.sum([w.fields[name] for w in found], axis=0), total, rtol=1e-12)
    assert all(a.last < b.first for a, b in pairwise(found))
    writer.close()
    fields = len(window(0, 1).fields)  # of 8 bytes at most; without merging it were 41 windows
    whole_pages = window_table.FEWEST * fields * -(-2_000 * 8 // 4096) * 4096
    assert writer.path.stat().st_size < whole_pages + 50_000


@pytest.mark.usefixtures("small")
def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    writer = run_file.Writer(tmp_path / "run.sqlite")

    def go(begin: int, end: int) -> None:
        for step in range(begin, end):
            writer.record(step, KEYS, [0.0, float(step), 2.0])
            writer.steps([(step, 0.0, 0.1, 0.1)])

    go(0, 600)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    go(600, 2_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000  # a leak of one float a step would be 45,000
    writer.close()
