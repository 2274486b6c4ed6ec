"""free-the-gate: a gate that opens and shuts by its input.

## What it does
Asks for standardised input and a smaller initialisation of the layer that drives the gate, and for
a load-balancing term where a softmax routes among experts.

## When it helps
Where a gate stays on one side for nearly all samples. A forget gate that starts open (bias 1) is
meant to.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
Gers, Schmidhuber and Cummins, "Learning to forget", 2000. Shazeer et al., ICLR 2017,
arXiv:1701.06538.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT502": 5}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Repeat the rule's advice, for this gate."""
    yield PAGE.edit(finding.cure or "give the gate a smaller initialisation", at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
