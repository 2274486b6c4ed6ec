"""Measures an act on one record: sums over a bounded sample of rows, one number a unit.

The device only adds up the sampled rows, into one small matrix a site; the host makes shares,
means and RMS values from it (`site_stats`). So a record costs one copy from the device, and every
stat is made of sums that can be added up over records and ranks.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.acts.act import Act
from relume.instrument.float64 import as_float64
from relume.record.measure.flat_intervals import flat_intervals
from relume.record.measure.stat import SampledSums
from relume.record.measure.stats import computed_stats
from relume.record.measure.tensor_view import array, readable
from relume.record.measure.unit_counters import FIELDS

# ATen runs a kernel of at most 32,768 elements on one thread: under contention a second thread
# costs a stalled barrier (measured: 112 % of a layer's time against 0.3 %).
MOST_ELEMENTS = 32_768
LEAST_ROWS = 8  # even for a layer so wide that 8 rows exceed the bound
TINY, HUGE = 1e-30, 1e37  # float32 sums of squares beyond these are taken in float64
FLAT = 0.05  # abs slope / largest slope below which an entry counts as flat (page of ACT501)

FORWARD = ("active", "low", "high", "post_sum", "post_sumsq", "post_max", "post_min", "finite")
BACKWARD = ("grad_abs_sum", "grad_pre_norm", "grad_post_norm")
PRE = ("pre_sum", "pre_sumsq", "pre_max", "pre_min")


def sample(tensor: Tensor, axis: int, phase: int) -> Tensor:
    """A bounded number of rows of `tensor`, one column a unit, in float32.

    Rows are taken at even distances, from a start that moves with each record (`phase`); no random
    number is drawn.

    Args:
        tensor: any shape and floating dtype, with its units on `axis`.
        axis: the unit axis. A tensor of one dimension is one row of units if it is 0, and a batch
            of one unit if it is negative; with more dimensions it is not negative.
        phase: number of the record.

    Returns:
        (rows, units), on the tensor's device; a view where no copy is needed.
    """
    tensor = tensor.detach()
    if tensor.dim() < 2:
        if axis == 0 and tensor.dim():
            return tensor.reshape(1, -1).float()
        return tensor.reshape(-1, 1)[:MOST_ELEMENTS].float()
    units = tensor.shape[axis]
    wanted = max(LEAST_ROWS, MOST_ELEMENTS // max(units, 1))
    if axis == tensor.dim() - 1:
        return spread(tensor.reshape(-1, units), wanted, phase).float()
    if axis == 1 and tensor.numel() and tensor.dtype == torch.float32 and readable(tensor):
        return torch.from_numpy(_gathered(array(tensor), wanted, phase))
    flat = tensor.flatten(2) if axis == 1 else tensor.movedim(axis, 1).flatten(2)
    flat = flat.reshape(flat.shape[0], units, -1 if flat.numel() else 1)
    # Copied unit by unit, so that neighbouring positions stay neighbours.
    return _some(flat, wanted, phase).transpose(0, 1).reshape(units, -1).t().float()


def _gathered(data: NDArray[Any], wanted: int, phase: int) -> NDArray[Any]:
    """The sample (rows, units) of (batch, units, ...), copied unit by unit."""
    rows = _some(data.reshape(data.shape[0], data.shape[1], -1), wanted, phase)
    return np.array(rows.transpose(1, 0, 2), order="C").reshape(data.shape[1], -1).T


def _some(flat: Any, wanted: int, phase: int) -> Any:
    """Sample (examples, units, positions): few examples, then as many positions as are wanted.

    `flat` is an array or a tensor.
    """
    positions = flat.shape[2]
    examples = spread(flat, max(LEAST_ROWS, wanted // max(positions, 1)), phase)
    wanted_positions = max(1, wanted // max(examples.shape[0], 1))
    step = -(-positions // wanted_positions)
    return examples[:, :, phase % step :: step]


def spread(rows: Any, wanted: int, phase: int) -> Any:
    """At most `wanted` of the rows, at even distances."""
    total = rows.shape[0]
    if total <= wanted:
        return rows
    step = total // wanted
    return rows[phase % step :: step][:wanted]


def forward_sums(act: Act, rows: Tensor, holds: str, parameters: Mapping[str, Any]) -> Tensor:
    """`FORWARD` sums over rows: (8, units), on the rows' device.

    ``finite`` counts the finite outputs. The others are left out of sums and extremes: one
    overflowed entry would hide everything else for the rest of the run.
    """
    finite = _known_finite(rows)
    if (intervals := flat_intervals(act, parameters, FLAT, holds)) is not None:
        active, low, high_count = intervals.counts(rows, finite=finite)
        post = post_of(act, rows, holds, parameters)
    else:
        if holds == "pre":
            slope, high = _call(act.slope, rows, parameters), rows > act.centre
            post = _call(act.value, rows, parameters)
        else:
            slope, high = _call(act.slope_of_post, rows, parameters), rows > act.post_centre
            post = rows
        size = slope.abs()
        flat = size < FLAT * act.max_slope
        counts = torch.stack((size > 0, flat & ~high, flat & high)).sum(1)  # (3, units)
        active, low, high_count = counts.to(rows.dtype)
    if finite and (post is rows or _known_finite(post)):
        clean, finite_count = post, post.new_full(post.shape[1:], len(post))
    else:
        clean = post.nan_to_num(0.0, 0.0, 0.0)
        zeros = post - post  # 0 where finite, else NaN: a comparison into floats is vectorised
        finite_count = torch.eq(zeros, 0, out=zeros).sum(0)
    return torch.stack(
        (
            active,
            low,
            high_count,
            clean.sum(0),
            (clean * clean).sum(0),
            clean.amax(0),
            clean.amin(0),
            finite_count,
        )
    )


def _known_finite(rows: Tensor) -> bool:
    """Whether it costs nothing to know that all entries are finite: a sum on a CPU shows it.

    Elsewhere looking would wait for the device.
    """
    return rows.is_cpu and math.isfinite(rows.sum().item())


def post_of(act: Act, rows: Tensor, holds: str, parameters: Mapping[str, Any]) -> Tensor:
    """The act's output on rows of its input (`holds` is ``"pre"``) or of its output."""
    return rows if holds == "post" else _call(act.native or act.value, rows, parameters)


