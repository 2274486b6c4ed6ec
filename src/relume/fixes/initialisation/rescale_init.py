"""rescale-init: the initial weights rescaled until each layer gives an RMS of 1.

## What it does
Sets the biases of each affine layer to zero and multiplies its weights, from the first layer to the
last, by one number, so that on the first batch its output has a root mean square of 1 (or of
`rms`). The directions of the weights stay as they were drawn.

## When it helps
Where the scale drifts over depth or saturates the acts for a reason that no formula knows: inputs
of another scale, orthogonal or sparse weights, unusual layers. It cannot mend units that are alike.

## How it is applied
Before the first forward that trains, in one forward that leaves no trace: each layer is rescaled
as soon as it has run, and those behind it already get the result. Layers that share their weight,
are frozen or parametrised keep theirs, and relume says so.

## What it changes (safety)
RETRAIN: training starts from other weights. On a pretrained model it destroys what was learned.

## References
Mishkin and Matas, "All you need is a good init", ICLR 2016, arXiv:1511.06422.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.forward_trace import trace_forward
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import forget
from relume.fixes.shared.redraw_layers import is_wanted
from relume.fixes.shared.site_queries import layers_and_acts, script
from relume.fixes.shared.weight_draws import why_not_redrawn

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

BODY = """
if layer.bias is not None:
    layer.bias.zero_()
rms = layer.forward(*inputs).float().square().mean().sqrt()
if 0 < rms < float("inf"):
    layer.weight.mul_(TARGET / rms)
"""
RUNGS = {"ACT301": 1.5, "ACT601": 1.5, "ACT501": 2.5, "ACT602": 1.5, "ACT102": 2.5}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose every layer, in the order of the forward."""
    text = "initial weights rescaled to an RMS of 1 in each layer"
    layers = tuple(layers_and_acts(trace))
    yield PAGE.edit(text, at=script(trace), rms=1.0, layers=layers)


def apply(edit: Edit, session: "EditSession") -> None:
    """Rescale layer by layer in one forward before the first that trains."""
    target, job = float(option(edit, "rms", 1.0)), session.current
    job.no_effect = "no model was trained"
    done: set[int] = set()

    def start(model: LiveModel) -> None:
        def at_output(path: str, layer: Any, axis: int, z: Tensor) -> Tensor | None:
            if id(layer) in done or not is_wanted(edit, model, path, None):
                return None
            done.add(id(layer))
            bias: Any = getattr(layer, "bias", None)
            if isinstance(bias, Tensor):
                z = z - bias.reshape(-1, *[1] * (z.dim() - 1 - axis))
            rms = float(z.detach().float().square().mean().sqrt())
            reason = why_not_redrawn(model, layer, path)
            if not reason and not (0 < rms < float("inf")):
                reason = f"what {path} gives has an RMS of {rms:g}"
            if reason:
                job.notes.append(f"not rescaled: {reason}")
                return None
            with torch.no_grad():
                layer.weight.mul_(target / rms)
                if isinstance(bias, Tensor):
                    bias.zero_()
            forget(layer.parameters(recurse=False))
            job.count("layer rescaled")
            return z * (target / rms)

        trace_forward(model, session.threads, at_output=at_output)

    session.on_start(start, training=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Hook the layers before the optimiser is made."""
    from relume.fixes.source.first_batch import at_first_batch

    body = BODY.replace("TARGET", f"{float(option(edit, 'rms', 1.0)):g}")
    layers = tuple(map(str, option(edit, "layers", ())))
    return at_first_batch(source, layers, "Rescaled", edit.text, body)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
