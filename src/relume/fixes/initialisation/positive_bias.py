"""positive-bias: a small positive bias for units that rectify.

## What it does
Sets the biases of the layers in front of ReLU-like acts to 0.1 (or to `value`) before training.

## When it helps
It lets more units fire on the first batches. Opinions differ on whether that helps, and no
measurement of relume shows it in general: relume offers it and never claims a gain. Only a paired
trial on your own model decides.

## How it is applied
Before the first forward that trains, in place; layers before a norm layer are left.

## What it changes (safety)
RETRAIN: training starts from another function.

## References
Karpathy, "CS231n notes: setting up the data and the model", 2015, which advises against it as often
as for it. Krizhevsky, Sutskever and Hinton, NIPS 2012, which used 1.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.forward_trace import trace_forward
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import forget
from relume.fixes.shared.redraw_layers import is_wanted
from relume.fixes.shared.site_queries import layers_alike, script
from relume.fixes.shared.weight_draws import why_not_redrawn_before

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT303": 6, "ACT401": 6}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the layers in front of the dead units."""
    layers = layers_alike(finding, diagnosis)
    if layers:
        text = f"initial biases of {', '.join(layers)} set to 0.1"
        yield PAGE.edit(text, sites=layers, at=script(trace), value=0.1)


def apply(edit: Edit, session: "EditSession") -> None:
    """Set the biases before the first forward that trains."""
    value, job = float(option(edit, "value", 0.1)), session.current
    job.no_effect = "no layer with a bias feeds an act that rectifies"

    def start(model: LiveModel) -> None:
        for place in trace_forward(model, session.threads).hidden():
            bias = getattr(place.layer, "bias", None)
            if (
                not place.act.rectifies
                or not isinstance(bias, Tensor)
                or why_not_redrawn_before(place)
            ):
                continue
            if is_wanted(edit, model, place.path, place):
                with torch.no_grad():
                    bias.fill_(value)
                forget([bias])
                job.count("bias vector")

    session.on_start(start, training=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a block before the optimiser is made."""
    from relume.fixes.source.setup_blocks import before_optimiser, bias_block

    block = bias_block(edit.sites, float(option(edit, "value", 0.1)), edit.text)
    return before_optimiser(source, block) if edit.sites else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
