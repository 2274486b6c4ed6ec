"""free-the-layer: what holds a layer still found and removed.

## What it does
Asks what keeps the gradient of a layer at zero, or its learning rate: dead units or a vanishing
gradient before it, a `detach`, a group with a rate of its own, `requires_grad = False`; or the
wiring: a gradient that is never cleared, an optimiser that does not step, layers made in forward.

## When it helps
Where a weight stands still and the others learn. Layers also come to rest from the bottom up in
healthy training.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Raghu, Gilmer, Yosinski and Sohl-Dickstein, "SVCCA", NIPS 2017, arXiv:1706.05806.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {
    "ACT603": 2,
    "ACT901": 1,
    "ACT902": 1,
    "ACT903": 2,
    "ACT904": 1,
    "ACT905": 1,
}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Repeat the rule's advice, for this layer."""
    yield PAGE.edit(finding.cure or "find what holds the gradient of this layer back", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
