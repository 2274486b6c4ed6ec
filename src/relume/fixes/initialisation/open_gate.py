"""open-gate: gates that begin open.

## What it does
Sets the bias of the layer that drives a gate to 1, and in a second edit to 2, before training: a
sigmoid gate then lets 73 % or 88 % through at first; the weights stay.

## When it helps
Where a gate begins shut, so that its branch gets no gradient with which to open it. A bias of zero
opens it by half, and leaves half of the signal and of the gradient behind; measured on digits, a
gated layer whose gates were shut (docs/proof.md).

## How it is applied
Before the first forward that trains, in place. Biases of norm layers are left.

## What it changes (safety)
RETRAIN: training starts from another function. A gate that is meant to begin shut, such as that of
a branch that is added to a trained network, is opened too.

## References
Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM", 2000.
Jozefowicz, Zaremba and Sutskever, "An empirical exploration of recurrent network architectures",
ICML 2015, which finds 1 and 2 to be enough. Srivastava, Greff and Schmidhuber, "Highway networks",
2015, arXiv:1505.00387.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.redraw_layers import fill_biases
from relume.fixes.shared.site_queries import layers_alike, script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT502": 1}
VALUES = (1.0, 2.0)  # Jozefowicz et al.


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the layers that drive sigmoid gates most of whose stuck units are shut."""
    gates = [f for f in diagnosis.findings if f.code == finding.code]
    if not all(_is_shut(each, trace) for each in gates):
        return
    layers = layers_alike(finding, diagnosis)
    for value in VALUES if layers else ():
        text = f"initial biases of {', '.join(layers)} set to {value:g}"
        yield PAGE.edit(text, sites=layers, at=script(trace), value=value)


def _is_shut(finding: Finding, trace: Trace) -> bool:
    site = trace.site(finding.site)
    shut, open_ = (finding.evidence.more.get(name) for name in ("shut", "open"))
    squashes = site is not None and site.squashes
    return squashes and isinstance(shut, float) and isinstance(open_, float) and shut > open_


def apply(edit: Edit, session: "EditSession") -> None:
    """Set the biases before the first forward that trains."""
    fill_biases(edit, session, float(option(edit, "value", 1.0)))


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a block before the optimiser is made."""
    from relume.fixes.source.setup_blocks import before_optimiser, bias_block

    block = bias_block(edit.sites, float(option(edit, "value", 1.0)), edit.text)
    return before_optimiser(source, block) if edit.sites else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
