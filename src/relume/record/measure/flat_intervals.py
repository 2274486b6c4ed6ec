"""Finds where an act is flat, as intervals of its input, so that comparisons can count it.

Computing the slope of a GELU or a Mish takes as long as a layer. Where its size crosses a level
does not depend on the data. So the crossings are found once, in float64, and each record counts
what lies between them, by one comparison an edge. A piecewise linear act crosses at its kinks; the
slope at a kink decides on which side the kink itself lies. Where a node saves only the output, the
intervals of a piecewise linear act are of its output.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.acts.wide_precision import evaluate

REACH, STEP = 60.0, 1e-3  # range of the search for crossings, and the least distance of two
ZERO = 2.0**-150  # rounds to 0 in float32, subnormals included
HALVINGS = 60
NEAR = 1e-12  # relative: an edge closer than this to a kink is at the kink
STRAIGHT = 4  # most different slopes that a piecewise linear act may have
MOST = 6  # intervals; with more, comparing takes as long as the slope
INF = float("inf")

Edge = tuple[float, bool]  # where an interval ends, and whether that value is still within
Interval = tuple[Edge, Edge]

BEGIN, END = (-INF, False), (INF, True)


@dataclass(frozen=True, slots=True)
class FlatIntervals:
    """Intervals of the input, ascending; each begins behind the edge of the last.

    Attributes:
        low, high: where abs f' is below the level, at most or above the act's centre.
        zero: where f' is 0 in float32.
    """

    low: tuple[Interval, ...]
    high: tuple[Interval, ...]
    zero: tuple[Interval, ...]

    def counts(self, rows: Tensor, *, finite: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """How many rows of each unit have a slope other than 0, are flat low, are flat high.

        Args:
            rows: (rows, units), float32; NaN is neither active nor flat.
            finite: it is known that no entry is NaN.

        Returns:
            Three of (units,), in the dtype of `rows`.
        """
        above = torch.empty_like(rows)  # comparisons into a float buffer are vectorised

        @cache
        def below(edge: Edge) -> Tensor:
            if edge == BEGIN or (finite and edge == END):
                return rows.new_full(rows.shape[1:], 0.0 if edge == BEGIN else len(rows))
            call = torch.le if edge[1] else torch.lt
            return call(rows, edge[0], out=above).sum(0)

        def within(intervals: tuple[Interval, ...]) -> Tensor:
            parts = [below(b) if a == BEGIN else below(b) - below(a) for a, b in intervals]
            return reduce(torch.add, parts) if parts else below(BEGIN)

        return below(END) - within(self.zero), within(self.low), within(self.high)


def flat_intervals(
    act: Act, parameters: Mapping[str, Any], level: float, holds: str = "pre"
) -> FlatIntervals | None:
    """The flat intervals of an act, or None where they cannot be used.

    That is where its parameters are tensors, where its slope has kinks and is curved between them,
    where there are more than `MOST` intervals, or where only the output of a curved act is known.

    Args:
        act: an elementwise act.
        parameters: its parameters, by name.
        level: abs slope over largest slope below which it is flat.
        holds: ``"pre"`` for intervals of its input, ``"post"`` for those of its output.
    """
    if act.slope is None or (holds == "post" and act.slope_of_post is None):
        return None
    if any(isinstance(value, Tensor) for value in parameters.values()):
        return None
    if (holds == "post" or act.kinks) and not parameters.keys() >= act.defaults.keys():
        return None  # its pieces are unknown (a threshold's node saves half of them)
    return _find(act, tuple(sorted(parameters.items())), level, holds)


@cache
def _find(
    act: Act, parameters: tuple[tuple[str, Any], ...], level: float, holds: str
) -> FlatIntervals | None:
    values = dict(parameters)
    kinks = torch.tensor(act.kinks_at(**values), dtype=torch.float64)
    formula, middle = act.slope, act.centre
    if holds == "post":
        formula, middle = act.slope_of_post, act.post_centre
        kinks = evaluate(act.value, kinks, values, wide=True)

    def size(z: Tensor) -> Tensor:
        assert formula is not None
        return evaluate(formula, z, values, wide=True).abs()

    slopes: Any = size(_grid())
    curved = bool(slopes.unique().numel() > STRAIGHT)
    if curved and (holds == "post" or not act.smooth or len(kinks)):
        return None
    flat, centre = _below(size, level * act.max_slope, kinks), (middle, True)
    intervals = FlatIntervals(
        tuple((a, min(b, centre)) for a, b in flat if a < centre),
        tuple((max(a, centre), b) for a, b in flat if b > centre),
        _below(size, ZERO, kinks),
    )
    count = len(intervals.low) + len(intervals.high)  # snake has one a period
    return None if count > MOST else intervals


def _grid() -> Tensor:
    near = torch.linspace(-REACH, REACH, int(2 * REACH / STEP) + 1, dtype=torch.float64)
    far = torch.logspace(1.8, 38, 2000, dtype=torch.float64)
    return torch.cat((-far.flip(0), near, far))


def _below(size: Callable[[Tensor], Tensor], level: float, kinks: Tensor) -> tuple[Interval, ...]:
    """The intervals in which `size` is below `level`; bisection finds their edges."""
    grid = _grid()
    under = size(grid) < level
    places = torch.nonzero(under[1:] != under[:-1]).flatten()
    left, right, first = grid[places], grid[places + 1], under[places]
    for _ in range(HALVINGS):
        middle = (left + right) / 2
        same = (size(middle) < level) == first
        left, right = torch.where(same, middle, left), torch.where(same, right, middle)
    at_kinks = size(kinks) < level
    edges = [
        _edge(float(edge), bool(was), kinks, at_kinks)
        for edge, was in zip(right, first, strict=True)
    ]
    if bool(under[0]):
        edges.insert(0, BEGIN)
    if len(edges) % 2:
        edges.append(END)
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _edge(crossing: float, before: bool, kinks: Tensor, at_kinks: Tensor) -> Edge:
    """The edge itself, or the kink beside it, with the side on which that kink lies."""
    for kink, under in zip(_floats(kinks), _floats(at_kinks), strict=True):
        if abs(crossing - kink) <= NEAR * max(1.0, abs(kink)):
            return kink, bool(under) == before
    return crossing, False


def _floats(numbers: Tensor) -> list[float]:
    return [float(number) for number in numbers]
