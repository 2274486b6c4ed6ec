"""The contract: value, slope and curvature of an act against the truth, in every dtype.

`violations` is what the tests assert to be empty, and what the broken twins must not leave empty.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import mpmath
import torch
from act_oracles import Row
from mpmath import mpf
from torch import Tensor

from relume.acts.act import find_act

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
ORDERS = ("value", "slope", "curvature")
# A result near one of its own roots is a small difference of large terms: its condition number is
# about abs r / abs (z - r). Beyond this number it is not compared: in float64 there is no wider
# type to hide it; float32 and half types are evaluated with 29 and 13 to 16 more bits.
NEAR = {torch.float64: 4.0, torch.float32: 1e5, torch.bfloat16: 1e3, torch.float16: 1e3}

Triple = tuple[Tensor, Tensor, Tensor]


class Wrong(NamedTuple):
    """One result outside its bound."""

    order: str
    z: float
    got: float
    truth: float
    ulp: float


def as_floats(values: list[float], dtype: torch.dtype) -> list[float]:
    """The values as the dtype holds them."""
    return torch.tensor(values, dtype=torch.float64).to(dtype).to(torch.float64).tolist()


@cache
def points(dtype: torch.dtype) -> tuple[float, ...]:
    """Dense around zero, every power of ten of the dtype's range, both signs, subnormals too."""
    dense = [0.13 * k for k in range(1, 60)] + [8.5 + 1.3 * k for k in range(12)]
    dense += [30.0, 45.0, 61.0, 80.0, 86.5, 95.0, 102.0, 300.0, 700.0, 709.5, 713.0, 740.0, 900.0]
    common = as_floats(dense, torch.bfloat16)  # shared by all dtypes, so that truth is shared too
    if dtype is torch.float64:
        powers = [10.0**k for k in (-320, -308, -200, -99, -40, -20, 20, 38, 39, 154, 200, 307)]
        powers += [10.0**k for k in range(-16, 16, 2)]
        powers += [0.1 + 0.37 * k for k in range(1, 60)] + [26.4 + 0.9 * k for k in range(14)]
    elif dtype is torch.float16:
        powers = [10.0**k for k in range(-7, 5)] + [300.0, 30000.0, 65504.0]
    else:
        powers = as_floats([10.0**k for k in range(-40, 39)], torch.bfloat16)
    if dtype is torch.float32:
        powers += [1.4e-45, 3e-42, 3.4e38] + [0.07 + 0.291 * k for k in range(1, 50)]
    kept = [p for p in as_floats(common + powers, dtype) if math.isfinite(p) and p]
    return tuple(sorted({sign * p for p in kept for sign in (-1, 1)}))


def places(row: Row, dtype: torch.dtype) -> list[float]:
    """The dtype's points, and both neighbours of every kink and crease."""
    found = list(points(dtype))
    for kink in (*row.kinks, *row.creases):
        at = torch.tensor(float(kink), dtype=dtype)
        ways = torch.tensor([-math.inf, math.inf], dtype=dtype)
        found += torch.nextafter(at, ways).tolist()
    exact = {float(torch.tensor(float(kink), dtype=dtype)) for kink in row.kinks}
    return sorted(set(found) - exact)


