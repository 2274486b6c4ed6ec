"""sigmoid-for-softmax: a sigmoid in place of the softmax over one unit.

## What it does
Answers a softmax over a single unit, which is 1 whatever the network computes, with the sigmoid of
that unit.

## When it helps
Always, where the rule found it: nothing can be learned through a constant.

## How it is applied
Around the calls of softmax: those whose axis has the size 1. In your source: `torch.sigmoid`, and
binary cross-entropy.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.recognise import act_functions
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.shared.site_queries import first_head_act

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT203": 0.5}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where the softmax has one unit."""
    if finding.evidence.stat == "units" and finding.evidence.value == 1:
        site, at = first_head_act(trace, "softmax")
        yield PAGE.edit(
            "sigmoid in place of the softmax over one unit", sites=site, at=at or finding
        )


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer softmaxes over an axis of size 1."""
    job = session.current
    job.no_effect = "no softmax over a single unit was called"
    job.describe = lambda job: f"{job.text} ({job.counts['call']} calls)"

    def answer(call: FunctionCall) -> Any:
        if call.act is None or not isinstance(call.z, Tensor) or axis_size(call) != 1:
            return PASS
        job.count("call")
        log = call.act.name == "log_softmax"
        return functional.logsigmoid(call.z) if log else torch.sigmoid(call.z)

    names = ("softmax", "log_softmax")
    table = {f: answer for f, act in act_functions().items() if act.name in names}
    session.on_calls(table, outside=True)


def axis_size(call: FunctionCall) -> int:
    """Return the number of entries over which the softmax normalises."""
    axis = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    return int(call.z.shape[axis if isinstance(axis, int) else -1]) if call.z.dim() else 1


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Call the sigmoid in place of the softmax at the site's line."""
    from relume.fixes.source.act_calls import instead_of

    return instead_of(source, "softmax", "torch.sigmoid")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