def slopes_of(act: Act, rows: Tensor, parameters: Mapping[str, Any]) -> Tensor:
    """f' on rows (rows, units) of the act's input."""
    return _call(act.slope, rows, parameters)


def _call(function: Callable[..., Tensor] | None, rows: Tensor, extra: Mapping[str, Any]) -> Tensor:
    assert function is not None  # the callers pass elementwise acts only
    fitted = {
        name: value.detach().reshape(-1).to(rows) if isinstance(value, Tensor) else value
        for name, value in extra.items()
    }  # PReLU's slopes: (1,) or (units,), along the last axis of the sample
    return function(rows, **fitted)


def backward_sums(grad_pre: Tensor, grad_post: Tensor) -> Tensor:
    """`BACKWARD` sums over rows of two samples (rows, units): (3, units)."""
    return torch.stack((grad_pre.abs().sum(0), unit_norms(grad_pre), unit_norms(grad_post)))


def unit_norms(rows: Tensor) -> Tensor:
    """L2 norm of each unit's rows, (units,), for entries of any size.

    Squares of gradients below 1e-19 vanish in float32. On a CPU the sum itself shows whether that
    happened; elsewhere looking would wait for the device, so the squares are taken in float64.
    """
    if rows.is_cpu:
        squares = (rows * rows).sum(0)
        if TINY < float(squares.sum()) < HUGE:
            return squares.sqrt_()
    return as_float64(rows).square_().sum(0).sqrt_().float().to(rows.device)


def pre_sums(pre: Tensor) -> Tensor:
    """`PRE` sums over rows of a sample (rows, units) of the act's input: (4, units)."""
    return torch.stack((pre.sum(0), (pre * pre).sum(0), pre.amax(0), pre.amin(0)))


SLOPE, ABOVE, TOP = ("slope_max",), ("above",), ("top",)


def slope_sums(act: Act, rows: Tensor, holds: str, parameters: Mapping[str, Any]) -> Tensor:
    """`SLOPE`: the largest abs slope over the act's largest, `FLAT` at most: (1, units)."""
    slope = act.slope if holds == "pre" else act.slope_of_post
    size = _call(slope, rows, parameters).abs() / act.max_slope
    return size.nan_to_num(FLAT).amax(0).clamp(max=FLAT).unsqueeze(0)


def above_sums(act: Act, rows: Tensor, holds: str) -> Tensor:
    """`ABOVE`: how many rows of each unit lie above the kink: (1, units)."""
    kink = act.kinks_at()[0] if holds == "pre" else act.post_centre
    return (rows > kink).sum(0, dtype=rows.dtype).unsqueeze(0)


def top_sums(rows: Tensor) -> Tensor:
    """`TOP`: on how many rows each unit is the largest: (1, units)."""
    first = rows.argmax(1)
    counts = rows.new_zeros(rows.shape[1])
    return counts.index_add_(0, first, rows.new_ones(len(rows))).unsqueeze(0)


LINE = ("line_left", "line_all")


def line_sums(act: Act, pre: Tensor, parameters: Mapping[str, Any]) -> Tensor:
    """`LINE`: how much of the output's variance the best straight line in `pre` leaves over.

    Returns:
        (2, units): sums of squares about the line, and about the mean.
    """
    post = post_of(act, pre, "pre", parameters)
    x, y = as_float64(pre), as_float64(post)
    x, y = x - x.mean(0), y - y.mean(0)
    whole = (y * y).sum(0)
    line = (x * y).sum(0) ** 2 / (x * x).sum(0).clamp(min=1e-300)
    return torch.stack(((whole - line).clamp(min=0), whole))


def site_stats(sampled: SampledSums, kind: str = "act") -> dict[str, float]:
    """The stats of one record at one act or head, from its sums (declared in `stats/`).

    Args:
        sampled: the sums of the record.
        kind: of the site, ``"act"`` or ``"head"``.
    """
    stats: dict[str, float] = {}
    for name, needs, value_of in _computed(kind):
        if needs <= sampled.sums.keys() and (value := value_of(sampled)) is not None:
            stats[name] = value
    return stats


@cache
def _computed(kind: str) -> list[tuple[str, frozenset[str], Callable[[SampledSums], float | None]]]:
    stats = computed_stats(kind)
    return [(s.name, frozenset(s.needs), s.of) for s in stats if s.of is not None]


def unit_fields(sampled: SampledSums) -> dict[str, Any]:
    """One record as the fields of a `core.Window`: those that it measured.

    Non-finite entries never enter a running sum.
    """
    fields: dict[str, Any] = {}
    for name, numbers in sampled.sums.items():
        law = FIELDS.get(name)
        if law is not None:
            finite = law.type != "f8" or math.isfinite(sampled.total(name))
            fields[name] = numbers if finite else np.nan_to_num(numbers, posinf=0.0, neginf=0.0)
    if "pre_sum" in fields:
        fields["pre_n"] = sampled.pre_rows
    return fields
