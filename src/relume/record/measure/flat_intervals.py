"""Where an act is flat, as intervals of its input: counted by comparisons, not by slopes.

The slope of a GELU or a Mish takes as long as a layer. Where its size crosses a level does not
depend on the data, so the places are found once, in float64, and what lies between them is
counted on every record by one comparison each. An act of straight pieces crosses at its kinks,
and which side a kink itself belongs to is asked of the slope. Where a node keeps the output only,
the intervals of a straight act are of its output.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.acts.wide_precision import evaluate

REACH, STEP = 60.0, 1e-3  # where crossings are looked for, and how close two of them may be
ZERO = 2.0**-150  # rounds to 0 in float32, subnormals included
HALVINGS = 60
NEAR = 1e-12  # relative: an edge so close to a kink is at it
STRAIGHT = 4  # different slopes at most of an act that is made of straight pieces
MOST = 6  # intervals; beyond, comparing takes as long as the slope
INF = float("inf")

Edge = tuple[float, bool]  # where an interval ends, and whether that value is still within
Interval = tuple[Edge, Edge]

BEGIN, END = (-INF, False), (INF, True)


@dataclass(frozen=True, slots=True)
class FlatIntervals:
    """Intervals of the input, ascending; the next begins behind the edge of the last.

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

        def below(edge: Edge) -> Tensor:
            if edge == BEGIN:
                return rows.new_zeros(rows.shape[1])
            call = torch.le if edge[1] else torch.lt
            return call(rows, edge[0], out=above).sum(0)

        return self.counted(below)

    def counted(self, below: Callable[[Edge], Any]) -> tuple[Any, Any, Any]:
        """`counts`, from how many rows of each unit lie below an edge."""
        below = cache(below)

        def within(intervals: tuple[Interval, ...]) -> Any:
            total: Any = 0.0
            for begin, end in intervals:
                total = total + (below(end) - below(begin) if begin != BEGIN else below(end))
            return total if intervals else below(BEGIN)

        return below(END) - within(self.zero), within(self.low), within(self.high)


def flat_intervals(
    act: Act, parameters: Mapping[str, Any], level: float, holds: str = "pre"
) -> FlatIntervals | None:
    """The bands of an act; None where its parameters are tensors, its slope has kinks and bends
    besides, falls and rises again and again, or is told from the output of a curved act.

    Args:
        act: an elementwise one.
        parameters: its own.
        level: abs slope over largest slope below which it is flat.
        holds: ``"pre"``: bands of its input; ``"post"``: of its output.
    """
    if act.slope is None or (holds == "post" and act.slope_of_post is None):
        return None
    if any(isinstance(value, Tensor) for value in parameters.values()):
        return None
    if (holds == "post" or act.kinks) and not parameters.keys() >= act.defaults.keys():
        return None  # where its pieces lie is not known (a threshold's node keeps half of it)
    return _found(act, tuple(sorted(parameters.items())), level, holds)


@cache
def _found(
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
    found = FlatIntervals(
        tuple((a, min(b, centre)) for a, b in flat if a < centre),
        tuple((max(a, centre), b) for a, b in flat if b > centre),
        _below(size, ZERO, kinks),
    )
    return None if len(found.low) + len(found.high) > MOST else found  # snake: one a period


def _grid() -> Tensor:
    near = torch.linspace(-REACH, REACH, int(2 * REACH / STEP) + 1, dtype=torch.float64)
    far = torch.logspace(1.8, 38, 2000, dtype=torch.float64)
    return torch.cat((-far.flip(0), near, far))


def _below(size: Callable[[Tensor], Tensor], level: float, kinks: Tensor) -> tuple[Interval, ...]:
    """Intervals in which `size` is below `level`, between crossings found by halving."""
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


def _edge(found: float, before: bool, kinks: Tensor, at_kinks: Tensor) -> Edge:
    """An edge that was found beside a kink is at the kink, which is on one of its sides."""
    for kink, under in zip(_floats(kinks), _floats(at_kinks), strict=True):
        if abs(found - kink) <= NEAR * max(1.0, abs(kink)):
            return kink, bool(under) == before
    return found, False


def _floats(numbers: Tensor) -> list[float]:
    return [float(number) for number in numbers]
