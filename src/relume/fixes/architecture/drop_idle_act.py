"""drop-idle-act: an act that does nothing removed.

## What it does
Replaces by the identity an act that passes on everything the act before it can give: ReLU of a
ReLU, ReLU of a sigmoid.

## When it helps
To tidy up: it costs time and memory and hides what the network is. It cures nothing.

## How it is applied
As swap-act: act modules are replaced by the identity, calls are answered by their input.

## What it changes (safety)
EXACT: the same function, for any input.

## References
PyTorch documentation, `torch.nn.Sequential`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.loss.drop_act import patch, replace_by_identity, second_acts

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT103": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the second act of every idle pair."""
    if finding.evidence.more.get("effect") == "idle" and finding.site:
        sites, at, act = second_acts(finding, diagnosis)
        text = f"{', '.join(sites)} removed, which {'do' if len(sites) > 1 else 'does'} nothing"
        yield PAGE.edit(text, sites=sites, at=at, act=act)


def apply(edit: Edit, session: "EditSession") -> None:
    """Put the identity in place of the act."""
    replace_by_identity(edit, session)


FIX = PAGE.fix(Safety.EXACT, RUNGS, propose, apply, patch)
