"""decay-learning-rate: the learning rate falls to a hundredth over the run.

## What it does
Multiplies the learning rate by a factor that falls along half a cosine from 1 to 0.01 over the
run's steps, and stays there.

## When it helps
Where the loss has fallen and then swings around a level: steps of one length cannot settle in a
valley narrower than they are. It does not help a rate at which the loss never fell.

## How it is applied
Around every step of every optimiser, on top of whatever schedule the script has.

## What it changes (safety)
RETRAIN: the same model takes other steps.

## References
Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
arXiv:1608.03983.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.step_scaling import scale_rate, schedule_patch

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT607": 2, "ACT605": 3}
LEAST = 0.01


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a decay over as many steps as the run took."""
    run_steps = trace.meta.get("steps")
    if isinstance(run_steps, int) and run_steps > 1:
        yield PAGE.edit(f"learning rate decayed over {run_steps} steps", steps=run_steps)


def apply(edit: Edit, session: "EditSession") -> None:
    """Multiply the groups' rates by half a cosine."""
    steps = max(int(option(edit, "steps", 1000)), 1)

    def factor(_optimizer: object, count: int) -> float:
        part = min(count / steps, 1.0)
        return LEAST + (1 - LEAST) * (1 + math.cos(math.pi * part)) / 2

    scale_rate(session, factor, f"learning rate decayed over {steps} steps")


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Make a schedule behind the line that makes the optimiser."""
    steps = max(int(option(edit, "steps", 1000)), 1)
    angle = f"min(step / {steps}, 1.0) * {math.pi!r}"
    cosine = f"torch.tensor({angle}, dtype=torch.float64).cos().item()"
    return schedule_patch(source, edit.text, f"{LEAST} + {1 - LEAST} * (1 + {cosine}) / 2")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
