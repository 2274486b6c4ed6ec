"""Where an act is flat, as intervals of its input: counted by comparisons, not by slopes.

The slope of a GELU or a Mish takes as long as a layer. Where its size crosses a level does not
depend on the data, so the places are found once, in float64, and what lies between them is
counted on every record by one comparison each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.acts.exact import evaluate

REACH, STEP = 60.0, 1e-3  # where crossings are looked for, and how close two of them may be
ZERO = 2.0**-150  # rounds to 0 in float32, subnormals included
HALVINGS = 60
MOST = 6  # intervals; beyond, comparing takes as long as the slope
INF = float("inf")

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Bands:
    """Open intervals of the input, ascending.

    Attributes:
        low, high: where abs f' is below the level, at most or above the act's centre.
        zero: where f' is 0 in float32.
    """

    low: tuple[Interval, ...]
    high: tuple[Interval, ...]
    zero: tuple[Interval, ...]

    def counts(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How many rows of each unit have a slope other than 0, are flat low, are flat high.

        Args:
            rows: (rows, units), float32; NaN is neither active nor flat.

        Returns:
            Three of (units,), in the dtype of `rows`.
        """
        above = torch.empty_like(rows)  # comparisons into a float buffer are vectorised

        @cache
        def below(edge: float) -> Tensor:
            if edge == -INF:
                return rows.new_zeros(rows.shape[1])
            call = torch.le if edge == INF else torch.lt
            return call(rows, edge, out=above).sum(0)

        def within(intervals: tuple[Interval, ...]) -> Tensor:
            total = rows.new_zeros(rows.shape[1])
            for begin, end in intervals:
                total = total + below(end) - below(begin)
            return total

        return below(INF) - within(self.zero), within(self.low), within(self.high)


def bands(act: Act, parameters: Mapping[str, Any], level: float) -> Bands | None:
    """The bands of an act; None where its slope has kinks, its parameters are tensors, or its
    slope falls and rises again and again.

    Args:
        act: a smooth one.
        parameters: its own.
        level: abs slope over largest slope below which it is flat.
    """
    if act.slope is None or not act.smooth or act.kinks_at():
        return None
    if any(isinstance(value, Tensor) for value in parameters.values()):
        return None
    found = _found(act, tuple(sorted(parameters.items())), level)
    return None if len(found.low) + len(found.high) > MOST else found  # snake: one a period


@cache
def _found(act: Act, parameters: tuple[tuple[str, Any], ...], level: float) -> Bands:
    values = dict(parameters)

    def size(z: Tensor) -> Tensor:
        assert act.slope is not None
        return evaluate(act.slope, z, values, wide=True).abs()

    flat = _below(size, level * act.max_slope)
    return Bands(
        tuple((a, min(b, act.centre)) for a, b in flat if a < act.centre),
        tuple((max(a, act.centre), b) for a, b in flat if b > act.centre),
        _below(size, ZERO),
    )


def _below(size: Callable[[Tensor], Tensor], level: float) -> tuple[Interval, ...]:
    """Intervals in which `size` is below `level`, between crossings found by halving."""
    near = torch.linspace(-REACH, REACH, int(2 * REACH / STEP) + 1, dtype=torch.float64)
    far = torch.logspace(1.8, 38, 2000, dtype=torch.float64)
    grid = torch.cat((-far.flip(0), near, far))
    under = size(grid) < level
    places = torch.nonzero(under[1:] != under[:-1]).flatten()
    left, right, first = grid[places], grid[places + 1], under[places]
    for _ in range(HALVINGS):
        middle = (left + right) / 2
        same = (size(middle) < level) == first
        left, right = torch.where(same, middle, left), torch.where(same, right, middle)
    edges = [float(edge) for edge in right]
    if bool(under[0]):
        edges.insert(0, -INF)
    if len(edges) % 2:
        edges.append(INF)
    return tuple(zip(edges[::2], edges[1::2], strict=True))
