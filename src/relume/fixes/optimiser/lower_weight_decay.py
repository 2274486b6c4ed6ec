"""lower-weight-decay: a tenth of the weight decay.

## What it does
Multiplies the weight decay of every parameter group by a factor, one tenth by default.

## When it helps
Where decay outweighs the gradient of the loss: the weights shrink away and units fall silent. A
penalty that the script adds to its loss by hand is not an entry of the optimiser, and is left.

## How it is applied
Around every step of every optimiser: the entry is multiplied before it and put back after it.

## What it changes (safety)
RETRAIN: the same model is trained under another penalty.

## References
Krogh and Hertz, "A simple weight decay can improve generalization", NIPS 1991. Loshchilov and
Hutter, "Decoupled weight decay regularization", ICLR 2019, arXiv:1711.05101.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.step_scaling import scale_entry

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT608": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a tenth, and none."""
    yield PAGE.edit("weight decay times 0.1", at=script(trace), factor=0.1)
    yield PAGE.edit("weight decay times 0", at=script(trace), factor=0.0)


def apply(edit: Edit, session: "EditSession") -> None:
    """Multiply the groups' weight decay for the length of each step."""
    factor = float(option(edit, "factor", 0.1))
    text = f"weight decay times {factor:g}"
    scale_entry(session, "weight_decay", lambda _optimizer, _count: factor, text)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Change the weight decay of the one optimiser that the script makes."""
    from relume.fixes.source.optimizer_argument import scale_entry_patch

    return scale_entry_patch(source, "weight_decay", float(option(edit, "factor", 0.1)))


def by_hand(edit: Edit, source: "Source") -> str:
    """Name the script's option that sets it, and its new value."""
    from relume.fixes.source.optimizer_argument import entry_instructions

    return entry_instructions(source, "weight_decay", float(option(edit, "factor", 0.1)))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch, by_hand)
