"""Takes the sums of `act_stats` with NumPy, for samples in the host's memory.

A call of torch costs a few microseconds before it does anything; on a CPU the sample of a small
layer is added up in less. NumPy reads the same memory with a quarter of that overhead. The sums
are those of `act_stats`, which serves every other device and every sample with entries that are
not finite; `tests/record/measure/test_act_stats_numpy.py` holds the two to the same numbers.
Nothing here starts a thread.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from relume.acts.act import Act
from relume.record.measure.act_stats import FLAT, post_of
from relume.record.measure.flat_intervals import BEGIN, END, Edge, flat_intervals
from relume.record.measure.tensor_view import array, readable

Numbers = NDArray[Any]

LONGEST = 512  # rows that may be added one after another in float32, to 1e-6
PAIRED = 2_048  # rows beyond which only pairwise summation keeps float32 to 1e-6
TINY, HUGE = 1e-30, 1e37  # sums of squares beyond these are recomputed in float64


def is_on_host(rows: Tensor) -> bool:
    """Whether NumPy can read these rows (rows, units), and add them up as exactly as torch."""
    if not readable(rows):
        return False
    return rows.shape[0] <= LONGEST or rows.stride(0) == 1


def forward_sums(
    act: Act, rows: Tensor, holds: str, parameters: Mapping[str, Any]
) -> dict[str, Numbers] | None:
    """`act_stats.forward_sums` by name; ``finite`` is one number for all units.

    None where an entry of the output is not finite, or where the act has no flat intervals, so that
    its slope must be computed for each entry.
    """
    intervals = flat_intervals(act, parameters, FLAT, holds)
    if intervals is None:
        return None
    values = array(rows)
    post = values if holds == "post" else array(post_of(act, rows, holds, parameters))
    squares = _squares(post)
    if not np.isfinite(np.add.reduce(squares)):  # one infinity or NaN is enough
        return None
    count, units = values.shape
    flags = np.empty_like(values, dtype=bool)  # in the memory order of the rows: 4 times as fast

    def below(edge: Edge) -> Any:
        if edge[0] in (BEGIN[0], END[0]):
            return np.full(units, count if edge == END else 0, dtype=np.float32)
        (np.less_equal if edge[1] else np.less)(values, edge[0], out=flags)
        return _true_counts(flags)

    active, low, high = intervals.counts_from(below)
    return {
        "active": active,
        "low": low,
        "high": high,
        "post_sum": np.add.reduce(post, 0),
        "post_sumsq": squares,
        "post_max": np.maximum.reduce(post, 0),
        "post_min": np.minimum.reduce(post, 0),
        "finite": np.array(float(count * units)),
    }


def _true_counts(flags: NDArray[np.bool_]) -> Numbers:
    """How many are true in each column, in float32: exact for at most 65,535 rows."""
    bits = flags.view(np.uint8)
    kind = np.uint8 if len(bits) < 256 else np.uint16
    return np.add.reduce(bits, 0, kind).astype(np.float32)


def backward_sums(grad_pre: Tensor, grad_post: Tensor) -> dict[str, Numbers]:
    """`act_stats.backward_sums` by name; the sums of squares are over all units together."""
    pre = array(grad_pre)
    return {
        "grad_abs_sum": np.add.reduce(np.abs(pre), 0),
        "grad_pre_sumsq": power(pre),
        "grad_post_sumsq": power(array(grad_post)),
    }


def pre_sums(rows: Tensor) -> dict[str, Numbers]:
    """`act_stats.pre_sums` by name."""
    pre = array(rows)
    return {
        "pre_sum": np.add.reduce(pre, 0, np.float64),  # cancellation leaves rounding errors
        "pre_sumsq": _squares(pre),
        "pre_max": np.maximum.reduce(pre, 0),
        "pre_min": np.minimum.reduce(pre, 0),
    }


def line_sums(act: Act, rows: Tensor, parameters: Mapping[str, Any]) -> dict[str, Numbers]:
    """`act_stats.line_sums` by name."""
    x = array(rows).astype(np.float64)
    y = array(post_of(act, rows, "pre", parameters)).astype(np.float64)
    x -= np.add.reduce(x, 0) / len(x)
    y -= np.add.reduce(y, 0) / len(y)
    both, whole = np.einsum("ij,ij->j", x, y), np.einsum("ij,ij->j", y, y)
    line = np.square(both) / np.maximum(np.einsum("ij,ij->j", x, x), 1e-300)
    return {"line_left": np.maximum(whole - line, 0.0), "line_all": whole}


def _squares(rows: Numbers) -> Numbers:
    """The sum of squares of each column, without a copy of the squares where there are few."""
    if len(rows) > PAIRED:
        return np.add.reduce(np.square(rows), 0)
    return np.einsum("ij,ij->j", rows, rows)


def power(numbers: Numbers) -> Any:
    """The sum of the squares of all entries; in float64 where float32 would under- or overflow."""
    total = np.add.reduce(_squares(numbers), None)
    if TINY < total < HUGE:
        return total
    return np.add.reduce(np.square(numbers.astype(np.float64)), None)
