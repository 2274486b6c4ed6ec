"""Measures the size of the slope, and checks that it is the slope of this value."""

import math
from functools import lru_cache

import torch

from relume.acts.act import Act
from relume.acts.gain import _legendre
from relume.cards.bounds import Extreme, supremum
from relume.cards.kinks import all_kinks
from relume.cards.line_search import REACH, TINY, distinct, slope, value, where
from relume.cards.property import MeasureSetting, measures
from relume.core import Measured


@measures("max_slope", "Largest abs slope (Lipschitz)", "Shape")
def max_slope(act: Act, setting: MeasureSetting) -> Measured:
    """The greatest abs f' on 18,000 points up to 1e300, closed in on; it is the Lipschitz constant
    of f, since f has no jump where this is finite."""
    del setting
    extreme = steepest(act)
    if extreme.best == math.inf:
        return Measured(math.inf, note="unbounded: the slope grows with z")
    words = extreme.where if extreme.spot is not None else f"approached {extreme.where}"
    details = {} if extreme.spot is None else {"at": round(extreme.spot, 7) + 0.0}
    return Measured(extreme.best, 1e-12 * extreme.best, words, details)


@lru_cache(64)  # flatness uses it too
def steepest(act: Act) -> Extreme:
    """Return the supremum of abs f'."""
    line = slope(act)
    return supremum(lambda z: line(z).abs())


@measures("slope_fits", "f' is the slope of f", "Shape")
def slope_fits(act: Act, setting: MeasureSetting) -> Measured:
    """On 640 panels between -40 and 40, ending at the kinks, the integral of f' (16 points of
    Gauss and Legendre) is held against the difference of f at the panel's ends; they may differ
    by 1e-9 of the integral of abs f' and by rounding of f (16 units of 2^-53)."""
    del setting
    even = torch.linspace(-REACH, REACH, 641, dtype=torch.float64)
    inner = [k for k in all_kinks(act) if abs(k) < REACH]
    edges = distinct(torch.cat((even, torch.tensor(inner, dtype=torch.float64))))
    edges = edges[torch.diff(edges, prepend=edges[:1] - 1) > 1e-9]
    nudge = 1e-12 * edges.abs().clamp(min=1)
    low, high = (edges + nudge)[:-1], (edges - nudge)[1:]  # off the kinks: f may jump there
    nodes, weights = _legendre()
    half = (high - low)[:, None] / 2
    spots = (high + low)[:, None] / 2 + half * nodes  # (panels, 16)
    slopes = slope(act)(spots)
    line = value(act)
    first, last = line(low), line(high)
    gap = (slopes * weights * half).sum(1) - (last - first)
    room = 1e-9 * (slopes.abs() * weights * half).sum(1)
    room = room + TINY + 16 * 2.0**-53 * torch.maximum(first.abs(), last.abs())
    wrong = where(~(gap.abs() <= room))
    if not wrong:
        return Measured(True)
    worst = max(wrong, key=lambda i: float((gap[i].abs() / room[i]).nan_to_num(nan=math.inf)))
    a, b = float(edges[worst]), float(edges[worst + 1])
    rise = float(last[worst] - first[worst])
    note = (
        f"on {len(wrong)} of {len(low)} panels it is not; worst from z = {a:.6g} to {b:.6g}, "
        f"where f changes by {rise:.3g} and f' adds up to {rise + float(gap[worst]):.3g}"
    )
    spans = tuple(float(edges[i]) for i in (wrong[0], wrong[-1] + 1))
    return Measured(False, note=note, details={"wrong_between": spans, "panels": len(wrong)})
