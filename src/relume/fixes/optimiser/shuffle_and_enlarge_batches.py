"""shuffle-and-enlarge-batches: data in random order, and more of it in a step.

## What it does
Asks to shuffle the training data in every epoch, and for larger batches.

## When it helps
Where the loss swings with the order of the data, or by the noise of small batches, rather than
because of the learning rate.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Bottou, Curtis and Nocedal, SIAM Review 60, 2018, arXiv:1606.04838. LeCun, Bottou, Orr and Müller,
"Efficient BackProp", 1998.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT607": 3, "ACT703": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Give one sentence of advice."""
    yield PAGE.edit("shuffle the data in every epoch; else use a larger batch", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
