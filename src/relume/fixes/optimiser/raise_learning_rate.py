"""raise-learning-rate: every step taken with a multiple of the learning rate.

## What it does
Multiplies the learning rate of every parameter group by a factor, ten by default.
Proposed are the power of ten that brings the measured step nearest to a thousandth of the weights,
and its two neighbours.

## When it helps
Where steps change the weights by less than a hundred-thousandth of themselves and the loss has not
fallen. It does not cure a gradient that vanishes: measured on digits, eight sigmoids stay at chance
(docs/fixes.md).

## How it is applied
As lower-learning-rate: for the length of each step, so that schedules go on as they were.

## What it changes (safety)
RETRAIN: the same model takes other steps.

## References
Karpathy, "CS231n notes: ratio of weights to updates", 2015. Smith, "Cyclical learning rates for
training neural networks", WACV 2017, arXiv:1506.01186.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.step_scaling import scale_rate

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT606": 1}
USUAL = 1e-3  # of the weights, a step: the rule of thumb (CS231n; page of ACT605)


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the factor that brings the update ratio to the rule of thumb, and its neighbours."""
    rate = finding.evidence.more.get("rate")
    decades = 2  # where the updates were not measured
    if isinstance(rate, float) and rate > 0:
        decades = max(round(math.log10(USUAL / rate)), 1)
    for factor in (10.0**power for power in (decades, decades + 1, decades - 1) if power > 0):
        yield PAGE.edit(f"learning rate times {factor:g}", at=script(trace), factor=factor)


def apply(edit: Edit, session: "EditSession") -> None:
    """Multiply the groups' rates for the length of each step."""
    factor = float(option(edit, "factor", 10.0))
    scale_rate(session, lambda _optimizer, _count: factor, f"learning rate times {factor:g}")


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Change the rate of the one optimiser that the script makes."""
    from relume.fixes.source.optimizer_argument import scale_entry_patch

    return scale_entry_patch(source, "lr", float(option(edit, "factor", 10.0)))


def by_hand(edit: Edit, source: "Source") -> str:
    """Name the script's option that sets it, and its new value."""
    from relume.fixes.source.optimizer_argument import entry_instructions

    return entry_instructions(source, "lr", float(option(edit, "factor", 10.0)))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch, by_hand)
