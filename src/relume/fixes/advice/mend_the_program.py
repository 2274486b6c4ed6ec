"""mend-the-program: what the program says wrongly, said rightly.

## What it does
Repeats the advice of the rule at the line that it names: a criterion that raises, a softmax too
many, a dropout that lets nothing through, rows that reach each other or reach no loss, a term or an
update that is lost, layers frozen as they were drawn, a batch that cannot be learned by heart.

## When it helps
Where the fault is in what the program says, and what was meant is known to its author alone.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Karpathy, "A recipe for training neural networks", 2019.
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
    "ACT003": 1.0,
    "ACT105": 1.0,
    "ACT106": 1.0,
    "ACT107": 1.0,
    "ACT208": 1.0,
    "ACT405": 1.0,
    "ACT407": 1.0,
    "ACT906": 1.0,
    "ACT908": 1.0,
    "ACT909": 1.0,
    "ACT910": 1.0,
    "ACT911": 1.0,
    "ACT912": 1.0,
    "ACT913": 1.0,
    "ACT914": 1.0,
}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Repeat the rule's advice."""
    yield PAGE.edit(finding.cure or "mend the line that the finding names", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
