"""Measures where the act is zero."""

import math

from torch import Tensor

from relume.acts.act import Act
from relume.cards.line_search import REACH, TINY, border, middle, neat, runs, value, where
from relume.cards.property import MeasureSetting, measures
from relume.core import Measured


@measures("zeros", "Zeros of f", "Shape")
def zeros(act: Act, setting: MeasureSetting) -> Measured:
    """Exact zeros and changes of sign on 16,000 points between -40 and 40, each closed in on by
    halving; a zero next to a value below 1e-290 is underflow and none of the act's."""
    del setting
    line = value(act)
    z = middle()
    values = line(z)
    spans = [span for a, b in runs(values == 0) if (span := _span(act, z, values, a, b))]
    for cell in where(values[1:] * values[:-1].sign() < 0):
        below = float(values[cell]) < 0
        spot = border(lambda x, low=below: (line(x) < 0) == low, float(z[cell]), float(z[cell + 1]))
        spans.append((neat(spot), neat(spot)))
    spans.sort()
    words = " and ".join(_words(a, b) for a, b in spans[:4]) + " and more" * (len(spans) > 4)
    ends = tuple(end for span in spans[:16] for end in span)
    return Measured(words or "none", details={"spans": ends})


def _span(act: Act, z: Tensor, values: Tensor, a: int, b: int) -> tuple[float, float] | None:
    line = value(act)
    sides = [abs(float(values[i])) for i in (a - 1, b + 1) if 0 <= i < len(z)]
    if sides and max(sides) < TINY:
        return None
    if a == b:
        return float(z[a]), float(z[a])
    low, high = -math.inf, math.inf
    if a > 0:
        low = neat(border(lambda x: line(x) == 0, float(z[a]), float(z[a - 1])))
    if b < len(z) - 1:
        high = neat(border(lambda x: line(x) == 0, float(z[b]), float(z[b + 1])))
    return low, high


def _words(low: float, high: float) -> str:
    if low == high:
        return f"z = {low:.6g}"
    if low < -REACH:
        return "all z" if high > REACH else f"z ≤ {high:.6g}"
    return f"z ≥ {low:.6g}" if high > REACH else f"{low:.6g} ≤ z ≤ {high:.6g}"
