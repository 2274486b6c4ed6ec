"""The rows of a card that matter first, and which of several cards is best in a row."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from relume.core import Card, Measured
from relume.report.words.sanitise import prose

FIRST = {
    "range": "Range",
    "off_centre": "Off centre: |mean| / std",
    "gain_forward": "Gain that keeps the signal",
    "gradient_factor": "Gradient kept a layer",
    "saturation": "Saturated",
    "born_dead": "Born dead",
    "time_training": "Cost in cache",
    "time_training_far": "Cost in memory",
    "saved_bytes": "Kept for backward",
    "value_error_near": "Error where |z| ≤ 10",
}
"""The ten properties that decide a choice, with short titles; two of them join two properties."""


def first_rows(card: Card) -> dict[str, Measured]:
    """Return those of a card's ten first properties that it has."""
    joined = {
        "range": _join(card, "range_low", "range_high", " to "),
        "saturation": _saturation(card),
        **card.measured,
    }
    rows = {key: joined.get(key) for key in FIRST}
    return {
        key: replace(one, name=key, title=FIRST[key], group="")
        for key, one in rows.items()
        if one is not None
    }


def all_rows(card: Card) -> Mapping[str, Measured]:
    """Return every property of a card."""
    return card.measured


def _join(card: Card, low: str, high: str, between: str) -> Measured | None:
    one, two = card.measured.get(low), card.measured.get(high)
    if one is None or two is None or one.value is None or two.value is None:
        return one
    words = f"{value(one, bare=True)}{between}{value(two, bare=True)}"
    return replace(one, value=words, error=None, note="")


def _saturation(card: Card) -> Measured | None:
    one, two = card.measured.get("saturation_low"), card.measured.get("saturation_high")
    if one is None or two is None or one.value is None or two.value is None:
        return one
    below, above = (None if end.value == "none" else value(end, bare=True) for end in (one, two))
    parts = [f"below {below}"] * (below is not None) + [f"above {above}"] * (above is not None)
    return replace(one, value=", ".join(parts) or "nowhere", error=None, note="")


def as_ratio(one: Measured | None) -> Measured | None:
    """Return a time as its ratio to ReLU, measured in the same rounds: the machine may have been
    busier when another card was made. Other properties stay as they are."""
    if one is None or not isinstance(ratio := one.details.get("ratio_relu"), float):
        return one
    low, high = interval_of_ratio(one, ratio)
    error = max(high - ratio, ratio - low) or None
    return replace(one, value=ratio, error=error, unit="× ReLU")


def interval_of_ratio(one: Measured, ratio: float) -> tuple[float, float]:
    """Return the 95 % interval of a time's ratio to ReLU, the ratio itself where none was kept."""
    ends = (one.details.get(f"ratio_relu_{end}", ratio) for end in ("low", "high"))
    low, high = (cast("float", end) for end in ends)
    return float(low), float(high)


def best(row: Sequence[Measured | None]) -> float | None:
    """Return the best value of a row; None where no direction is better, all are the same, the
    intervals of the first two overlap, or the machine was busy while one was timed."""
    numeric = [one for one in row if one is not None and isinstance(one.value, int | float)]
    if not numeric or not numeric[0].better or any(one.details.get("busy") for one in numeric):
        return None
    sign = 1 if numeric[0].better == "low" else -1
    top = min(numeric, key=lambda one: sign * _number(one))
    others = [one for one in numeric if _number(one) != _number(top)]
    if not others or any(_overlap(top, one) for one in others):
        return None
    return _number(top)


def _number(one: Measured) -> float:
    assert isinstance(one.value, int | float)
    return float(one.value)


def _overlap(one: Measured, two: Measured) -> bool:
    return abs(_number(one) - _number(two)) <= (one.error or 0.0) + (two.error or 0.0)


def value(one: Measured, *, bare: bool = False) -> str:
    """Return the value in words, with its error and unit unless `bare`."""
    if one.value is None:
        return "not measured"
    if isinstance(one.value, bool):
        return "yes" if one.value else "no"
    if isinstance(one.value, str):
        return prose(one.value)
    places = 3 if bare else 5
    if math.isinf(one.value):
        words = "−∞" if one.value < 0 else "∞"
    else:
        whole = isinstance(one.value, int)
        words = f"{one.value:,}" if whole else digits(one.value, places=places)
    if bare:
        return words
    error = f" ± {digits(one.error, places=1)}" if one.error else ""
    return f"{words}{error}" + (f" {one.unit}" if one.unit else "")


def digits(number: float, *, places: int) -> str:
    """Return significant digits, with no exponent where a person would write none."""
    words = f"{number:,.{places}g}"
    if "e" not in words:
        return words
    mantissa, exponent = words.split("e")
    if 0 < int(exponent) < 7:
        return f"{number:,.0f}"
    return f"{mantissa}e{int(exponent)}"
