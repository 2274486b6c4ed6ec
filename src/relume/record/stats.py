"""What is measured at an act on one record: sums over a bounded sample, one row a unit.

On the device only sums over the sampled rows are taken, one small matrix a site; shares, means
and RMS values are made from them on the host (`site_stats`). So a device is asked for one copy a
record, and every stat is a sum that can be added up over records and ranks.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.acts.act import Act
from relume.record.bands import bands

Floats = NDArray[np.float64]

# ATen runs a kernel of at most 32,768 elements on one thread: under contention a second thread
# costs a stalled barrier (measured: 112 % of a layer's time against 0.3 %).
MOST_ELEMENTS = 32_768
LEAST_ROWS = 8  # even for a layer so wide that 8 rows exceed the bound
FLAT = 0.05  # abs slope / largest slope below which an entry counts as flat (RULES.md, 501)

FORWARD = ("active", "low", "high", "post_sum", "post_sumsq", "post_max", "post_min", "finite")
BACKWARD = ("grad_abs_sum", "grad_pre_sumsq", "grad_post_sumsq")
PRE = ("pre_sum", "pre_sumsq", "pre_max", "pre_min")


def sample(tensor: Tensor, axis: int, phase: int) -> Tensor:
    """A bounded number of rows of `tensor`, one column a unit, in float32.

    Rows are taken at even distances, beginning at another place on each record (`phase`), and
    no random number is drawn.

    Args:
        tensor: any shape and floating dtype, with its units on `axis`.
        axis: the unit axis, not negative.
        phase: the number of the record.

    Returns:
        (rows, units), on the tensor's device; a view where no copy is needed.
    """
    tensor = tensor.detach()
    if tensor.dim() < 2:
        return tensor.reshape(-1, 1)[:MOST_ELEMENTS].float()
    units = tensor.shape[axis]
    wanted = max(LEAST_ROWS, MOST_ELEMENTS // max(units, 1))
    if axis == tensor.dim() - 1:
        return _spread(tensor.reshape(-1, units), wanted, phase).float()
    # (batch, units, positions): few examples, and then as many positions as the bound allows
    flat = tensor.flatten(2) if axis == 1 else tensor.movedim(axis, 1).flatten(2)
    positions = flat.shape[2] if flat.dim() > 2 else 1
    flat = flat.reshape(flat.shape[0], units, positions)
    examples = _spread(flat, max(LEAST_ROWS, wanted // max(positions, 1)), phase)
    each = max(1, wanted // max(examples.shape[0], 1))
    step = -(-positions // each)
    rows = examples[:, :, phase % step :: step]  # (examples, units, some positions)
    return rows.transpose(1, 2).reshape(-1, units).float()


def _spread(rows: Tensor, wanted: int, phase: int) -> Tensor:
    total = rows.shape[0]
    if total <= wanted:
        return rows
    step = total // wanted
    return rows[phase % step :: step][:wanted]


def forward_sums(act: Act, rows: Tensor, holds: str, parameters: Mapping[str, Any]) -> Tensor:
    """`FORWARD` sums over rows: (8, units), on the rows' device.

    ``finite`` counts the finite outputs; others are left out of sums and extremes, since one
    overflowed entry would otherwise hide everything else for the rest of the run.
    """
    if holds == "pre" and (found := bands(act, parameters, FLAT)) is not None:
        active, low, high_count = found.counts(rows)
        post = _call(act.native or act.value, rows, parameters)
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
    clean = post.nan_to_num(0.0, 0.0, 0.0)
    left = post - post  # 0 where it is finite, else NaN: a comparison into floats is vectorised
    finite_count = torch.eq(left, 0, out=left).sum(0)
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


def _call(function: Callable[..., Tensor] | None, rows: Tensor, extra: Mapping[str, Any]) -> Tensor:
    assert function is not None  # only elementwise acts come here
    fitted = {
        name: value.detach().reshape(-1).to(rows) if isinstance(value, Tensor) else value
        for name, value in extra.items()
    }  # PReLU's slopes: (1,) or (units,), along the last axis of the sample
    return function(rows, **fitted)


def backward_sums(grad_pre: Tensor, grad_post: Tensor) -> Tensor:
    """`BACKWARD` sums over rows of two samples (rows, units): (3, units)."""
    size = grad_pre.abs()
    return torch.stack((size.sum(0), (size * size).sum(0), (grad_post * grad_post).sum(0)))


def pre_sums(pre: Tensor) -> Tensor:
    """`PRE` sums over rows of a sample (rows, units) of the act's input: (4, units)."""
    return torch.stack((pre.sum(0), (pre * pre).sum(0), pre.amax(0), pre.amin(0)))


LINE = ("line_left", "line_all")


