"""margin-bias: the biases of silent units moved until they fire on half of the data.

## What it does
Moves the bias of each unit that fires on no row of a batch so that its hyperplane passes through
the middle of the data: the median of what enters its act becomes the act's kink. Units that fire
keep their bias: for them the function stays.

## When it helps
Where units were born dead because their hyperplane lies beside the data, and again when units die
in training. It does not help against the cause of their dying: if steps are too large, they die
again.

## How it is applied
Before the first forward that trains, in one forward that leaves no trace, layer by layer; then
every 25, 50, 100 and at last 400 optimiser steps for units that were silent on all samples since.
What the optimiser had gathered on these biases is set to zero.

## What it changes (safety)
RETRAIN: silent units begin to fire. At that moment the function of the other units is the same.

## References
Lu, Shin, Su and Karniadakis, "Dying ReLU and initialization", 2019, arXiv:1903.06733.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.acts.act import acts
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.forward_trace import ActPlace, trace_forward
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import zero_moments
from relume.fixes.shared.dead_unit_watch import WatchedUnits, watch_units
from relume.fixes.shared.site_queries import script, sites_alike
from relume.fixes.shared.weight_draws import why_not_redrawn_before

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

BODY = """
z = layer.forward(*inputs)
rows = z.movedim(1 if hasattr(layer, "kernel_size") else -1, -1).flatten(0, -2)
silent = (rows <= 0).all(0)
layer.bias.sub_(torch.where(silent, rows.float().median(0).values.to(rows), 0))
"""
RUNGS = {"ACT303": 1, "ACT401": 2, "ACT402": 2, "ACT403": 2}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose all acts of which the rule found units."""
    sites = sites_alike(finding, diagnosis)
    text = f"biases of silent units moved to the data at {', '.join(sites)}"
    known = [site for name in sites if (site := trace.site(name)) is not None]
    layers = tuple(dict.fromkeys(s.layer for s in known if s.layer and _turns_at_zero(s.act)))
    yield PAGE.edit(text, sites=sites, at=script(trace), layers=layers)


def _turns_at_zero(act: str) -> bool:
    known = acts().get(act)
    return known is not None and known.rectifies and tuple(known.kinks_at()[:1]) == (0.0,)


def apply(edit: Edit, session: "EditSession") -> None:
    """Move the biases of silent units before training, and of those that die later."""
    job = session.current

    def start(model: LiveModel) -> None:
        def at_act(place: ActPlace, z: Tensor) -> Tensor | None:
            if edit.sites and place.site not in edit.sites:
                return None
            if (
                not place.act.rectifies
                or place.role in ("gate", "attention")
                or why_not_redrawn_before(place)
            ):
                return None
            units = WatchedUnits(place, model)
            units.add(z)
            shift = _shift(units, ~units.alive if units.alive is not None else None)
            if shift is None:
                return None
            job.count("unit moved to the data", int((shift != 0).sum()))
            return z + shift.reshape(-1, *[1] * (z.dim() - 1 - place.axis))

        trace_forward(model, session.threads, at_act=at_act)

    def revive(units: WatchedUnits, dead: Tensor) -> None:
        shift = _shift(units, dead)
        if shift is not None:
            job.count("unit moved to the data", int((shift != 0).sum()))

    session.on_start(start, training=True)
    watch_units(edit, session, revive)


def _shift(units: WatchedUnits, dead: Tensor | None) -> Tensor | None:
    """Move the biases of these units; return by how much, or None."""
    bias: Any = getattr(units.place.layer, "bias", None)
    if dead is None or not bool(dead.any()) or not isinstance(bias, Tensor) or units.last is None:
        return None
    kinks = units.place.act.kinks_at()
    middle = units.last.float().median(0).values.to(bias)
    shift = torch.where(dead, (kinks[0] if kinks else 0.0) - middle, torch.zeros_like(bias))
    with torch.no_grad():
        bias.add_(shift)
    zero_moments(bias, dead)
    return shift


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Hook the layers before the optimiser is made: units that are silent on the first batch."""
    from relume.fixes.source.first_batch import at_first_batch

    layers = tuple(map(str, option(edit, "layers", ())))
    return at_first_batch(source, layers, "MovedToTheData", edit.text, BODY)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
