"""class-axis: the softmax over the classes, not over the batch.

## What it does
Calls the softmax at its sites over the axis of the classes: the last one.

## When it helps
Always, where the rule found it: a softmax over the batch makes the examples compete, and what the
network says of one depends on which others are there.

## How it is laid
The calls at the sites are answered with `dim=-1`. In your source: name the axis.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
PyTorch documentation, `torch.nn.functional.softmax`: "implicit dimension choice".
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.nn import functional

from relume.core import Diagnosis, Finding, Trace
from relume.fixes._calls import PASS, Call
from relume.fixes._models import Model
from relume.fixes._swaps import Swaps
from relume.fixes.fix import option, page
from relume.proof import Edit, Safety

if TYPE_CHECKING:
    from relume.fixes.lay import Bench

PAGE = page(__doc__)

RUNGS = {"ACT205": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """At the softmax that was found."""
    if finding.site:
        text = f"{finding.site} over the last axis"
        yield PAGE.edit(text, sites=(finding.site,), at=finding, axis=-1)


def lay(edit: Edit, bench: "Bench") -> None:
    """Answer the calls at the sites."""
    job, swaps, axis = bench.current, Swaps(bench), int(option(edit, "axis", -1))
    job.wanting = "no model with such a softmax was called"
    job.words = lambda job: job.text

    def answer(call: Call) -> Any:
        if call.act is None:
            return PASS
        log = call.act.name == "log_softmax"
        function = functional.log_softmax if log else functional.softmax
        return function(call.z, dim=axis, dtype=call.words.get("dtype"))

    def start(model: Model) -> None:
        for site in edit.sites:
            swaps.answer(model, site, answer)

    bench.on_start(start, training=False)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, lay)
