"""keep-numbers-finite: the operation that gave NaN or infinity made safe.

## What it does
Asks for a clamp or an epsilon inside the logarithm, root or division that failed, for clean data,
for bfloat16 in place of float16 or a loss scaler; and to let acts pass NaN on, so that it is seen.

## When it helps
Where a value that is not finite has a place of its own, and is not the end of an explosion.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740. IEEE Standard
754-2019, section 6.2.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT604": 9, "ACT803": 1, "ACT804": 1, "ACT602": 9, "ACT907": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Repeat the rule's advice, for this operation."""
    yield PAGE.edit(finding.cure or "make the operation safe where it fails", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
