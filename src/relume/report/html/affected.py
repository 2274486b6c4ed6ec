"""Finds the blocks in which nothing is wrong and that suffer all the same: starved, or full of NaN.

A layer that hardly any gradient reaches, or whose values are not finite, has no fault of its own;
"fine" would be false of it. It is *affected*, and the page says by what.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from relume.core import Diagnosis, Trace
from relume.report.html.network_blocks import NetworkBlock
from relume.report.words.sanitise import share

STARVED = 1e-3
"""Of the gradient of the block that gets most, both over the weights: less is vanishing-gradient's
limit (`relume explain vanishing-gradient`)."""
VALUES = ("pre_rms", "post_rms", "rms", "weight_norm", "grad_pre_rms", "grad_norm")
"""What is not finite only where values or gradients are not; a share may lack a denominator."""
VANISHING = ("vanishing-gradient",)
NOT_FINITE = ("first-non-finite", "exploding-gradient", "non-finite-data", "swallowed-nan")


def mark_affected(
    blocks: Sequence[NetworkBlock], trace: Trace, diagnosis: Diagnosis
) -> list[NetworkBlock]:
    """Return the blocks, those that are fine only by name with the health ``"affected"``."""
    gradients = [_gradient(block, trace) for block in blocks]
    most = max((value for value in gradients if value is not None), default=0.0)
    marked: list[NetworkBlock] = []
    below = _below_the_line(blocks, trace) if _by(diagnosis, VANISHING) else set[str]()
    for block, value in zip(blocks, gradients, strict=True):
        reason = ""
        if _not_finite(block, trace):
            reason = "its values are not finite" + _by(diagnosis, NOT_FINITE)
        elif value is not None and value < STARVED * most:
            arrives = share(value / most) if value else "none"
            reason = f"{arrives} of the largest gradient arrives here"
            reason += _by(diagnosis, VANISHING)
        elif block.name in below:
            reason = "less than a thousandth of the gradient arrives here"
            reason += _by(diagnosis, VANISHING)
        suffers = bool(reason) and block.health == "fine"
        marked.append(replace(block, health="affected", affected=reason) if suffers else block)
    return marked


def _gradient(block: NetworkBlock, trace: Trace) -> float | None:
    """The largest gradient of the block's weights, over their size, in the later half."""
    known: list[float] = []
    for name in block.names:
        grad, size = trace.series(name, "grad_norm"), trace.series(name, "weight_norm")
        if grad is None or size is None or not len(grad) or not len(size):
            continue
        late, norm = grad.values[len(grad) // 2 :], float(size.values[-1])
        late = late[np.isfinite(late)]
        if len(late) and math.isfinite(norm) and norm > 0:
            known.append(float(np.median(late)) / norm)
    return max(known, default=None)


def _below_the_line(blocks: Sequence[NetworkBlock], trace: Trace) -> set[str]:
    """The acts whose gradient at the end is below the figure's line: a thousandth of the last
    act's. By itself that is no sign, for entries of a large image each get little."""
    ends: list[tuple[str, float]] = []
    for block in blocks:
        series = trace.series(block.name, "grad_pre_rms")
        if series is not None and len(series) and block.kind == "act":
            ends.append((block.name, float(series.values[-1])))
    return {name for name, end in ends if end < STARVED * ends[-1][1]}


def _not_finite(block: NetworkBlock, trace: Trace) -> bool:
    """Whether a last record of the block holds NaN or infinity, forward or backward."""
    table = (trace.series(name, stat) for stat in VALUES for name in block.names)
    return any(
        series is not None and len(series) and not math.isfinite(float(series.values[-1]))
        for series in table
    )


def _by(diagnosis: Diagnosis, names: Iterable[str]) -> str:
    known = [finding for finding in diagnosis.findings if finding.name in set(names)]
    return f" ({known[0].name}, {known[0].site or 'the whole model'})" if known else ""
