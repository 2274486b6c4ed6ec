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
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.step_scaling import rate_killed, scale_rate

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT605": 1, "ACT607": 1, "ACT403": 1, "ACT401": 1, "ACT402": 1, "ACT602": 2, "ACT604": 2}
IF_HIGH = ("ACT401", "ACT402", "ACT403")  # dead units: only if it was high when they died


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a tenth; where numbers are no longer finite, a hundredth too."""
    if finding.code in IF_HIGH and not rate_killed(finding, diagnosis):
        return
    yield PAGE.edit("learning rate times 0.1", at=script(trace), factor=0.1)
    if finding.code in ("ACT602", "ACT605"):
        yield PAGE.edit("learning rate times 0.01", at=script(trace), factor=0.01)


def apply(edit: Edit, session: "EditSession") -> None:
    """Multiply the groups' rates for the length of each step."""
    factor = float(option(edit, "factor", 0.1))
    scale_rate(session, lambda _optimizer, _count: factor, f"learning rate times {factor:g}")


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Change the rate of the one optimiser that the script makes."""
    from relume.fixes.source.optimizer_argument import scale_entry_patch

    return scale_entry_patch(source, "lr", float(option(edit, "factor", 0.1)))


def by_hand(edit: Edit, source: "Source") -> str:
    """Name the script's option that sets it, and its new value."""
    from relume.fixes.source.optimizer_argument import entry_instructions

    return entry_instructions(source, "lr", float(option(edit, "factor", 0.1)))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch, by_hand)
