"""Writes numbers as a reader can picture them: 5 million times, 1 in 230, 0.0009 %."""

import math

WORDS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand"))


def times(ratio: float) -> str:
    """Return how many times one number is another, from the larger to the smaller.

    >>> times(4.6e6), times(37.2), times(2.31), times(float("inf"))
    ('4.6 million times', '37 times', '2.3 times', 'infinitely many times')
    """
    if not math.isfinite(ratio):
        return "infinitely many times"
    ratio = 1 / ratio if 0 < ratio < 1 else ratio
    for size, word in WORDS:
        if ratio >= 0.9995 * size:
            return f"{_two(ratio / size)} {word} times" if ratio < 1e15 else f"{ratio:.0e} times"
    return f"{_two(ratio)} times"


def _two(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.2g}"


def one_in(share: float) -> str:
    """Return a share of samples as one in so many, rounded down to two digits.

    >>> one_in(3 / 704), one_in(0.0), one_in(1.0)
    ('1 in 230', 'none', '1 in 1')
    """
    if share <= 0:
        return "none"
    many = 1 / share
    digits = max(0, math.floor(math.log10(many)) - 1)
    return f"1 in {math.floor(many / 10**digits) * 10**digits:,}"


def percent(share: float) -> str:
    """Return a share as a percentage of two digits, however small.

    >>> percent(9.9e-6), percent(0.23), percent(0.0)
    ('0.00099 %', '23 %', '0 %')
    """
    value = 100 * share
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f} %"
    places = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f} %" if places <= 9 else f"{value:.0e} %"
