"""recycle-dead-units: dead units drawn anew in place, without a change of the function.

## What it does
Draws the incoming weights of each dead unit anew at the gain of its act, with a zero bias, sets its
outgoing weights to zero, and forgets what the optimiser had gathered on both. At that moment the
network computes the same function; from then on the unit can learn.

## When it helps
Where units died once, for a reason that is over: a large step, a bad start. Where the reason goes
on they die again. Where a quarter of the units is dead and the network learns, it gains nothing
(docs/fixes.md): leave it.

## How it is applied
Acts are watched on every training batch; after 25 optimiser steps, then after 50, 100 and so on up
to every 400, units that were silent on all of at least 512 samples are recycled. Acts behind a norm
layer or where other signals join are left.

## What it changes (safety)
RETRAIN: the function is the same when it happens, and training goes another way.

## References
Sokar, Agarwal, Castro and Evci, "The dormant neuron phenomenon in deep reinforcement learning",
ICML 2023, arXiv:2302.12902.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.acts.act import acts
from relume.acts.feeding_layer import draw
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.optimizer_state import zero_moments
from relume.fixes.shared.dead_unit_watch import WatchedUnits, watch_units
from relume.fixes.shared.redraw_layers import gain_of
from relume.fixes.shared.site_queries import sites_alike
from relume.fixes.shared.weight_draws import generator

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Source

PAGE = page(__doc__)

RUNGS = {"ACT401": 3, "ACT402": 3, "ACT403": 3, "ACT303": 3}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose all acts of which the rule found units."""
    sites = sites_alike(finding, diagnosis)
    text = f"dead units recycled at {', '.join(sites)}"
    known = trace.site(finding.site)
    layer, act = (known.layer, known.act) if known else ("", "")
    yield PAGE.edit(text, sites=sites, at=finding, layer=layer, act=act)


def apply(edit: Edit, session: "EditSession") -> None:
    """Watch the acts, and recycle dead units."""
    job, source = session.current, generator()

    def revive(units: WatchedUnits, dead: Tensor) -> None:
        place, layer = units.place, units.place.layer
        weight: Any = getattr(layer, "weight", None)
        if layer is None or weight.shape[0] != len(dead):
            job.notes.append(f"not recycled: the units of {place.path} are not the rows of it")
            return
        weight[dead] = draw(layer, gain_of(place.act), source)[dead]
        zero_moments(weight, dead)
        bias: Any = getattr(layer, "bias", None)
        if isinstance(bias, Tensor):
            bias[dead] = 0
            zero_moments(bias, dead)
        for path in dict.fromkeys(place.feeds):
            zero_outgoing(units.model.module(path), dead)
        job.count("dead unit recycled", int(dead.sum()))

    watch_units(edit, session, revive)


def zero_outgoing(layer: Any, dead: Tensor) -> None:
    """Zero the layer's weights from these units; a flattened channel has several columns."""
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.shape[1] % len(dead):
        return
    columns = torch.repeat_interleave(dead, weight.shape[1] // len(dead))
    weight[:, columns] = 0
    mask = torch.zeros_like(weight, dtype=torch.bool)
    mask[:, columns] = True
    zero_moments(weight, mask)


def by_hand(edit: Edit, source: "Source") -> str:
    """Say what to write for a dead unit."""
    layer, act = str(option(edit, "layer", "")) or "layer", str(option(edit, "act", ""))
    scale = gain_of(acts()[act]) if act in acts() else 1.0
    return (
        f"{source.relative}:{source.line}: every hundred steps, under `torch.no_grad()`, for each "
        f"unit i of {layer} that fired on none of the last 512 rows write "
        f"`{layer}.weight[i].normal_(0, {scale:.5g} / {layer}.weight[i].numel() ** 0.5); "
        f"{layer}.bias[i] = 0`, and `following.weight[:, i] = 0` for the layer that follows."
    )


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, by_hand=by_hand)