def calculus(call: Callable[[Tensor], Tensor], z: Tensor) -> Triple:
    """Value, slope and curvature by autograd, the second through the graph of the first."""
    z = z.detach().clone().requires_grad_()
    value = call(z)
    (slope,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    if not slope.requires_grad:  # torch's own pieces: the slope is a constant
        return value.detach(), slope, torch.zeros_like(slope)
    (curvature,) = torch.autograd.grad(slope.sum(), z)
    return value.detach(), slope.detach(), curvature


def exact(row: Row) -> Callable[[Tensor], Tensor]:
    """The act of a row on its exact path."""
    act = find_act(row.act)
    return lambda z: act(z, exact=True, **row.parameters)


def unit(truth: Any, dtype: torch.dtype) -> Any:
    """The unit in the last place at `truth`; the smallest subnormal below the normal numbers."""
    info = torch.finfo(dtype)
    lowest = mpf(info.smallest_normal) * mpf(info.eps)
    if truth == 0:
        return lowest
    return max(lowest, mpf(2) ** mpmath.floor(mpmath.log(abs(truth), 2)) * mpf(info.eps))


def errors(row: Row, dtype: torch.dtype, at: list[float], found: Sequence[Tensor]) -> list[Wrong]:
    """The error of every result, in units in the last place, where the contract compares it.

    `found` is the value, or more up to the curvature. Half types are compared with the truth as
    they hold it: 0 there is a correct rounding.
    """
    all_errors: list[Wrong] = []
    for order, (name, results) in enumerate(zip(ORDERS, found, strict=False)):
        roots = row.roots(order, [p for p in points(torch.float32) if abs(p) < 20])
        for z, got in zip(at, results.double().tolist(), strict=True):
            truth = row.truth(z)[order]
            if order == 2 and any(abs(z - crease) < 1e-300 for crease in row.creases):
                continue
            near = list(roots)
            if row.touches is not None and (order > 0 or row.wave):
                near.append(row.touches(mpf(z)))
            if any(abs(z - root) * NEAR[dtype] < max(abs(root), abs(z)) for root in near):
                continue
            ulp = _distance(row, dtype, order, z, got, truth)
            if ulp is not None:
                all_errors.append(Wrong(name, z, got, float(truth), ulp))
    return all_errors


def _distance(
    row: Row, dtype: torch.dtype, order: int, z: float, got: float, truth: Any
) -> float | None:
    """The error in units in the last place; None where nothing is asked."""
    info = torch.finfo(dtype)
    if abs(truth) >= info.max * (1 - info.eps):
        right = got in (math.inf, info.max) if truth > 0 else got in (-math.inf, -info.max)
        return 0.0 if right else math.inf
    if dtype is torch.float64 and abs(truth) < info.smallest_normal:
        return 0.0 if abs(got) <= 2 * info.smallest_normal else math.inf
    if not math.isfinite(got):
        return math.inf
    size = unit(truth, dtype)
    if dtype in (torch.float16, torch.bfloat16):
        truth = mpf(float(torch.tensor(float(truth), dtype=torch.float64).to(dtype)))
    return float(abs(mpf(got) - truth) / size)


def bound(row: Row, dtype: torch.dtype, wrong: Wrong) -> float:
    """The bound of a row at a place, in units in the last place."""
    if dtype in (torch.float16, torch.bfloat16):
        return 1.0
    if dtype is torch.float32:
        return row.ulp
    size = row.argument(wrong.z) if row.argument else 0.0
    flat = row.high is not None and row.high.slope == 0
    decides = size < 800 and (wrong.z < 0 or flat or wrong.order == "curvature")
    return row.ulp64 + 2 * size * row.roundings if decides else row.ulp64


def violations(row: Row, dtype: torch.dtype, call: Callable[[Tensor], Tensor]) -> list[Wrong]:
    """Every result outside the contract: magnitudes, kinks, infinities and NaN."""
    at = places(row, dtype)
    found = calculus(call, torch.tensor(at, dtype=torch.float64).to(dtype))
    wrong = [e for e in errors(row, dtype, at, found) if not e.ulp <= bound(row, dtype, e)]
    return wrong + _at_kinks(row, dtype, call) + _at_the_ends(row, dtype, call)


def _at_kinks(row: Row, dtype: torch.dtype, call: Callable[[Tensor], Tensor]) -> list[Wrong]:
    if not row.kinks:
        return []
    z = torch.tensor(list(row.kinks), dtype=dtype)
    _, slope, _ = calculus(call, z)
    wanted = torch.tensor(list(row.kinks.values()), dtype=torch.float64).to(dtype)
    table = zip(row.kinks, slope.double().tolist(), wanted.double().tolist(), strict=True)
    return [
        Wrong("slope at kink", k, got, true, math.inf)
        for k, got, true in table
        if not _same(got, true, dtype)
    ]


def _at_the_ends(row: Row, dtype: torch.dtype, call: Callable[[Tensor], Tensor]) -> list[Wrong]:
    """Limits at both infinities, and NaN kept in value, slope and curvature."""
    found = calculus(call, torch.tensor([-math.inf, math.inf, math.nan], dtype=dtype))
    wrong: list[Wrong] = []
    for place, end in enumerate((row.low, row.high)):
        z = (-math.inf, math.inf)[place]
        for order, limit in enumerate(limits(row, end, z)):
            got = float(found[order][place])
            right = math.isnan(got) if limit is None else _same(got, _rounded(limit, dtype), dtype)
            if not right:
                wrong.append(Wrong(f"{ORDERS[order]} at infinity", z, got, limit or 0, math.inf))
    for name, results in zip(ORDERS, found, strict=True):
        if not math.isnan(float(results[2])):
            wrong.append(Wrong(f"{name} of NaN", math.nan, float(results[2]), math.nan, math.inf))
    return wrong


def _same(got: float, wanted: float, dtype: torch.dtype) -> bool:
    """Equal; in float64 to one unit, since the truth at a kink or end is itself a float64."""
    if not math.isfinite(wanted) or wanted == 0 or dtype is not torch.float64:
        return got == wanted
    return abs(got - wanted) <= unit(mpf(wanted), dtype)


def _rounded(limit: float, dtype: torch.dtype) -> float:
    return float(torch.tensor(limit, dtype=torch.float64).to(dtype))


def limits(row: Row, end: Any, z: float) -> tuple[float | None, float | None, float | None]:
    """f, f' and f'' at an infinity; None where there is no limit."""
    if row.wave:
        return None, None, None
    if not row.slope_at_infinity:
        return z, None, None
    if end is None:  # the printed definition at a number beyond every dtype
        far = mpf(10) ** 1000 * (1 if z > 0 else -1)
        with mpmath.workdps(4000):
            step = abs(far) / 100
            value = row.oracle(far)
            slope = (row.oracle(far + step) - value) / step
        value = math.inf if value > 1e400 else float(value)
        return value, float(mpmath.nstr(slope, 20)) if abs(slope) > 1e-300 else 0.0, 0.0
    with mpmath.workdps(30):
        value = end.value(mpf(z))
        slope = end.slope(mpf(z)) if callable(end.slope) else end.slope
    return float(value), float(slope), end.curvature
