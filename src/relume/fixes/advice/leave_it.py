"""leave-it: no change: what was found does no harm by itself.

## What it does
Says to leave the network as it is.

## When it helps
For facts: sparse firing, an act that costs more than another, an act that repeats the one before
it; and where less than a quarter of the units is dead. A change is
worth it only if a paired trial on your own model says so.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", AISTATS 2011.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT404": 1, "ACT802": 1, "ACT401": 9, "ACT402": 9, "ACT403": 9}

FACTS = ("ACT404", "ACT802")
FEW = 0.25  # share of dead units; at 28 % no repair gained anything (docs/fixes.md)


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it for facts, and for few dead units."""
    if finding.code in FACTS or finding.evidence.value < FEW:
        yield PAGE.edit("leave it, unless a paired trial shows a gain", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
