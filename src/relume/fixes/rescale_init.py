"""rescale-init: the initial weights rescaled until each act receives an RMS of 1.

## What it does
Multiplies the weights and biases of each layer, from the first to the last, by one number, so that
on the first batch what enters each hidden act has a root mean square of 1 (or of `rms`). The
directions of the weights stay as they were drawn.

## When it helps
Where the scale drifts over depth or saturates the acts for a reason that no formula knows: inputs
of another scale, orthogonal or sparse weights, unusual layers. It cannot mend a bias that silences
units, or units that are alike.

## How it is laid
Before the first forward that trains, in one forward that leaves no trace: each layer is rescaled
when its act is reached, and those behind it already see the result. Layers before a norm layer, and
those that join other signals, are left.

## What it changes (safety)
RETRAIN: training starts from other weights. On a pretrained model it destroys what was learned.

## References
Mishkin and Matas, "All you need is a good init", ICLR 2016, arXiv:1511.06422.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.fixes._draws import bar, bar_before
from relume.fixes._inits import wanted
from relume.fixes._look import Place, look
from relume.fixes._models import Model
from relume.fixes._optim import forget
from relume.fixes.fix import option, page
from relume.proof import Edit, Safety

if TYPE_CHECKING:
    from relume.fixes.lay import Bench

PAGE = page(__doc__)

RUNGS = {"ACT301": 1.5, "ACT601": 1.5, "ACT501": 2.5, "ACT602": 1.5, "ACT102": 2.5}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Every layer, in the order of the forward."""
    yield PAGE.edit("initial weights rescaled to an RMS of 1 before each act", at=finding, rms=1.0)


def lay(edit: Edit, bench: "Bench") -> None:
    """Rescale layer by layer in one forward before the first that trains."""
    target, job = float(option(edit, "rms", 1.0)), bench.current
    done: set[int] = set()

    def start(model: Model) -> None:
        def at_act(place: Place, z: Tensor) -> Tensor | None:
            layer = place.layer
            if place.role == "gate" or not place.act.elementwise or layer is None:
                return None
            if id(layer) in done or not wanted(edit, model, place.path, place):
                return None
            rms = float(z.detach().float().square().mean().sqrt())
            reason = bar_before(place) or bar(model, layer, place.path)
            if not reason and not (0 < rms < float("inf")):
                reason = f"what {place.path} gives has an RMS of {rms:g}"
            if reason:
                job.notes.append(f"not rescaled: {reason}")
                return None
            done.add(id(layer))
            with torch.no_grad():
                for parameter in layer.parameters(recurse=False):
                    parameter.mul_(target / rms)
            forget(layer.parameters(recurse=False))
            job.did("layer rescaled")
            return z * (target / rms)

        look(model, bench.threads, at_act=at_act)

    bench.on_start(start, training=True)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, lay)
