"""adopt-parameters: weights without an optimiser, given to one.

## What it does
Adds the trainable parameters of the model that no optimiser holds to the first group of the
optimiser that trains the model.

## When it helps
Where a layer stands still because it was forgotten: layers kept in a plain list, or made after the
optimiser.

## How it is applied
Before the first step of an optimiser that holds some of the model's parameters.

## What it changes (safety)
RETRAIN: more of the network learns.

## References
PyTorch documentation, `torch.nn.ModuleList`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import optimisers, remove_from
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT603": 1, "ACT903": 1}
BLOCK = """# forgotten weights given to the optimiser
held = {id(p) for group in {optimiser}.param_groups for p in group["params"]}
forgotten = [p for p in {model}.parameters() if p.requires_grad and id(p) not in held]
{optimiser}.add_param_group({"params": forgotten})
"""


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where weights have no optimiser."""
    if finding.evidence.stat == "weights_without_optimizer":
        yield PAGE.edit("forgotten weights given to the optimiser", at=script(trace))


def apply(edit: Edit, session: "EditSession") -> None:
    """Add the missing parameters before the first step."""
    job = session.current
    job.no_effect = "every trainable parameter is in an optimiser"
    models: list[LiveModel] = []
    session.on_start(models.append, training=True)

    def before(optimizer: Optimizer, _count: int) -> None:
        held = {id(p) for one in optimisers() for g in one.param_groups for p in g["params"]}
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        for model in [model for model in models if model.alive]:
            every = list(model.root.parameters())
            if not any(id(p) in own for p in every):
                continue
            models.remove(model)
            for parameter in every:
                if parameter.requires_grad and id(parameter) not in held:
                    optimizer.param_groups[0]["params"].append(parameter)
                    session.undo.append(remove_from(optimizer, parameter))
                    job.count("parameter adopted")

    session.on_step(before)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Make a group of the forgotten parameters, once the model has all its parts."""
    from relume.fixes.source.setup_blocks import after_optimiser

    return after_optimiser(source, BLOCK, settled=True)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
