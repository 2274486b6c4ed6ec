"""scale-scores: scores of attention over the root of a head's size.

## What it does
Multiplies query times key by 1 / sqrt(d), d being the features of a head, in the place of the
factor that the program has.

## When it helps
Where scores are large because the factor is left out, is its inverse, or belongs to another size.
It is proposed where the factor is more than twice 1 / sqrt(d).

## How it is applied
At every call of attention in those modules, fused or written out, in training and in evaluation.

## What it changes (safety)
RETRAIN: the same weights give other scores.

## References
Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.attention_calls import Fused, Written, answer_attention, rescaled
from relume.fixes.shared.site_queries import sites_alike

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Source

PAGE = page(__doc__)

RUNGS = {"ACT503": 1}
FAR = 2.0  # times the root: as the rule has it


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where the factor is known and far from the root."""
    scale, size = (finding.evidence.more.get(name) for name in ("scale", "size"))
    if not isinstance(scale, float | int) or not isinstance(size, int):
        return
    if abs(scale) > FAR * size**-0.5:
        yield PAGE.edit(
            f"scores over the root of {size}",
            sites=sites_alike(finding, diagnosis),
            at=finding,
            scale=float(scale),
            size=size,
        )


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer every call with the root's factor."""

    def fused(call: Fused) -> Any:
        call.scale = None
        return call.run()

    def written(at: Written) -> Tensor:
        return rescaled(at, edit, at.product, at.query.shape[-1] ** -0.5)

    answer_attention(edit, session, fused, written)


def by_hand(edit: Edit, source: "Source") -> str:
    """Say which factor to write."""
    size = int(option(edit, "size", 64))
    return f"{source.relative}:{source.line}: multiply the scores by {size} ** -0.5."


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, by_hand=by_hand)
