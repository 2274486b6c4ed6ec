"""clear-gradients: each step's gradients dropped before the next backward pass adds to them.

## What it does
Clears the gradients of an optimiser's parameters right after its step.

## When it helps
Where no `zero_grad()` is called, or not for every optimiser: a step then follows the sum of all
gradients since the start. Where a script clears them itself, nothing changes.

## How it is applied
After every step of every optimiser, which keeps an accumulation over several backward passes whole.

## What it changes (safety)
RETRAIN: the same model takes other steps. Gradients that are read after the step are gone.

## References
PyTorch, "Zeroing out gradients in PyTorch" (recipes, 2020).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.live.edit_job import several
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT901": 0.5}
TEXT = "gradients cleared after each step"


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it for the script."""
    yield PAGE.edit(TEXT, at=script(trace))


def apply(edit: Edit, session: "EditSession") -> None:
    """Drop the gradients after every step; counts the steps where there were any."""
    job = session.current
    job.no_effect = "no optimiser left a gradient behind"
    job.describe = lambda job: f"{TEXT}, {several(job.counts['step'], 'step')}"

    def after(optimizer: Optimizer, _count: int) -> None:
        every = [p for group in optimizer.param_groups for p in group["params"]]
        left = [p for p in every if p.grad is not None]
        for parameter in left:
            parameter.grad = None
        if left:
            job.count("step")

    session.on_step(after=after)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a line behind the one step of the script."""
    from relume.fixes.source.setup_blocks import after_step

    return after_step(source, "{optimiser}.zero_grad()  # else backward adds to them\n")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
