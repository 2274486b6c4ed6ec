"""warm-up-learning-rate: the learning rate grows to its value over the first steps.

## What it does
Multiplies the learning rate by (t + 1) / n on step t of the first n, 100 by default.

## When it helps
Where units die or the loss explodes within the first steps and the same rate is fine later: Adam's
first steps are as long as its rate whatever the gradient is, and the curvature is largest at the
start. A rate that stays too high needs lower-learning-rate.

## How it is applied
Around every step of every optimiser, as lower-learning-rate; each optimiser counts its own steps.

## What it changes (safety)
RETRAIN: the same model takes other steps.

## References
Goyal et al., "Accurate, large minibatch SGD", 2017, arXiv:1706.02677. Gilmer et al., "A loss
curvature perspective on training instability in deep learning", 2021, arXiv:2110.04369.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.step_scaling import rate_killed, scale_rate, schedule_patch

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT605": 2, "ACT403": 1.5, "ACT401": 1.5, "ACT503": 5, "ACT602": 2.5}
IF_HIGH = ("ACT401", "ACT403")
SHARE, MOST = 0.1, 500  # of the run's steps, as is usual; warm-ups longer than that gain nothing


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a warm-up over the first tenth of the run."""
    if finding.code in IF_HIGH and not rate_killed(finding, diagnosis):
        return
    run_steps = trace.meta.get("steps")
    steps = min(max(int(SHARE * run_steps), 10), MOST) if isinstance(run_steps, int) else 100
    yield PAGE.edit(f"learning rate warmed up over {steps} steps", steps=steps)


def apply(edit: Edit, session: "EditSession") -> None:
    """Multiply the groups' rates on the first steps."""
    steps = max(int(option(edit, "steps", 100)), 1)
    text = f"learning rate warmed up over {steps} steps"
    scale_rate(session, lambda _optimizer, count: min(1.0, (count + 1) / steps), text)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Make a schedule behind the line that makes the optimiser."""
    steps = max(int(option(edit, "steps", 100)), 1)
    return schedule_patch(source, edit.text, f"min(1.0, (step + 1) / {steps})")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
