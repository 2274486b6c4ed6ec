"""Measures what rules and fixes ask of an act: its range, its shape, its initialisation.

Everything is read off the act's own values and slopes, so that an act of a user's has it too. An
act declares only what no measurement can tell (`Act.init`, `Act.clips`).
"""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.acts.wide_precision import evaluate

if TYPE_CHECKING:
    from relume.acts.act import Act

GROWS = 0.01  # of the value: what is still added from the square root of the range on is growth
ALMOST = 1e-6  # rounding of the formulas: an output that close to another is the same


def measure_traits(act: "Act") -> dict[str, Any]:
    """Return the fields of a `core.Site` that describe the act at these parameters, for JSON.

    A bound that the act does not have is None.
    """
    rows = "" if act.elementwise else _rows(act)
    low, high = output_range(act, rows)
    return {
        "smooth": act.smooth,
        "rectifies": act.rectifies,
        "low": low if math.isfinite(low) else None,
        "high": high if math.isfinite(high) else None,
        "max_slope": act.max_slope if act.elementwise else None,
        "leaks": act.leaks,
        "passes": passes(act),
        "clips": act.clips or _clips(act, low, high),
        "rows": rows,
        "init": list(act.init or _init(act)),
        "cheapest": _cheapest(act, low, high),
    }


def output_range(act: "Act", rows: str = "") -> tuple[float, float]:
    """Return the least and the greatest output of an act, infinite where it has no bound.

    An act that dips below zero and grows above it without bound counts as open on both sides: what
    it cannot reach is a trifle.

    >>> from relume.acts.act import find_act
    >>> output_range(find_act("tanh")), output_range(find_act("gelu"))
    ((-1.0, 1.0), (-inf, inf))
    """
    if not act.elementwise:
        return {"probabilities": (0.0, 1.0), "log-probabilities": (-math.inf, 0.0)}.get(
            rows, (-math.inf, math.inf)
        )
    low, high = math.inf, -math.inf
    for sign in (-1.0, 1.0):
        least, most = _side(act, sign)
        low, high = min(low, least), max(high, most)
    low, high = round(low, 6) + 0.0, round(high, 6) + 0.0
    if low < 0 and math.isinf(high):
        low = -math.inf
    if high > 0 and math.isinf(low):
        high = math.inf
    return (low, high) if low <= high else (-math.inf, math.inf)


def _side(act: "Act", sign: float) -> tuple[float, float]:
    """Return the extremes on one side of zero, infinite where the act grows there.

    It grows if it goes beyond what it had reached by the square root of the range: a wave does
    not, wherever it ends.
    """
    sizes = torch.cat(
        (
            torch.linspace(0, 40, 16_001, dtype=torch.float64),
            torch.logspace(1.7, 300, 900, dtype=torch.float64),
        )
    )
    values = _values(act, sign * sizes)
    good = ~values.isnan()
    if not bool(good.any()):
        return math.inf, -math.inf
    sizes, values = sizes[good], values[good]
    reach = int(torch.searchsorted(sizes, sizes[-1].sqrt()))
    near, far = values[: reach + 1], values[reach:]
    least, most = _lower(near, far), -_lower(-near, -far)
    return least, most


def _lower(near: Tensor, far: Tensor) -> float:
    """Return the least value, minus infinity where the far ones go on falling."""
    least, last = float(near.min()), float(far.min())
    falls = math.isinf(last) or least - last > GROWS * max(1.0, abs(least))
    return -math.inf if falls else min(least, last)


def _values(act: "Act", z: Tensor) -> Tensor:
    with torch.no_grad():
        return evaluate(act.value, z, act.defaults, wide=True).detach()


def passes(act: "Act") -> bool:
    """Whether values above zero come out as they are."""
    if not act.elementwise:
        return False
    z = torch.logspace(-12, 1.7, 200, dtype=torch.float64)
    return bool(torch.allclose(_values(act, z), z, rtol=ALMOST, atol=0.0))


def _clips(act: "Act", low: float, high: float) -> bool:
    """Whether values between two limits come out as they are, and others as the limits."""
    if not act.elementwise or not low < high or math.isinf(high - low):
        return False
    z = torch.linspace(low, high, 201, dtype=torch.float64)
    return bool(torch.allclose(_values(act, z), z, rtol=ALMOST, atol=ALMOST))


def _rows(act: "Act") -> str:
    """Return what the rows of an act over an axis are; ``""`` where they sum to nothing known."""
    z = torch.sin(torch.arange(20, dtype=torch.float64)).reshape(4, 5)
    try:
        rows = _values(act, z)
    except Exception:  # an act over channels or halves of another shape
        return ""
    if rows.shape != z.shape:
        return ""
    ones = torch.ones(len(rows), dtype=rows.dtype)
    if bool((rows >= 0).all()) and torch.allclose(rows.sum(-1), ones, atol=ALMOST):
        return "probabilities"
    return "log-probabilities" if torch.allclose(rows.exp().sum(-1), ones, atol=ALMOST) else ""


def _init(act: "Act") -> tuple[str, ...]:
    """Return Xavier's for an act that is flat at both ends, He's for one that passes its high end.

    Glorot and Bengio (AISTATS 2010) derive theirs for an S, He et al. (ICCV 2015) for a rectifier.
    """
    if not act.elementwise:
        return ()
    ends = torch.tensor([-1e4, 1e4], dtype=torch.float64)
    slopes = act.exact_slope(ends).abs() / act.max_slope if act.max_slope else ends.abs()
    if float(slopes[1]) > 0.5:
        return ("he",)
    return ("xavier",) if float(slopes.max()) < 0.01 and _is_s(act) else ()


def _is_s(act: "Act") -> bool:
    """Whether the act goes from its least value to its greatest."""
    ends = (_end(act, -1.0), _end(act, 1.0))
    pairs = zip(ends, output_range(act), strict=True)
    return all(math.isclose(end, bound, abs_tol=1e-3) for end, bound in pairs)


def _end(act: "Act", sign: float) -> float:
    return float(_values(act, torch.tensor([sign * 1e4], dtype=torch.float64)))


def _cheapest(act: "Act", low: float, high: float) -> str:
    """Return the cheapest act of like shape: two comparisons at most, and no exponential."""
    if act.leaks:
        return "leaky_relu"
    if act.rectifies:
        return "relu"
    if (low, high) in ((0.0, 1.0), (-1.0, 1.0)) and act.elementwise and _is_s(act):
        return "hardsigmoid" if low == 0 else "hardtanh"
    return ""
