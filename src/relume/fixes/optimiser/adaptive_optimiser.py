"""adaptive-optimiser: Adam's steps in place of plain gradient descent.

## What it does
Replaces the gradient before each step of SGD by Adam's direction, with the rate 0.001 (or `rate`)
at the script's first rate and in proportion to it later; momentum and dampening rest. Other
optimisers are left.

## When it helps
Where gradients differ by orders of magnitude from layer to layer: Adam divides each by its own
size. The last rung of the ladder: it moves layers that get little gradient, and does not give them
a better one.

## How it is applied
Around every step of `torch.optim.SGD`; gradients, momentum and weight decay are put back after it.

## What it changes (safety)
RETRAIN: the same model takes other steps.

## References
Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv:1412.6980.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
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

RUNGS = {"ACT601": 4, "ACT606": 2}
RATE, BETAS, EPSILON = 1e-3, (0.9, 0.999), 1e-8  # Adam's own defaults


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where SGD trained the run."""
    if trace.meta.get("optimizer") == "SGD":
        yield PAGE.edit("Adam in place of SGD", at=script(trace), rate=RATE)


class _Moments:
    def __init__(self, gradient: Tensor) -> None:
        self.first, self.second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self.steps = 0

    def direction(self, gradient: Tensor) -> Tensor:
        """Return the bias-corrected first moment over the root of the second."""
        self.steps += 1
        self.first.lerp_(gradient, 1 - BETAS[0])
        self.second.lerp_(gradient.square(), 1 - BETAS[1])
        first = self.first / (1 - BETAS[0] ** self.steps)
        second = self.second / (1 - BETAS[1] ** self.steps)
        return first / (second.sqrt() + EPSILON)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change the gradients before each step of SGD, and put them back after it."""
    rate, job = float(option(edit, "rate", RATE)), session.current
    job.no_effect = "no SGD took a step"
    job.describe = lambda job: (
        f"Adam in place of SGD on {several(job.counts['optimiser'], 'optimiser')}"
    )
    moments: dict[Tensor, _Moments] = {}
    firsts: dict[tuple[int, int], float] = {}

    def before(optimizer: Optimizer, count: int) -> None:
        if type(optimizer).__name__ != "SGD":
            return
        if count == 0:
            job.count("optimiser")
        for number, group in enumerate(optimizer.param_groups):
            first = firsts.setdefault((id(optimizer), number), float(group["lr"]) or 1.0)
            for entry in ("momentum", "dampening"):
                session.override(group, entry, 0)
            session.override(group, "nesterov", False)
            for parameter in group["params"]:
                if parameter.grad is not None and not parameter.grad.is_sparse:
                    moment = moments.setdefault(parameter, _Moments(parameter.grad))
                    gradient = moment.direction(parameter.grad) * (rate / first)
                    session.override_gradient(parameter, gradient)

    with torch.no_grad():
        session.on_step(before, uses_gradients=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Make Adam where the script makes its optimiser."""
    from relume.fixes.source.optimizer_argument import other_optimiser

    return other_optimiser(source, "Adam", {"lr": float(option(edit, "rate", RATE))})


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
