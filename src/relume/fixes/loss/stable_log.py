"""stable-log: the logarithm of a softmax or sigmoid computed from its logits.

## What it does
Answers `log(softmax(z))` with `log_softmax(z)`, and `log(sigmoid(z))` with `logsigmoid(z)`.

## When it helps
Where the first number that is not finite came from a logarithm of zero: a probability that
underflowed. Not where an epsilon was added before the logarithm: that is another function.

## How it is applied
Outputs of softmax and sigmoid remember their logits, and calls of `log` on them are answered.

## What it changes (safety)
EXACT: the same function, without the underflow.

## References
Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions", IMA
Journal of Numerical Analysis 41, 2021.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.live.provenance import made_from, remember_inputs
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT604": 0.5, "ACT602": 0.5}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where a softmax or sigmoid goes into a criterion written by hand."""
    heads = [fact.data.get("acts") or () for fact in trace.facts_of("head")]
    acts = {act.get("act") for one in heads for act in one}
    if acts & {"softmax", "sigmoid"}:
        yield PAGE.edit("logarithm computed from the logits", at=script(trace))


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer logarithms of the output of a softmax or sigmoid."""
    job = session.current
    job.no_effect = "no logarithm of a softmax or sigmoid was taken"
    job.describe = lambda job: f"{job.text} ({job.counts['call']} calls)"

    def answer(call: FunctionCall) -> Any:
        made = made_from(call.z)
        if made is None or not isinstance(call.z, Tensor) or call.in_place:
            return PASS
        if made.act == "softmax" and made.axis is None:
            return PASS
        job.count("call")
        if made.act == "sigmoid":
            return functional.logsigmoid(made.z)
        return functional.log_softmax(made.z, dim=made.axis)

    session.on_calls(remember_inputs(("softmax", "sigmoid")), outside=True)
    session.on_calls({torch.log: answer, Tensor.log: answer}, outside=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Write `log_softmax` or `logsigmoid` where the logarithm of one is taken."""
    from relume.fixes.source.act_calls import logs_of_rows

    return logs_of_rows(source)


FIX = PAGE.fix(Safety.EXACT, RUNGS, propose, apply, patch)
