"""clip-gradient: the gradient's norm kept at 1 or below.

## What it does
Scales the gradient of all parameters of an optimiser down to a norm of at most 1 (or `norm`) before
its step.

## When it helps
A seat belt against the one batch in a thousand whose gradient is far outside the usual. It does not
cure a learning rate that is too high nor a bad initialisation: on digits it helps neither
(docs/fixes.md). It hardly changes optimisers that divide by the gradient's size, such as Adam.

## How it is applied
Before every step of every optimiser, after a gradient scaler has unscaled; where the step computes
the gradient in a closure, after that.

## What it changes (safety)
RETRAIN: the same model takes other steps.

## References
Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
arXiv:1211.5063.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.edit_job import several
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT602": 3, "ACT604": 3, "ACT605": 4, "ACT609": 3}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a norm of 1, the usual one."""
    yield PAGE.edit("gradient clipped to a norm of 1", at=script(trace), norm=1.0)


def apply(edit: Edit, session: "EditSession") -> None:
    """Clip before every step."""
    most, job = float(option(edit, "norm", 1.0)), session.current
    job.no_effect = "no optimiser took a step with a gradient"
    counted: set[int] = set()
    text = f"gradient clipped to a norm of {most:g}"
    job.describe = lambda job: f"{text} on {several(job.counts['optimiser'], 'optimiser')}"

    def before(optimizer: Optimizer, _count: int) -> None:
        every = [p for group in optimizer.param_groups for p in group["params"]]
        with_gradient = [p for p in every if p.grad is not None]
        if not with_gradient:
            return
        scale = getattr(optimizer, "grad_scale", None)  # a fused step unscales on its own
        limit = most if scale is None else most * float(scale)
        torch.nn.utils.clip_grad_norm_(with_gradient, limit)
        if id(optimizer) not in counted:
            counted.add(id(optimizer))
            job.count("optimiser")

    session.on_step(before, uses_gradients=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a line before the one step of the script."""
    from relume.fixes.source.setup_blocks import before_step

    parameters = '[p for group in {optimiser}.param_groups for p in group["params"]]'
    norm = float(option(edit, "norm", 1.0))
    return before_step(source, f"torch.nn.utils.clip_grad_norm_({parameters}, max_norm={norm:g})")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
