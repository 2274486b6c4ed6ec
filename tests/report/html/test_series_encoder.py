"""Thinning to pixels: no extreme is lost, and what is encode_values is read again."""

from typing import Any

import numpy as np
import pytest

from relume.core import Series
from relume.report.html.series_encoder import (
    ALPHABET,
    COLUMNS,
    LEAST,
    SeriesEncoder,
    columns_for,
    downsample_pixels,
    encode_values,
    short,
)


def series(values: Any) -> Series:
    return Series(np.arange(len(values)) * 3, np.asarray(values, float))


def read(given: str) -> np.ndarray:
    """What web/src/lib/series.ts does, written once more."""
    kind, *ends, letters = given.split(" ")
    lost = [np.nan, np.inf, -np.inf]
    levels = len(ALPHABET) ** 2 - len(lost) - 1
    a, b = np.log10([float(e) for e in ends]) if kind == "log" else map(float, ends)
    pairs = [letters[i : i + 2] for i in range(0, len(letters), 2)]
    codes = [ALPHABET.index(one) * len(ALPHABET) + ALPHABET.index(two) for one, two in pairs]
    at = [lost[c] if c < len(lost) else a + (b - a) * (c - len(lost)) / levels for c in codes]
    return np.array([10**v if kind == "log" and np.isfinite(v) else v for v in at])


def test_what_fits_stays_whole() -> None:
    made = downsample_pixels(series(range(200)), 100)
    assert made.whole
    assert list(made.low) == list(range(200))


def test_no_extreme_is_lost_and_nothing_is_averaged() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=10_007)
    values[5_003], values[77] = 1e6, -1e6
    made = downsample_pixels(series(values), 120)
    assert not made.whole
    assert len(made.steps) == len(made.low) == len(made.high) == 120
    assert made.high.max() == 1e6
    assert made.low.min() == -1e6
    assert set(made.low) | set(made.high) <= set(values)
    assert (np.diff(made.steps) > 0).all()
    assert made.steps[-1] == 3 * 10_006


def test_each_stretch_has_its_own_extremes() -> None:
    values = np.arange(1000.0)
    made = downsample_pixels(series(values), 10)
    assert list(made.low) == [100.0 * i for i in range(10)]
    assert list(made.high) == [100.0 * i + 99 for i in range(10)]


def test_one_value_that_is_not_finite_is_seen() -> None:
    values = np.zeros(1000)
    values[555] = np.nan
    values[910:] = np.inf
    made = downsample_pixels(series(values), 10)
    assert np.isnan(made.high[5])
    assert made.low[5] == 0
    assert made.high[9] == np.inf
    assert np.isfinite(made.high[:5]).all()


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).random(500),
        np.exp(np.random.default_rng(2).normal(-10, 6, 500)),
        -np.random.default_rng(3).random(500) * 1e9,
        np.array([0.0, 1e-300, 1.0]),
        np.array([np.nan, np.inf, -np.inf, 2.0, 3.0]),
        np.array([np.nan, np.nan]),
        np.array([5.0, 5.0]),
    ],
    ids=["shares", "gradients", "negative", "tiny", "not finite", "nothing finite", "constant"],
)
def test_packed_values_are_read_again(values: np.ndarray) -> None:
    got = read(encode_values(values))
    fine = np.isfinite(values)
    assert np.array_equal(np.isnan(got), np.isnan(values))
    assert np.array_equal(got[~fine & ~np.isnan(values)], values[~fine & ~np.isnan(values)])
    if fine.any():
        span = values[fine].max() - values[fine].min()
        log = values[fine].min() > 0 and values[fine].max() > 100 * values[fine].min()
        error = np.abs(got[fine] - values[fine])
        # half a level: 1/7000 of the span, or of its decades
        assert (
            error
            <= (0.01 * values[fine] if log else span / 10_000 + 1e-5 * abs(values[fine]).max())
        ).all()


def test_packed_text_means_nothing_elsewhere() -> None:
    text = encode_values(np.random.default_rng(0).random(20_000))
    assert not set(text) & set("<>&\"'\\/`")
    assert text.isascii()
    assert text.isprintable()


def test_columns_fill_what_there_is() -> None:
    assert columns_for([100, 200], 10_000) == COLUMNS
    columns = columns_for([500] * 2_000, 170_000)
    assert LEAST < columns < 250
    assert sum(min(500, 2 * columns) for _ in range(2_000)) <= 170_000
    assert sum(min(500, 2 * (columns + 1)) for _ in range(2_000)) > 170_000
    assert columns_for([500] * 100_000, 1_000) == LEAST


def test_a_press_writes_shared_steps_once_and_constants_short() -> None:
    press = SeriesEncoder(400)
    one, two = press.series(series([1.0, 2.0])), press.series(series([0.123456, np.inf]))
    assert press.series(series([7.0, 7.0])) == {"g": 0, "c": 7.0}
    assert one == {"g": 0, "v": [1.0, 2.0]}
    assert two == {"g": 0, "v": [0.1235, "inf"]}
    assert press.grids == [[0, 3]]
    assert set(press.series(series(np.arange(5000.0)))) == {"g", "lo", "hi"}
    tight = SeriesEncoder(400, tight=True).series(series([1.0, 2.0]))
    assert tight["v"].startswith("even 1 2 ")


def test_numbers_that_json_lacks_become_words() -> None:
    assert [short(x) for x in (1 / 3, np.inf, -np.inf, float("nan"))] == [
        0.3333,
        "inf",
        "-inf",
        "nan",
    ]
