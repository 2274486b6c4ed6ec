"""scale-logits: cosines multiplied before the cross-entropy, so that one class can be certain.

## What it does
Multiplies the logits of every cross-entropy by the constant with which the right class can get a
probability of 0.99: s = (K - 1) / K ln((K - 1) p / (1 - p)) for K classes, over their own scale.

## When it helps
Where the logits are cosines times a constant that is too small (ACT207): the loss has a floor.

## How it is applied
Around the calls of `cross_entropy`. In your source: `7.6 * logits`. A scale that is learned, from
1 / 0.07 as in CLIP, does the same by itself.

## What it changes (safety)
RETRAIN: the loss is another one, and its gradients are larger.

## References
Wang et al., "NormFace: L2 hypersphere embedding for face verification", 2017, arXiv:1704.06369.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.nn import functional

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import FunctionCall

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT207": 1.0}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the factor that the finding's scale lacks."""
    scale, wanted = (finding.evidence.more.get(name) for name in ("scale", "wanted"))
    if isinstance(scale, float) and isinstance(wanted, float) and scale > 0:
        factor = float(f"{wanted / scale:.2g}")
        yield PAGE.edit(f"logits multiplied by {factor:g}", at=finding, factor=factor)


def apply(edit: Edit, session: "EditSession") -> None:
    """Multiply what enters the criterion."""
    job, factor = session.current, float(option(edit, "factor", 1.0))
    job.no_effect = "no cross_entropy was called"
    job.describe = lambda job: f"{job.text} ({job.counts['call']} calls)"

    def answer(call: FunctionCall) -> Any:
        job.count("call")
        return call.on(factor * call.z)

    session.on_calls({functional.cross_entropy: answer}, outside=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Multiply the logits in the call of the criterion."""
    from relume.fixes.source.act_calls import scaled_logits

    return scaled_logits(source, float(option(edit, "factor", 1.0)))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
