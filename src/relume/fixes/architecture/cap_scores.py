"""cap-scores: scores of attention held within 50 by a softcap.

## What it does
Sends the scores of attention through 50 tanh(z / 50) before mask and softmax.

## When it helps
As a seat belt where scores grow in training: small ones pass as they are, large ones are held. A
head whose rows are one-hot already stays so, since 50 is far enough for that.

## How it is applied
At every call of attention in those modules, in training and in evaluation. A fused call is then
computed step by step, which takes more memory.

## What it changes (safety)
RETRAIN: the same weights give other scores.

## References
Gemma team, "Gemma 2", 2024, arXiv:2408.00118 (50 for attention).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.attention_calls import Fused, Written, answer_attention, cap
from relume.fixes.shared.site_queries import sites_alike

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Source

PAGE = page(__doc__)

RUNGS = {"ACT503": 3}
LIMIT = 50.0  # of Gemma 2


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it for every attention of the rule's findings."""
    sites = sites_alike(finding, diagnosis)
    yield PAGE.edit(f"scores held within {LIMIT:g}", sites=sites, at=finding, limit=LIMIT)


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer every call with capped scores."""
    limit = float(option(edit, "limit", LIMIT))

    def fused(call: Fused) -> Any:
        return call.weights(lambda scores: cap(scores, limit))

    def written(at: Written) -> Tensor:
        return cap(at.scores, limit)

    answer_attention(edit, session, fused, written)


def by_hand(edit: Edit, source: "Source") -> str:
    """Say what to write before the softmax."""
    limit = float(option(edit, "limit", LIMIT))
    place = f"{source.relative}:{source.line}"
    return f"{place}: write scores = {limit:g} * torch.tanh(scores / {limit:g}) before the mask."


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, by_hand=by_hand)
