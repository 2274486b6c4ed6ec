"""zero-bias: initial biases set to zero.

## What it does
Sets the biases of affine layers to zero before training; weights stay.

## When it helps
Where units are born dead, or gates born shut, because of a bias that keeps them on one side: on
digits a bias of -6 (docs/fixes.md). Where the weights and not the bias keep a unit silent it
changes nothing.

## How it is applied
Before the first forward that trains, in place. Biases of norm layers are left.

## What it changes (safety)
RETRAIN: training starts from another function.

## References
He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.shared.redraw_layers import fill_biases
from relume.fixes.shared.site_queries import layers_alike, script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT303": 2, "ACT401": 2.5, "ACT502": 1.5, "ACT102": 2.2}
BORN, DEAD = "ACT303", "ACT401"


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the layers in front of the acts; for dead units only if they were born dead."""
    born = any(f.code == BORN for f in diagnosis.findings)
    layers = layers_alike(finding, diagnosis)
    if layers and (finding.code != DEAD or born):
        text = f"initial biases of {', '.join(layers)} set to zero"
        yield PAGE.edit(text, sites=layers, at=script(trace))


def apply(edit: Edit, session: "EditSession") -> None:
    """Set the biases before the first forward that trains."""
    fill_biases(edit, session, 0.0)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a block before the optimiser is made."""
    from relume.fixes.source.setup_blocks import before_optimiser, bias_block

    block = bias_block(edit.sites, 0.0, edit.text)
    return before_optimiser(source, block) if edit.sites else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