def line_sums(act: Act, pre: Tensor, parameters: Mapping[str, Any]) -> Tensor:
    """What the best straight line in `pre` leaves of the output, and all of its variance.

    Returns:
        (2, units): sums of squares about the line, and about the mean, for `LINE`.
    """
    post = _call(act.value, pre, parameters)
    x, y = pre.double() - pre.double().mean(0), post.double() - post.double().mean(0)
    all_of_it = (y * y).sum(0)
    line = (x * y).sum(0) ** 2 / (x * x).sum(0).clamp(min=1e-300)
    return torch.stack(((all_of_it - line).clamp(min=0), all_of_it))


def site_stats(rows: int, pre_rows: int, sums: Mapping[str, Floats]) -> dict[str, float]:
    """The stats of one record at one act from its sums (see `core.Trace` for their meaning).

    Args:
        rows: sampled rows behind the forward and backward sums.
        pre_rows: sampled rows behind the sums of the input; 0 where it was not read.
        sums: by name, one number a unit.
    """
    units = max(len(sums["active"]), 1)
    total = float(max(rows * units, 1))
    finite = max(float(sums["finite"].sum()), 1.0)
    flat = 0.9 * rows  # a unit counts as flat where >= 90 % of its rows are (RULES.md, 501)
    found = {
        "silent_unit_share": 1.0 - float(np.count_nonzero(sums["active"])) / units,
        "zero_slope_share": 1.0 - float(sums["active"].sum()) / total,
        "flat_share_low": float(sums["low"].sum()) / total,
        "flat_share_high": float(sums["high"].sum()) / total,
        "flat_unit_share_low": float(np.mean(sums["low"] >= flat)),
        "flat_unit_share_high": float(np.mean(sums["high"] >= flat)),
        "post_mean": float(sums["post_sum"].sum()) / finite,
        "post_rms": float(np.sqrt(sums["post_sumsq"].sum() / finite)),
        "nonfinite_share": 1.0 - float(sums["finite"].sum()) / total,
    }
    if "line_all" in sums and (power := float(sums["line_all"].sum())) > 0:
        found["affine_residual_share"] = float(sums["line_left"].sum()) / power
    return found | gradient_stats(rows, sums) | pre_stats(pre_rows, sums)


def gradient_stats(rows: int, sums: Mapping[str, Floats]) -> dict[str, float]:
    """RMS of the gradients on both sides of an act, where they were seen."""
    if "grad_pre_sumsq" not in sums:
        return {}
    total = max(rows * len(sums["grad_pre_sumsq"]), 1)
    return {
        "grad_pre_rms": float(np.sqrt(sums["grad_pre_sumsq"].sum() / total)),
        "grad_post_rms": float(np.sqrt(sums["grad_post_sumsq"].sum() / total)),
    }


def pre_stats(rows: int, sums: Mapping[str, Floats]) -> dict[str, float]:
    """Mean, RMS and largest size of the act's input, where it could be read."""
    if "pre_sum" not in sums:
        return {}
    total = max(rows * len(sums["pre_sum"]), 1)
    size = np.fmax(np.abs(sums["pre_max"]), np.abs(sums["pre_min"]))
    return {
        "pre_mean": float(sums["pre_sum"].sum()) / total,
        "pre_rms": float(np.sqrt(sums["pre_sumsq"].sum() / total)),
        "pre_absmax": float(size.max()) if len(size) else 0.0,
    }


def unit_fields(pre_rows: int, sums: Mapping[str, Floats]) -> dict[str, Floats]:
    """The record as one `core.Window`'s fields: non-finite entries never enter a running sum."""
    units = len(sums["active"])
    none = np.zeros(units)
    seen = "pre_sum" in sums
    fields = {name: sums[name] for name in ("active", "low", "high", "post_sum", "post_sumsq")}
    fields |= {name: sums[name] for name in ("post_max", "post_min")}
    fields["grad_abs_sum"] = np.nan_to_num(sums.get("grad_abs_sum", none), posinf=0.0, neginf=0.0)
    fields["pre_n"] = np.full(units, float(pre_rows)) if seen else none
    fields["pre_sum"] = np.nan_to_num(sums.get("pre_sum", none), posinf=0.0, neginf=0.0)
    fields["pre_sumsq"] = np.nan_to_num(sums.get("pre_sumsq", none), posinf=0.0, neginf=0.0)
    fields["pre_max"] = sums["pre_max"] if seen else np.full(units, np.nan)
    return fields


def head_stats(rows: int, sums: Mapping[str, Floats]) -> dict[str, float]:
    """The stats of one record at the head, from the sums of its output and of its gradient."""
    found: dict[str, float] = {}
    if "grad_pre_meansq" in sums:
        found["grad_pre_rms"] = float(np.sqrt(sums["grad_pre_meansq"][0]))
    if "pre_sum" in sums and rows:
        total = max(rows * len(sums["pre_sum"]), 1)
        rms = float(np.sqrt(sums["pre_sumsq"].sum() / total))
        size = np.fmax(np.abs(sums["pre_max"]), np.abs(sums["pre_min"]))
        found |= {
            "pre_rms": rms,
            "pre_absmax": float(size.max()),
            "nonfinite_share": 0.0 if np.isfinite(rms) else 1.0,
        }
    return found
