"""add-residual-connections: a way around each layer for signal and gradient.

## What it does
Adds the input of a layer, or of a block of layers, to its output: x + f(x).

## When it helps
Where the gradient vanishes over many layers whatever their initialisation: it then has a path
without any layer in it. Start with blocks whose last layer is zero.

## How it is applied
It is not applied: it is a change of your program that only you can make.

## What it changes (safety)
ADVICE: words only; nothing is claimed.

## References
He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, arXiv:1512.03385.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

PAGE = page(__doc__)

RUNGS = {"ACT601": 3.5}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Give one sentence of advice."""
    text = "add residual connections around the layers in which the gradient shrinks"
    yield PAGE.edit(text, at=finding)


def apply(edit: Edit, session: "EditSession") -> None:
    """Change nothing: it is advice."""


FIX = PAGE.fix(Safety.ADVICE, RUNGS, propose, apply)
