"""cap-learning-rate: no step taken with a rate above what the run uses apart from a spike.

## What it does
Lowers the learning rate to a ceiling on the steps on which it exceeds it; every other step is taken
as it was. The parameter groups of an optimiser keep their proportions.

## When it helps
Where a schedule slips: a few steps with a rate far above all others throw the weights away. A rate
that is lower, decayed or warmed up for the whole run would only slow the steps that were right.
Proposed where the largest rate of the run is more than three times its 90th percentile, which is
then the ceiling: half a cosine peaks at 1.03 times that, a fall by a factor of a thousand at twice.

## How it is applied
Around every step of the optimiser that steps first, as lower-learning-rate: schedules go on as they
were. Other optimisers keep their rates.

## What it changes (safety)
RETRAIN: the same model takes other steps.

## References
Bottou, Curtis and Nocedal, "Optimization methods for large-scale machine learning", SIAM Review 60,
2018, arXiv:1606.04838.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.step_scaling import scale_rate

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT605": 0.5, "ACT602": 1.9, "ACT604": 1.9, "ACT607": 0.5}
USUAL = 0.9  # quantile of the rates
SPIKE = 3.0  # times that: no schedule goes so far above it (see this page)
BLOCK = """# no step with a higher learning rate
def cap_rate(optimizer, *_):
    for group in optimizer.param_groups:
        group["lr"] = min(group["lr"], MOST)


{optimiser}.register_step_pre_hook(cap_rate)
"""
LEAST = 20  # records of the rate: the top tenth of fewer is no more than one


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a ceiling where the rate was far above its usual for less than a tenth of the run."""
    series = trace.series("", "learning_rate")
    if series is None or len(series) < LEAST:
        return
    usual, peak = float(np.quantile(series.values, USUAL)), float(series.values.max())
    if 0 < SPIKE * usual < peak:
        yield PAGE.edit(f"learning rate at most {usual:.3g}", most=usual)


def apply(edit: Edit, session: "EditSession") -> None:
    """Scale the rates of the first optimiser down where the largest is above the ceiling."""
    most = float(option(edit, "most", 0.0))
    first: list[
        int
    ] = []  # the ceiling comes from the rates of this optimiser; others have their own

    def factor(optimizer: Optimizer, _count: int) -> float:
        if not first:
            first.append(id(optimizer))
        rate = max(float(group.get("lr") or 0.0) for group in optimizer.param_groups)
        return most / rate if id(optimizer) in first and 0 < most < rate else 1.0

    scale_rate(session, factor, f"learning rate at most {most:.3g}")


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Register a hook behind the line that makes the optimiser."""
    from relume.fixes.source.setup_blocks import after_optimiser

    return after_optimiser(source, BLOCK.replace("MOST", f"{option(edit, 'most', 0.0):.12g}"))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
