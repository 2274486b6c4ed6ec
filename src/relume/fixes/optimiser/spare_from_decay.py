"""spare-from-decay: learned slopes, biases and norms taken out of weight decay.

## What it does
Takes the parameters of learned acts (PReLU's slopes, Swish's beta) out of weight decay, and with
`all` also biases and norm layers.

## When it helps
Decay pulls a learned slope to zero: PReLU becomes ReLU, a Swish a straight line. He et al. train
PReLU without it. In your own code: `relume.acts.parameter_groups(model, weight_decay)`.

## How it is applied
Around every step: before it, what the step is going to take off these parameters is added to them,
or to their gradient where decay passes through it; the gradient is put back after it.

## What it changes (safety)
RETRAIN: the same model is trained under another penalty.

## References
He et al., ICCV 2015, arXiv:1502.01852, section 2.1. Loshchilov and Hutter, ICLR 2019,
arXiv:1711.05101.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from relume.acts.recognise import act_of
from relume.acts.weight_decay_groups import parameter_groups
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.model_names import LiveModel
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT608": 2}
BLOCK = """# biases, norms and learned slopes out of weight decay
for group in list({optimiser}.param_groups):
    spared = [p for p in group["params"] if p.dim() < 2]
    group["params"] = [p for p in group["params"] if p.dim() >= 2]
    {optimiser}.add_param_group({**group, "params": spared, "weight_decay": 0.0})
"""


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose slopes, biases and norms."""
    yield PAGE.edit(
        "biases, norms and learned slopes out of weight decay", at=script(trace), all=True
    )


def apply(edit: Edit, session: "EditSession") -> None:
    """Make up for the decay of the spared parameters around each step."""
    job, every = session.current, bool(option(edit, "all", False))
    job.no_effect = "no such parameter is under weight decay"
    spared: set[Tensor] = set()
    counted: set[int] = set()

    def start(model: LiveModel) -> None:
        spared.update(_spared(model.root, every))

    def before(optimizer: Optimizer, _count: int) -> None:
        for group in optimizer.param_groups:
            decay = group.get("weight_decay") or 0
            spared_here = [p for p in group["params"] if p in spared and p.grad is not None]
            if not decay or not spared_here:
                continue
            for parameter in spared_here:
                if id(parameter) not in counted:
                    counted.add(id(parameter))
                    job.count("parameter spared")
                _make_up(session, optimizer, group, parameter, decay)

    session.on_start(start, training=True)
    session.on_step(before, uses_gradients=True)


def _spared(root: nn.Module, every: bool) -> list[Tensor]:
    if every:
        groups = parameter_groups(root, 1.0, biases_and_norms=True)
        return [p for g in groups if g["weight_decay"] == 0 for p in g["params"]]
    acts = [(part, act) for part in root.modules() if (act := act_of(part)) is not None]
    return [getattr(part, name) for part, act in acts for name in act.learnable]


def _make_up(
    session: "EditSession",
    optimizer: Optimizer,
    group: dict[str, Any],
    parameter: Any,
    decay: float,
) -> None:
    decoupled = group.get("decoupled_weight_decay", "AdamW" in type(optimizer).__name__)
    with torch.no_grad():
        if decoupled:  # the step multiplies by 1 - lr * decay
            parameter.div_(1 - float(group["lr"]) * decay)
        else:  # the step adds decay * parameter to the gradient
            sign = -1 if group.get("maximize") else 1
            session.override_gradient(parameter, parameter.grad - sign * decay * parameter)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Make a group without decay behind the line that makes the optimiser."""
    from relume.fixes.source.setup_blocks import after_optimiser

    return after_optimiser(source, BLOCK) if option(edit, "all", False) else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
