"""Searches f and f' along the line: which points to try, and how to close in on a place."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.acts.wide_precision import evaluate

Line = Callable[[Tensor], Tensor]

REACH = 40.0
"""The middle of the line: beyond it exp(-z) is below float64's rounding of any sum with 1, and a
zero or an equality may be underflow."""

FARTHEST = 1e300
TINY = 1e-290
"""A value below this next to a zero is on its way into underflow, not at a zero of the act."""


def value(act: Act) -> Line:
    """Return f in float64 at the act's own parameters."""
    return lambda z: evaluate(act.value, z, act.defaults, wide=True)


def slope(act: Act) -> Line:
    """Return f' in float64 at the act's own parameters."""
    return act.exact_slope


def middle(steps: int = 16_000) -> Tensor:
    """Return even points over the middle of the line: (steps + 1,). Each is rounded once, so that
    0, the whole numbers and most kinks are among them exactly."""
    half = steps // 2
    return torch.arange(-half, half + 1, dtype=torch.float64) / (half / REACH)


def far(most: float = FARTHEST) -> Tensor:
    """Return positive points beyond the middle, by magnitude."""
    return torch.logspace(math.log10(REACH), math.log10(most), 1000, dtype=torch.float64)[1:]


def everywhere(most: float = FARTHEST) -> Tensor:
    """Return points over the whole line, ascending."""
    return torch.cat((-far(most).flip(0), middle(), far(most)))


def at(line: Line, z: float) -> float:
    """Return the line's value at one point."""
    return float(line(torch.tensor(z, dtype=torch.float64)))


def greatest(line: Line, low: float, high: float) -> tuple[float, float]:
    """Return where `line` is greatest between two points, and its value there."""
    spot, best = low, -math.inf
    for _ in range(12):  # each time 32 times closer: 0.01 becomes 1e-20, below rounding
        z = torch.linspace(low, high, 65, dtype=torch.float64)
        values = line(z)
        top = int(values.nan_to_num(nan=-math.inf).argmax())
        if float(values[top]) > best:
            spot, best = float(z[top]), float(values[top])
        low, high = float(z[max(top - 1, 0)]), float(z[min(top + 1, 64)])
    return spot, best


def border(holds: Callable[[Tensor], Tensor], inside: float, outside: float) -> float:
    """Return the last point from `inside` towards `outside` where a condition still holds."""
    for _ in range(200):
        half = (inside + outside) / 2
        if half in (inside, outside):
            break
        if bool(holds(torch.tensor(half, dtype=torch.float64))):
            inside = half
        else:
            outside = half
    return inside


def runs(mask: Tensor) -> list[tuple[int, int]]:
    """Return first and last index of every stretch in which `mask` is true."""
    edge = torch.diff(mask.int(), prepend=torch.zeros(1), append=torch.zeros(1))
    starts, ends = (edge == 1).nonzero().flatten(), (edge == -1).nonzero().flatten()
    return [(int(a), int(b) - 1) for a, b in zip(starts, ends, strict=True)]


def where(mask: Tensor) -> list[int]:
    """Return the indices at which `mask` is true."""
    return cast("list[int]", cast(Any, mask.nonzero().flatten()).tolist())


def numbers(z: Tensor) -> list[float]:
    """Return the numbers of a tensor of one axis."""
    return cast("list[float]", cast(Any, z.double()).tolist())


def distinct(z: Tensor) -> Tensor:
    """Return the finite numbers of `z`, ascending, each once."""
    return cast(Tensor, cast(Any, torch).unique(z[z.isfinite()]))


def neat(z: float) -> float:
    """Round away the error of closing in: 1e-17 is 0."""
    return round(z, 12) + 0.0
