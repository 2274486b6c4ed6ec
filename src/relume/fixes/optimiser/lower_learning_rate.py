"""lower-learning-rate: every step taken with a tenth of the learning rate.

## What it does
Multiplies the learning rate of every parameter group by a factor, one tenth by default. A
factor above 1 raises it.

## When it helps
A step that changes the weights by a tenth of themselves leaves the region in which the gradient
means anything: units are thrown off the data and die, the loss swings or explodes. Measured on
digits with Adam at 0.1: see docs/fixes.md. It does not cure what is wrong at the start, such as
dead or saturated initial weights, nor inputs far from zero.

## How it is applied
Around every step of every optimiser: the groups' rates are multiplied before it and put back
after it, so any schedule, and any rate that the script sets itself, goes on as it was.

## What it changes (safety)
RETRAIN: the same model takes other steps. It costs steps, so it needs a won trial.

## References
Bottou, Curtis and Nocedal, "Optimization methods for large-scale machine learning", SIAM Review 60,
2018, arXiv:1606.04838. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
arXiv:1506.01186.
"""

from collections.abc import Iterator

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.step_scaling import rate_factor, rate_killed

PAGE = page(__doc__)

RUNGS = {"ACT605": 1, "ACT607": 1, "ACT403": 1, "ACT401": 1, "ACT402": 1, "ACT602": 2, "ACT604": 2}
FAR_TOO_HIGH = ("ACT602", "ACT605")  # a hundredth too: numbers may be no longer finite
IF_HIGH = ("ACT401", "ACT402", "ACT403")  # dead units: only if it was high when they died


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a tenth; where numbers are no longer finite, a hundredth too."""
    if finding.code in IF_HIGH and not rate_killed(finding, diagnosis):
        return
    yield PAGE.edit("learning rate times 0.1", at=script(trace), factor=0.1)
    if finding.code in FAR_TOO_HIGH:
        yield PAGE.edit("learning rate times 0.01", at=script(trace), factor=0.01)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, *rate_factor(0.1))
