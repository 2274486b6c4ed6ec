"""record-longer: a longer or closer recording.

## What it does
Asks for more steps, a shorter interval between records, or the unfused form of an operation for one
recorded run.

## When it helps
Where a rule had too little evidence, or an operation hides its acts: nothing is known to be wrong.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT001": 1, "ACT002": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Repeat the rule's advice."""
    yield PAGE.edit(finding.cure or "record again, for longer or more often", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
