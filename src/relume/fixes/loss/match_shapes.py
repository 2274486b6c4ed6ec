"""match-shapes: prediction and target given the same shape.

## What it does
Where a regression or binary criterion receives a prediction and a target with as many entries and
different shapes, (N, 1) and (N), reshapes the prediction to the target's shape.

## When it helps
Always, where the rule found it: spread over each other, every prediction is compared with every
target, and the best that can be learned is the mean.

## How it is applied
Around the calls of the criteria. In your source: `prediction.squeeze(-1)`.

## What it changes (safety)
RETRAIN: the loss is another one.

## References
PyTorch documentation, `torch.nn.functional.mse_loss`: "using a target size that is different to the
input size".
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.nn import functional

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.live.call_handlers import PASS, FunctionCall

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT206": 1}
CRITERIA = (
    functional.mse_loss,
    functional.l1_loss,
    functional.smooth_l1_loss,
    functional.huber_loss,
    functional.binary_cross_entropy,
    functional.binary_cross_entropy_with_logits,
)


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where the shapes were broadcast against each other."""
    if finding.evidence.stat == "broadcast":
        yield PAGE.edit("prediction given the target's shape", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Reshape predictions before the criterion."""
    job = session.current
    job.no_effect = "no criterion received a prediction and a target of different shapes"
    job.describe = lambda job: f"{job.text} ({job.counts['call']} calls)"

    def answer(call: FunctionCall) -> Any:
        target = call.kwargs.get("target", call.args[1] if len(call.args) > 1 else None)
        if not isinstance(target, Tensor) or not isinstance(call.z, Tensor):
            return PASS
        if call.z.shape == target.shape or call.z.numel() != target.numel():
            return PASS
        job.count("call")
        return call.on(call.z.reshape(target.shape))

    session.on_calls(dict.fromkeys(CRITERIA, answer), outside=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Reshape the prediction in the call of the criterion."""
    from relume.fixes.source.act_calls import matched_shapes

    return matched_shapes(source)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
