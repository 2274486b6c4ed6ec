"""raise-learning-rate: every step taken with a multiple of the learning rate.

## What it does
Multiplies the learning rate of every parameter group by a factor, ten by default.
Proposed are the power of ten that brings the measured step nearest to a thousandth of the weights,
and its two neighbours. Where the weights' type rounds the steps away (update-lost), the power of
ten that brings the rate nearest to 1e-3, torch's own default, and its neighbours.

## When it helps
Where steps change the weights by less than a hundred-thousandth of themselves and the loss has not
fallen, or change no bit of weights in float32. It does not cure a gradient that vanishes: measured
on digits, eight sigmoids stay at chance (docs/fixes.md).

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

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.step_scaling import rate_factor

PAGE = page(__doc__)

RUNGS = {"ACT606": 1, "ACT908": 0.7}
USUAL = 1e-3  # of the weights, a step: the rule of thumb (CS231n; page of ACT605)
ROUNDED, RATE = "ACT908", 1e-3  # weights that stand still bit by bit; torch's default of SGD, Adam
HALF = ("bfloat16", "float16")  # there the type is to blame, and not the rate


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the factor that brings the update ratio to the rule of thumb, and its neighbours."""
    if finding.code == ROUNDED and finding.evidence.more.get("dtype", "bfloat16") in HALF:
        return
    if "ended" in finding.evidence.more:
        return  # a schedule that has ended: many times nothing is nothing
    rate = finding.evidence.more.get("rate")  # of change; of ACT908 the optimiser's own
    decades = 2  # where the updates were not measured
    if isinstance(rate, float) and rate > 0:
        decades = max(round(math.log10((RATE if finding.code == ROUNDED else USUAL) / rate)), 1)
    for factor in (10.0**power for power in (decades, decades + 1, decades - 1) if power > 0):
        yield PAGE.edit(f"learning rate times {factor:g}", at=script(trace), factor=factor)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, *rate_factor(10.0))
