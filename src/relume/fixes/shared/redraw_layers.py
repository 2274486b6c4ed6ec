"""Draws layers anew for the fixes of the initialisation: which layers, how and when."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from relume.acts.act import Act, acts
from relume.acts.gain import gain
from relume.acts.lookup import act as find
from relume.core import Trace
from relume.core.trial import Edit
from relume.errors import UsageError
from relume.fixes.base import option
from relume.fixes.live.forward_trace import ActPlace, ForwardTrace, trace_forward
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import forget
from relume.fixes.shared.site_queries import layers_and_acts
from relume.fixes.shared.weight_draws import (
    draw_anew,
    each_layer,
    generator,
    why_not_redrawn,
    why_not_redrawn_before,
)

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

Std = Callable[[nn.Module, float], float]
"""Maps a layer and the gain of the act behind it to the standard deviation of its weights."""


def redraw(edit: Edit, session: "EditSession", std: Std) -> None:
    """Draw the affine layers anew before the first forward that trains.

    A layer with no hidden act behind it (a head, a projection) has gain 1. Layers whose scale a
    norm layer sets, and layers that other signals join, keep their weights.
    """
    job, source = session.current, generator()
    job.no_effect = "no model was trained"
    done: set[int] = set()

    def start(model: LiveModel) -> None:
        forward = trace_forward(model, session.threads)
        behind = each_layer(place for place in forward.places if place.layer is not None)
        for path, layer in forward.layers.items():
            place = behind.get(path)
            if id(layer) in done or not is_wanted(edit, model, path, place):
                continue
            reason = why_not_redrawn(model, layer, path) or (
                "" if place is None else why_not_redrawn_before(place)
            )
            if reason:
                job.notes.append(f"not drawn anew: {reason}")
                continue
            done.add(id(layer))
            draw_anew(job, layer, std(layer, gain_behind(place)), source)

    session.on_start(start, training=True)


def is_wanted(edit: Edit, model: LiveModel, path: str, place: ActPlace | None) -> bool:
    """Whether the edit's sites name this layer, a parameter of it, or the act behind it."""
    if not edit.sites:
        return True
    for site in edit.sites:
        if place is not None and site == place.site:
            return True
        local = model.local(site)
        above = model.local(site.rpartition(".")[0])  # of a parameter: "fc1.weight"
        if path in (local, above) and (path or site.rpartition(".")[0] == ""):
            return True
    return False


def gain_behind(place: ActPlace | None) -> float:
    """Return the gain of the hidden act behind a layer; 1 without an act or a gain."""
    return 1.0 if place is None or place.role != "hidden" else gain_of(place.act)


def gain_of(act: Act) -> float:
    """Return the act's gain to five digits, as a patch writes it; 1 where it has none."""
    try:
        return float(f"{gain(act):.5g}")
    except UsageError:
        return 1.0


def layers_of(edit: Edit, model: LiveModel, forward: ForwardTrace) -> dict[str, nn.Module]:
    """Return the layers that the edit's sites name; all of the forward where it names none."""
    behind = each_layer(place for place in forward.places if place.layer is not None)
    return {
        path: layer
        for path, layer in forward.layers.items()
        if is_wanted(edit, model, path, behind.get(path))
    }


def fill_biases(edit: Edit, session: "EditSession", value: float) -> None:
    """Set the biases of the layers that the edit names before the first forward that trains."""
    job = session.current
    job.no_effect = f"no layer with a bias other than {value:g} was met"

    def start(model: LiveModel) -> None:
        for layer in layers_of(edit, model, trace_forward(model, session.threads)).values():
            bias = getattr(layer, "bias", None)
            if isinstance(bias, Tensor) and bool((bias != value).any()):
                with torch.no_grad():
                    bias.fill_(value)
                forget([bias])
                job.count("bias vector")

    session.on_start(start, training=True)


def layers_for_patch(trace: Trace, only: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """Return the layers that a patch draws, and the act behind each, as options of an edit."""
    acts = layers_and_acts(trace)
    chosen = {layer: act for layer, act in acts.items() if not only or layer in only}
    return {"layers": tuple(chosen), "behind": tuple(chosen.values())}


def init_patch(edit: Edit, source: "Source", std: Callable[[Act], str]) -> "Patch | None":
    """Write a block that draws the edit's layers, before the optimiser is made.

    Args:
        edit: with the options of `layers_for_patch`.
        source: the script.
        std: maps the act behind a layer to an expression in ``fan_in`` and ``fan_out``.
    """
    from relume.fixes.source.setup_blocks import before_optimiser, draw_block

    layers, behind = option(edit, "layers", ()), option(edit, "behind", ())
    if any(a and str(a) not in acts() for a in behind):
        return None  # an act of the user's that is not registered in this process
    stds = {str(n): std(find(str(a) or "identity")) for n, a in zip(layers, behind, strict=False)}
    return before_optimiser(source, draw_block(stds, edit.text)) if stds else None
