"""normalise-query-and-key: QK-norm, query and key of each head of RMS one.

## What it does
Divides query and key of each head by their RMS before they are multiplied, and the product by the
root of the head's size: no score is then larger than that root.

## When it helps
Where scores are too large or grow, whatever makes them: the size of the weights no longer counts,
only their direction.

## How it is applied
At every call of attention in those modules, fused or written out, in training and in evaluation,
without gains of its own; a `torch.nn.RMSNorm` of the head's size for each of the two, written into
the model, has them.

## What it changes (safety)
RETRAIN: the same weights give other scores.

## References
Henry et al., "Query-key normalization for transformers", 2020, arXiv:2010.04245. Dehghani et al.,
"Scaling vision transformers to 22 billion parameters", 2023, arXiv:2302.05442.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.nn.functional import rms_norm

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.shared.attention_calls import Fused, Written, answer_attention, rescaled
from relume.fixes.shared.site_queries import sites_alike

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Source

PAGE = page(__doc__)

RUNGS = {"ACT503": 2}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where the factor on the scores is known, and nothing caps them."""
    scale = finding.evidence.more.get("scale")
    capped = {f.site for f in trace.facts_of("attention") if f.data.get("capped")}
    if isinstance(scale, float | int) and finding.site not in capped:
        sites = tuple(s for s in sites_alike(finding, diagnosis) if s not in capped)
        yield PAGE.edit("query and key normalised", sites=sites, at=finding, scale=float(scale))


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer every call with query and key of RMS one."""

    def fused(call: Fused) -> Any:
        call.query, call.key, call.scale = _unit(call.query), _unit(call.key), None
        return call.run()

    def written(at: Written) -> Tensor:
        key = _unit(at.key.transpose(-1, -2)).transpose(-1, -2)
        return rescaled(at, edit, _unit(at.query) @ key, at.query.shape[-1] ** -0.5)

    answer_attention(edit, session, fused, written)


def _unit(rows: Tensor) -> Tensor:
    return rms_norm(rows, rows.shape[-1:])


def by_hand(edit: Edit, source: "Source") -> str:
    """Say what to add to the model."""
    place = f"{source.relative}:{source.line}"
    return (
        f"{place}: pass query and key of each head through a torch.nn.RMSNorm of the head's size."
    )


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, by_hand=by_hand)
