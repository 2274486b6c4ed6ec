"""log-probabilities: the negative log likelihood gets log-probabilities.

## What it does
Where `nll_loss` receives raw logits, hands it their log-softmax; where it receives probabilities,
their logarithm, computed from the logits. Log-softmax itself stays as it is.

## When it helps
Always, where the rule found it: on raw logits that loss has no lower bound, and training drives
them to infinity; on probabilities it lies between -1 and 0 and hardly has a slope.

## How it is applied
Around the calls of `nll_loss`: outputs of softmax and log-softmax remember what they were made
from. In your source: `F.cross_entropy` on the logits.

## What it changes (safety)
RETRAIN: the loss is another one.

## References
PyTorch documentation, `torch.nn.NLLLoss`: "the input is expected to contain log-probabilities".
Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.core import Diagnosis, Finding, Site, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.live.provenance import MadeBy, at_criterion, remember_inputs

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT203": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where the criterion is the negative log likelihood."""
    raw = not any(fact.data.get("acts") for fact in trace.facts_of("head"))
    for fact in trace.facts_of("criterion"):
        if fact.data.get("loss") == "nll":
            file, line = str(fact.data.get("file") or ""), int(fact.data.get("line") or 0)
            at = Site("", "criterion", file=file, line=line)
            yield PAGE.edit("log-softmax before the negative log likelihood", at=at, raw=raw)
            return


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer the calls of `nll_loss`."""
    job = session.current
    job.no_effect = "no call of nll_loss received anything but log-probabilities"
    job.describe = lambda job: f"{job.text} ({job.counts['call']} calls)"

    def change(call: FunctionCall, made: MadeBy | None) -> Any:
        z = call.z if made is None else made.z
        if (made is not None and made.act == "log_softmax") or _sums_to_one(call.z.exp()):
            return PASS
        job.count("call")
        return call.on(functional.log_softmax(z, dim=1 if z.dim() > 1 else 0))

    session.on_calls(remember_inputs(("softmax", "log_softmax")), outside=True)
    session.on_calls({functional.nll_loss: at_criterion(change)}, outside=True)


def _sums_to_one(rows: Tensor) -> bool:
    sums = rows.detach().float().sum(1 if rows.dim() > 1 else 0)
    return bool(torch.allclose(sums, torch.ones_like(sums), atol=1e-3))


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Write cross-entropy for the negative log likelihood, if no act stands before it."""
    from relume.fixes.source.act_calls import cross_entropy_for_nll

    return cross_entropy_for_nll(source) if option(edit, "raw", False) else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
