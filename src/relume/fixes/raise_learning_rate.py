"""raise-learning-rate: every step taken with ten times the learning rate.

## What it does
Multiplies the learning rate of every parameter group by a factor, ten if nothing else is said.

## When it helps
Where steps change the weights by less than a hundred-thousandth of themselves and the loss has not
fallen. It does not cure a gradient that vanishes: measured on digits, eight sigmoids stay at chance
(docs/fixes.md).

## How it is laid
As lower-learning-rate: for the length of each step, so that schedules go on as they were.

## What it changes (safety)
RETRAIN: the same model takes other steps.

## References
Smith, "Cyclical learning rates for training neural networks", WACV 2017, arXiv:1506.01186.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.fixes._rates import scaled
from relume.fixes._sites import script
from relume.fixes.fix import option, page
from relume.proof import Edit, Safety

if TYPE_CHECKING:
    from relume.fixes.lay import Bench
    from relume.fixes.patch import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT606": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Ten times, a hundred times, and a thousand times."""
    for factor in (10.0, 100.0, 1000.0):
        yield PAGE.edit(f"learning rate times {factor:g}", at=script(trace), factor=factor)


def lay(edit: Edit, bench: "Bench") -> None:
    """Multiply the groups' rates for the length of each step."""
    factor = float(option(edit, "factor", 10.0))
    scaled(bench, lambda _optimizer, _count: factor, f"learning rate times {factor:g}")


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """The literal rate of the one optimiser that the script makes."""
    from relume.fixes._source import scaled_entry_of

    return scaled_entry_of(source, "lr", float(option(edit, "factor", 10.0)))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, lay, patch)
