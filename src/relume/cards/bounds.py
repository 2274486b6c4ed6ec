"""Measures the range: infimum and supremum, and whether the act reaches them."""

import math
from dataclasses import dataclass

from torch import Tensor

from relume.acts.act import Act
from relume.cards.line_search import (
    FARTHEST,
    REACH,
    TINY,
    Line,
    at,
    border,
    everywhere,
    greatest,
    runs,
    value,
    where,
)
from relume.cards.property import MeasureSetting, measures
from relume.core import Measured


@measures("range_low", "Infimum of f", "Shape")
def range_low(act: Act, setting: MeasureSetting) -> Measured:
    """The least of f on 18,000 points up to 1e300, closed in on where it lies inside; it counts
    as reached if f comes to it by more than rounding from one point to the next."""
    del setting
    return _extreme(act, -1)


@measures("range_high", "Supremum of f", "Shape")
def range_high(act: Act, setting: MeasureSetting) -> Measured:
    """The greatest of f on 18,000 points up to 1e300, closed in on where it lies inside; it counts
    as reached if f comes to it by more than rounding from one point to the next."""
    del setting
    return _extreme(act, 1)


def _extreme(act: Act, sign: int) -> Measured:
    line = value(act)
    extreme = supremum(lambda z: sign * line(z))
    if extreme.best == math.inf:
        return Measured(sign * math.inf, note="unbounded", details={"attained": False})
    best, error = sign * extreme.best + 0.0, abs(extreme.best) * 1e-15
    if extreme.spot is None:
        return Measured(best, error, f"approached {extreme.where}", {"attained": False})
    details = {"attained": True, "at": round(extreme.spot, 7) + 0.0}
    return Measured(best, error, f"reached {extreme.where}", details)


@dataclass(frozen=True, slots=True)
class Extreme:
    """The supremum of a line; `spot` is None where it is only approached."""

    best: float
    spot: float | None
    where: str


def supremum(line: Line) -> Extreme:
    """Return the supremum of `line` on all 18,000 points, and where it is reached."""
    z = everywhere()
    values = line(z).nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf)
    near = float(values[z.abs() <= 1e100].max())
    tail = float(values[z.abs() >= 1e200].max())
    if grows(near, tail):
        return Extreme(math.inf, None, "without end")
    top = int(values.argmax())
    best, end = float(values[top]), max(float(values[0]), float(values[-1]))
    if best > end + 1e-12 * max(abs(best), abs(end)) + TINY:  # within, not towards an end
        if bool((values == best).sum() > 1):
            return _stretch(line, z, values, top)
        spot, best = greatest(line, float(z[max(top - 1, 0)]), float(z[min(top + 1, len(z) - 1)]))
        return Extreme(best, spot, f"at z = {_place(spot)}")
    spot = _arrival(z, values)
    if spot is None:
        side = "+" if values[-1] >= values[0] else "−"
        at_infinity = at(line, math.inf if side == "+" else -math.inf)
        if math.isfinite(at_infinity) and at_infinity > best:  # 1e-300 on the way to 0
            best = at_infinity
        return Extreme(best, None, f"as z goes to {side}∞, never reached")
    return _stretch(line, z, values, spot)


def _arrival(z: Tensor, values: Tensor) -> int | None:
    """Return the index next to 0 that reaches the greatest value by more than rounding, or None."""
    best = float(values.max())
    hits = where((values == best) & (z.abs() <= REACH))
    if not hits:
        return None
    spot = min(hits, key=lambda i: abs(float(z[i])))
    step = best - min(float(values[spot - 1]), float(values[spot + 1]))
    constant = float(values.min()) == best
    return spot if constant or step > 1e-12 * abs(best) + TINY else None


def _stretch(line: Line, z: Tensor, values: Tensor, top: int) -> Extreme:
    """Return the greatest value with the stretch around `top` that has it; often one point."""
    best = float(values[top])
    first, last = next(span for span in runs(values == best) if span[0] <= top <= span[1])
    low, high = -math.inf, math.inf
    if first > 0:
        low = border(lambda x: line(x) == best, float(z[first]), float(z[first - 1]))
    if last < len(z) - 1:
        high = border(lambda x: line(x) == best, float(z[last]), float(z[last + 1]))
    spot = min((e for e in (low, high) if math.isfinite(e)), key=abs, default=0.0)
    if first == last:
        return Extreme(best, spot, f"at z = {_place(spot)}")
    begins = f"from z = {_place(low)}" if low > -REACH else ""
    ends = f"up to z = {_place(high)}" if high < REACH else ""
    return Extreme(best, spot, " ".join(filter(None, (begins, ends))) or "everywhere")


def _place(z: float) -> str:
    return f"{round(z, 7) + 0.0:.5g}"  # a flat maximum is known to the root of rounding


def grows(near: float, tail: float) -> bool:
    """Whether the greatest at 1e200 to 1e300 (`tail`) is beyond all up to 1e100 (`near`): a
    logarithm doubles from 230 there, and what oscillates or settles below 100 does not grow."""
    return tail == math.inf or (tail > 100 and tail > 1.05 * near)


def limit(act: Act, side: int, *, of_slope: bool = False) -> float | None:
    """Return the limit of f or f' at an end of the line; None where it has none.

    It is the formula at infinity itself, or its value at 1e200 and 1e300 if those agree.
    """
    line = act.exact_slope if of_slope else value(act)
    at_infinity = at(line, side * math.inf)
    if not math.isnan(at_infinity):
        return at_infinity
    early, late = at(line, side * 1e200), at(line, side * FARTHEST)
    if math.isnan(late) or math.isnan(early):
        return None
    if math.isclose(early, late, rel_tol=1e-9, abs_tol=1e-9):
        return late
    if grows(abs(early), abs(late)):
        return math.copysign(math.inf, late)
    return None
