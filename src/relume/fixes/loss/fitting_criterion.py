"""fitting-criterion: a criterion that fits the targets.

## What it does
Names the criterion for the kind of target: cross-entropy with a unit a class for class numbers,
binary cross-entropy with logits for yes or no and for several labels, squared error for quantities.

## When it helps
Where targets of one kind stand under a criterion for another. It often changes the width of the
head as well, which no edit of a run can guess.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT206": 2, "ACT201": 5, "ACT202": 5, "ACT203": 5, "ACT204": 5}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Repeat the rule's advice, for this head."""
    yield PAGE.edit(finding.cure or "use a criterion that fits the targets", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
