"""drop-idle-act: an act that does nothing removed.

## What it does
Replaces by the identity an act that passes on everything the act before it can give: ReLU of a
ReLU, ReLU of a sigmoid.

## When it helps
To tidy up: it costs time and memory and hides what the network is. It cures nothing.

## How it is laid
As swap-act: act modules are replaced by the identity, calls are answered by their input.

## What it changes (safety)
EXACT: the same function, for any input.

## References
PyTorch documentation, `torch.nn.Sequential`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.fixes.drop_act import dropped
from relume.fixes.fix import page
from relume.proof import Edit, Safety

if TYPE_CHECKING:
    from relume.fixes.lay import Bench

PAGE = page(__doc__)

RUNGS = {"ACT103": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """The second act of an idle pair."""
    if finding.evidence.more.get("effect") == "idle" and finding.site:
        yield PAGE.edit(
            f"{finding.site} removed, which does nothing", sites=(finding.site,), at=finding
        )


def lay(edit: Edit, bench: "Bench") -> None:
    """Put the identity in place of the act."""
    dropped(edit, bench)


FIX = PAGE.fix(Safety.EXACT, RUNGS, propose, lay)
