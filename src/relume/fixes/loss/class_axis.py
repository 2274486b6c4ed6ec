"""class-axis: the softmax over the classes, not over the batch.

## What it does
Calls the softmax at its sites over the axis of the classes: the last one.

## When it helps
Always, where the rule found it: a softmax over the batch makes the examples compete, and the output
for one depends on which others are in the batch.

## How it is applied
Calls that run over that axis of a tensor with as many axes are answered with `dim=-1`. In your
source: name the axis.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
PyTorch documentation, `torch.nn.functional.softmax`: "implicit dimension choice".
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from relume.acts.recognise import act_functions
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import PASS, FunctionCall

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT205": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it at the softmax of the finding."""
    for fact in trace.facts_of("softmax"):
        shape = fact.data.get("shape") or ()
        if fact.site == finding.site and shape:
            act, axis = str(fact.data.get("act")), int(fact.data.get("axis") or 0)
            text = f"{act} over the last axis, not over axis {axis}"
            more = {"act": act, "from": axis, "dims": len(shape), "axis": -1}
            yield PAGE.edit(text, sites=(finding.site,), at=finding, **more)
            return


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer the calls that run over the wrong axis of tensors of as many axes.

    The shape identifies them, not the site: a call outside of any module has no site.
    """
    job, axis = session.current, int(option(edit, "axis", -1))
    wrong, dims = int(option(edit, "from", 0)), option(edit, "dims", None)
    job.no_effect = f"no softmax over axis {wrong} was called"
    job.describe = lambda job: f"{job.text} ({job.counts['call']} calls)"

    def answer(call: FunctionCall) -> Any:
        if not isinstance(call.z, Tensor) or axis_of(call) != wrong:
            return PASS
        if dims is not None and call.z.dim() != dims:
            return PASS
        job.count("call")
        return call.function(call.z, dim=axis, dtype=call.kwargs.get("dtype"))

    name = str(option(edit, "act", "softmax"))
    table = {f: answer for f, act in act_functions().items() if act.name == name}
    session.on_calls(table, outside=True)


def axis_of(call: FunctionCall) -> int:
    """Return the axis counted from the front; without one in the call, torch's choice."""
    axis = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    if not isinstance(axis, int):
        return 0 if call.z.dim() in (0, 1, 3) else 1
    return axis % max(call.z.dim(), 1)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Change the axis in the call at the finding's line."""
    from relume.fixes.source.act_calls import softmax_axis

    return softmax_axis(source, str(option(edit, "act", "softmax")), int(option(edit, "axis", -1)))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
