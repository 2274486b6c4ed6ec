"""zero-raw-bias: biases that drown the signal set to zero, also where no layer owns them.

## What it does
Sets every trainable vector whose entries all lie beyond 1 in size to zero before training; weights
stay, and so do the scales of norm layers, which begin at 1.

## When it helps
Where a network is written with tensors of its own (`F.linear(x, w1, b1)`, a dictionary of weights)
and a bias of -8 keeps all units of a layer silent: no layer is there whose bias zero-bias could
set. Pre-activations of standardised data have a size of about 1, so that an offset beyond it on
every unit is larger than what the units can tell apart.

## How it is applied
When an optimiser is made, in place, to the vectors that it gets.

## What it changes (safety)
RETRAIN: training starts from another function.

## References
He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT405": 0.5, "ACT303": 2.1, "ACT401": 2.6}
BEYOND = 1.0  # the size of pre-activations of standardised data, and of a norm layer's scale
BLOCK = """# biases that drown the signal set to zero
with torch.no_grad():
    for group in {optimiser}.param_groups:
        for tensor in group["params"]:
            if tensor.dim() == 1 and tensor.abs().min() > 1:
                tensor.zero_()
"""


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where a trainable vector that belongs to no layer began away from zero."""
    vectors = [f for f in trace.facts_of("parameter") if len(f.data.get("shape") or ()) == 1]
    own = [f for f in vectors if "." not in f.site and f.data.get("trainable", True)]
    if any(not f.data.get("zero_init") for f in own):
        yield PAGE.edit("biases beyond 1 set to zero", at=script(trace))


def apply(edit: Edit, session: "EditSession") -> None:
    """Set them when an optimiser is made."""
    job = session.current
    job.no_effect = "no optimiser got a vector whose entries are all beyond 1"

    def made(optimizer: Optimizer) -> None:
        for vector in _drowning(optimizer):
            vector.zero_()
            job.count("bias vector")

    session.on_optimiser(made)


def _drowning(optimizer: Optimizer) -> list[Tensor]:
    every = [tensor.detach() for group in optimizer.param_groups for tensor in group["params"]]
    vectors = [tensor for tensor in every if tensor.dim() == 1 and tensor.numel()]
    return [vector for vector in vectors if bool(vector.abs().min() > BEYOND)]


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a block behind the line that makes the optimiser."""
    from relume.fixes.source.setup_blocks import after_optimiser

    return after_optimiser(source, BLOCK)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
