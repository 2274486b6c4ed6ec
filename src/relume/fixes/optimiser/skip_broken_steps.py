"""skip-broken-steps: no step taken with a gradient that is not finite.

## What it does
Leaves a step out where the gradient of any parameter of the optimiser holds NaN or infinity: the
gradients are dropped, so that weights, momentum and averages stay as they were.

## When it helps
Where a rare batch gives a loss that is not finite, such as a logarithm or a root at zero, and one
step with it would ruin all weights. It keeps the run alive; the operation that failed still fails,
and is better cured where it stands. Where every step is broken it changes nothing: a run that
explodes has another cause.

## How it is applied
Before every step of every optimiser, after a gradient scaler has unscaled; where the step computes
the gradient in a closure, after that. Reading the gradients waits for the device once a step.

## What it changes (safety)
RETRAIN: the same model takes fewer steps.

## References
Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740, whose loss scaling
skips such steps. Chowdhery et al., "PaLM: scaling language modeling with pathways", JMLR 24, 2023,
section 5.1, which skips batches.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.live.edit_job import EditJob, several
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT604": 0.8}
BLOCK = """gradients = [p.grad for group in {optimiser}.param_groups for p in group["params"]]
if not all(grad.isfinite().all() for grad in gradients if grad is not None):
    {optimiser}.zero_grad(set_to_none=True)  # and so takes no step
"""


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where the first value that is not finite has a place of its own."""
    yield PAGE.edit("steps with a gradient that is not finite left out", at=script(trace))


def apply(edit: Edit, session: "EditSession") -> None:
    """Drop the gradients of broken steps."""
    job = session.current
    job.no_effect = "no optimiser took a step with a gradient"
    job.describe = _summary

    def before(optimizer: Optimizer, _count: int) -> None:
        every = [p for group in optimizer.param_groups for p in group["params"]]
        with_gradient = [p for p in every if p.grad is not None]
        if not with_gradient:
            return
        job.count("step")
        # a product with zero is NaN for NaN and for infinity, and overflows for nothing else
        sums = torch.stack(
            [(p.grad * 0).sum().float().to(with_gradient[0].device) for p in with_gradient]
        )
        if not bool(torch.isfinite(sums).all()):
            job.count("skipped")
            for parameter in with_gradient:
                parameter.grad = None

    session.on_step(before, uses_gradients=True)


def _summary(job: EditJob) -> str:
    return f"{several(job.counts.get('skipped', 0), 'step')} of {job.counts['step']} left out"


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert lines before the one step of the script."""
    from relume.fixes.source.setup_blocks import before_step

    return before_step(source, BLOCK)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
