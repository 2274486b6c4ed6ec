"""Measures where the scale of a signal settles on its way through many layers."""

import math
from itertools import pairwise

import numpy as np
from torch import Tensor

from relume.acts.act import Act
from relume.acts.gain import normal_mean
from relume.cards.kinks import all_kinks
from relume.cards.line_search import value
from relume.cards.property import MeasureSetting, measures, missing
from relume.core import Measured

_GRID = 10.0 ** np.arange(-6, 6.01, 0.125)
_NEUTRAL = 1e-9
"""An excess below this is none: quadrature is good to 1e-12, and a linear stretch keeps any q."""

_EXTRA = tuple(float(x) for x in np.arange(-20, 20.01, 0.5))
"""Where panels end besides the kinks, so that a wide pre does not step over the act's bends."""


@measures("fixed_point", "Fixed point of E pre^2, unit gain", "Signal")
def fixed_point(act: Act, setting: MeasureSetting) -> Measured:
    """With weights of variance 1 / fan_in the mean square q of pre becomes E f(sqrt(q) z)^2 in the
    next layer; its fixed points are looked for between 1e-6 and 1e6 and closed in on by halving.
    A point is stable where the slope of the map is below 1."""
    del setting
    kinks = all_kinks(act)
    excess = [_moment(act, kinks, float(q)) / float(q) - 1 for q in _GRID]
    if not all(math.isfinite(x) for x in excess):
        return missing("the mean square is not finite for every q")
    if max(abs(x) for x in excess) < _NEUTRAL:
        return Measured("every q", note="the map is the identity: any scale is kept")
    points = _crossings(act, kinks, excess)
    if not points:
        if max(excess) < _NEUTRAL:
            return Measured("0", note=f"the signal shrinks: q = 1 becomes {1 + excess[48]:.4g}")
        return Measured("none", note=f"the signal grows: q = 1 becomes {1 + excess[48]:.4g}")
    stable = [q for q in points if _steep(act, kinks, q) < 1]
    best = min(stable or points, key=lambda q: abs(math.log(q)))
    middle = normal_mean(value(act), _ends(kinks), std=math.sqrt(best))
    square, chi = _moment(act, kinks, best), _steep(act, kinks, best)
    spread = square - middle * middle
    words = "attracts" if chi < 1 else "repels"
    note = f"{words}: slope {chi:.3g}; post has mean {middle:.3g}, variance {spread:.3g}"
    details = {"mean": middle, "variance": spread, "slope": chi, "all": tuple(points)}
    return Measured(best, 1e-9 * best, note, details)


@measures("map_slope", "Slope of q's map at 1, at gain", "Signal")
def map_slope(act: Act, setting: MeasureSetting) -> Measured:
    """d/dq of gain^2 E f(sqrt(q) z)^2 at its fixed point q = 1, by central differences of the
    quadrature: below 1 a wrong scale heals from layer to layer, above 1 it grows."""
    del setting
    kinks = all_kinks(act)
    square = _moment(act, kinks, 1.0)
    if not (math.isfinite(square) and square > 0):
        return missing("it has no gain: its mean square is zero or infinite")
    chi = _steep(act, kinks, 1.0) / square
    word = "kept" if abs(chi - 1) < 1e-6 else "heals" if abs(chi) < 1 else "grows"
    return Measured(chi, 1e-6, f"a wrong scale {'is ' * (word == 'kept')}{word}")


def _moment(act: Act, kinks: tuple[float, ...], q: float) -> float:
    line = value(act)

    def squared(z: Tensor) -> Tensor:
        return line(z) ** 2

    return normal_mean(squared, _ends(kinks), std=math.sqrt(q))


def _ends(kinks: tuple[float, ...]) -> tuple[float, ...]:
    return (*kinks, *_EXTRA)


def _steep(act: Act, kinks: tuple[float, ...], q: float) -> float:
    step = 1e-4 * q  # error of the order of step^2, rounding of 1e-12 / step
    high, low = _moment(act, kinks, q + step), _moment(act, kinks, q - step)
    return (high - low) / (2 * step)


def _crossings(act: Act, kinks: tuple[float, ...], excess: list[float]) -> list[float]:
    """Return every q at which the map's excess over q changes sign; touching does not count."""
    points: list[float] = []
    sure = [i for i, x in enumerate(excess) if abs(x) >= _NEUTRAL]
    for a, b in pairwise(sure):
        if excess[a] * excess[b] < 0:
            low, high = float(_GRID[a]), float(_GRID[b])
            for _ in range(50):
                half = math.sqrt(low * high)
                same = (_moment(act, kinks, half) / half > 1) == (excess[a] > 0)
                low, high = (half, high) if same else (low, half)
            points.append(math.sqrt(low * high))
    return points
