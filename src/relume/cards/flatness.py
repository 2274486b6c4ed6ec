"""Measures where the act is flat: its two sides, and its exact zeros of slope."""

import math

from torch import Tensor

from relume.acts.act import Act
from relume.acts.gain import normal_mean
from relume.cards.line_search import Line, border, everywhere, middle, neat, runs, slope, where
from relume.cards.property import MeasureSetting, measures
from relume.cards.slope import steepest
from relume.core import Measured

FLAT = 0.05
"""Share of the largest slope below which an act is flat, as for the recorder and the rules."""


@measures("saturation_low", "Saturated below", "Flat and dead")
def saturation_low(act: Act, setting: MeasureSetting) -> Measured:
    """The z below which abs f' stays under 5 % of its largest value, found from the far end of
    18,000 points down to -1e300 and closed in on by halving."""
    del setting
    return _side(act, -1)


@measures("saturation_high", "Saturated above", "Flat and dead")
def saturation_high(act: Act, setting: MeasureSetting) -> Measured:
    """The z above which abs f' stays under 5 % of its largest value, found from the far end of
    18,000 points up to 1e300 and closed in on by halving."""
    del setting
    return _side(act, 1)


def _side(act: Act, side: int) -> Measured:
    limit, against = flat_limit(act)
    line = slope(act)

    def steep(z: Tensor) -> Tensor:
        return ~(line(z).abs() < limit)

    z = everywhere().flip(0) if side > 0 else everywhere()  # from the far end inwards
    there = where(steep(z))
    if not there:
        return Measured("everywhere", note="the slope is 0")
    first = there[0]
    if abs(float(z[first])) > 1e100:
        return Measured("none", note=f"abs f' does not stay below {FLAT:.0%} of {against}")
    spot = neat(border(steep, float(z[first]), float(z[first - 1])))
    exact = float(line(z[: max(first - 1, 1)]).abs().max()) == 0
    note = "the slope is exactly 0 there" if exact else ""
    share = 0.5 * math.erfc(side * spot / math.sqrt(2))
    return Measured(spot, 1e-12, note, {"share": share, "limit": limit})


def flat_limit(act: Act) -> tuple[float, str]:
    """Return the slope below which the act counts as flat, and the reference in words."""
    most = steepest(act).best
    if most < math.inf:
        return FLAT * most, "the largest"

    def squared(z: Tensor) -> Tensor:
        return slope(act)(z) ** 2

    return FLAT * math.sqrt(normal_mean(squared, act.kinks_at())), "its rms under N(0, 1)"


@measures("zero_slope_share", "Share of exactly zero slope", "Flat and dead", better="low")
def zero_slope_share(act: Act, setting: MeasureSetting) -> Measured:
    """P(f'(z) = 0), z ~ N(0, 1), f' in float64: the borders of the stretches without slope are
    closed in on by halving and weighed with the normal distribution."""
    del setting
    line = slope(act)
    return Measured(_chance(lambda z: line(z) == 0), 1e-12)


@measures("flat_share", "Share below 5 % of the slope", "Flat and dead", better="low")
def flat_share(act: Act, setting: MeasureSetting) -> Measured:
    """P(abs f'(z) < 5 % of its largest value), z ~ N(0, 1), by the borders of the stretches where
    that holds, as for the exact zeros."""
    del setting
    line = slope(act)
    limit, against = flat_limit(act)
    note = "" if against == "the largest" else f"5 % of {against}"
    return Measured(_chance(lambda z: line(z).abs() < limit), 1e-12, note)


def _chance(holds: Line) -> float:
    """Return the probability of a condition under N(0, 1); stretches below 0.005 may be missed."""
    z = middle()
    total = 0.0
    for a, b in runs(holds(z)):
        if a == b:
            continue  # a single point has no weight
        low, high = -math.inf, math.inf
        if a > 0:
            low = border(holds, float(z[a]), float(z[a - 1]))
        if b < len(z) - 1:
            high = border(holds, float(z[b]), float(z[b + 1]))
        total += 0.5 * (math.erfc(low / math.sqrt(2)) - math.erfc(high / math.sqrt(2)))
    return total
