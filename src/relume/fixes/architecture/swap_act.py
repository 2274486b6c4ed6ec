"""swap-act: another activation function in the hidden layers, with the initialisation it needs.

## What it does
Replaces the act at its sites by another one, and draws the affine layer in front of each anew
from N(0, gain^2 / fan_in) with the new act's gain, biases zero.

## When it helps
Where the act itself is what fails: a sigmoid whose slope of at most 1/4 lets the gradient vanish
through eight layers, a ReLU whose units are dead. The initialisation is half of the cure: on
digits a deep sigmoid network stays at chance when only its act is changed to ReLU, and learns when
the layers are drawn anew as well (docs/fixes.md has the numbers). Where units are dead but the
network learns, no act is better than another: leave it.

## How it is applied
Before the model's first forward: act modules are replaced in the model, calls in a forward
(`F.relu(x)`, `x.relu_()`, `torch.relu`, functions kept as attributes) are answered by the new
act. Heads, gates and attention weights stay. An act that learns parameters gets them into the
optimiser, in the group of the layer that feeds it. One forward that leaves no trace shows which
layer feeds which act. Maxout takes the place of layer and act: a second piece is put beside
the layer, so that there are as many units as before with twice the parameters, both drawn with
maxout's gain of 1; the second joins the first one's group in the optimiser. With `units` "half" a
maxout or a gated unit (GLU, SwiGLU) takes two outputs of the layer as its two pieces, so that the
network has no parameter more; the layer behind reads each unit twice.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852. Maas, Hannun
and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013. Clevert,
Unterthiner and Hochreiter, ICLR 2016, arXiv:1511.07289.
"""

import copy
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from relume.acts.act import Act
from relume.acts.families.output_layer import identity
from relume.acts.lookup import act as find
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.errors import UsageError
from relume.fixes.base import option, page
from relume.fixes.live.edit_job import EditJob
from relume.fixes.live.forward_trace import ActPlace, trace_forward
from relume.fixes.live.insert_modules import add_module
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import Adoption
from relume.fixes.shared.redraw_layers import gain_of, init_patch
from relume.fixes.shared.site_queries import hidden_sites, names, sites_alike
from relume.fixes.shared.swap_live import LiveSwaps, swap_text
from relume.fixes.shared.weight_draws import (
    by_gain,
    draw_anew,
    generator,
    why_not_redrawn,
    why_not_redrawn_before,
)

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {
    "ACT601": 2,
    "ACT401": 4,
    "ACT402": 4,
    "ACT403": 4,
    "ACT303": 4,
    "ACT501": 4,
    "ACT102": 4,
    "ACT301": 4,
}
PIECES = 2  # of maxout: the layer itself and one beside it
PAIRED = ("maxout", "gated")  # families whose units are made of two affine pieces
DEAD = ("ACT303", "ACT401", "ACT402", "ACT403")


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose a leaky act or ELU where units died, else ReLU or GELU at every hidden site."""
    dead = finding.code in DEAD
    sites = sites_alike(finding, diagnosis) if dead else names(hidden_sites(trace))
    if not sites:
        return
    acts = {site.act for site in trace.sites if site.name in sites}
    wanted = ("leaky_relu", "elu") if dead else ("relu", "gelu")
    for new in wanted:
        if acts != {new}:
            text = f"{' and '.join(sorted(acts)) or 'the act'} replaced by {new}, layers drawn anew"
            chosen = [site for site in trace.sites if site.name in sites]
            layers = tuple(dict.fromkeys(site.layer for site in chosen if site.layer))
            more = {"layers": layers, "behind": (new,) * len(layers), "old": tuple(sorted(acts))}
            every = all(s.name in sites for s in trace.sites_of("act") if s.act in acts)
            yield PAGE.edit(
                text, sites=sites, at=finding, act=new, init="match", every=every, **more
            )


def apply(edit: Edit, session: "EditSession") -> None:
    """Replace the acts of every model that has the sites, before its first forward."""
    new = find(str(option(edit, "act", "")))
    init = str(option(edit, "init", "match"))
    if init not in ("match", "keep"):
        raise UsageError(f"init is {init!r}; it is 'match' or 'keep'.")
    half = option(edit, "units", "all") == "half" and new.family in PAIRED
    if not (half or new.elementwise or new.family == "maxout"):
        raise UsageError(f"{new.name} is no act of one unit; it cannot stand for another.")
    _ActSwap(edit, session, new, init, half=half)


class _ActSwap:
    def __init__(
        self, edit: Edit, session: "EditSession", new: Act, init: str, *, half: bool
    ) -> None:
        self.edit, self.session, self.new, self.init = edit, session, new, init
        self.half = half
        self.job: EditJob = session.current
        self.job.no_effect = "no model with such acts was called"
        self.job.describe = lambda job: swap_text(job, str(option(edit, "act", "")))
        self.adoption = Adoption(session)
        self.swaps = LiveSwaps(session, self.adoption)
        self.source = generator()
        self.drawn: set[int] = set()
        self.pending: weakref.WeakKeyDictionary[nn.Module, list[tuple[str, ActPlace]]]
        self.pending = weakref.WeakKeyDictionary()
        session.on_start(self.start, training=False, copies=True)
        # not before the model trains: an average of weights, called too, must keep its weights
        session.on_start(self.draw, training=True)

    def start(self, model: LiveModel) -> None:
        forward = trace_forward(model, self.session.threads)
        if model.copied and self.new.family in PAIRED:
            return  # the copy already has the piece and its hook
        sites = self.edit.sites or tuple(place.site for place in forward.hidden())
        for site in sites:
            place = forward.at(site)
            if place is not None and place.act.name == self.new.name and _same(place.act, self.new):
                self.job.notes.append(f"{site} is {self.new.name} already")
                continue
            if self.new.family in PAIRED:
                self.of_pairs(model, site, place)
                continue
            swapped = self.swaps.swap(model, site, self.new, place.layer if place else None)
            if swapped and place is not None and self.init == "match":
                self.pending.setdefault(model.root, []).append((site, place))

    def draw(self, model: LiveModel) -> None:
        for site, place in self.pending.pop(model.root, []):
            self.draw_before(model, site, place)

    def draw_before(self, model: LiveModel, site: str, place: ActPlace) -> None:
        reason = why_not_redrawn_before(place) or (
            why_not_redrawn(model, place.layer, place.path) if place.layer else ""
        )
        if reason:
            self.job.notes.append(f"no layer drawn anew for {site}: {reason}")
        elif place.layer is not None and id(place.layer) not in self.drawn:
            self.drawn.add(id(place.layer))
            std = by_gain(place.layer, gain_of(self.new))
            draw_anew(self.job, place.layer, std, self.source)

    def of_pairs(self, model: LiveModel, site: str, place: ActPlace | None) -> None:
        """Replace the act by one of two pieces: of the layer's output and of a second layer's, or
        of the halves of its output."""
        reason = "its layer was not seen" if place is None else why_not_redrawn_before(place)
        layer = None if place is None else place.layer
        axis = 0 if layer is None else -1 - len(getattr(layer, "kernel_size", ()))
        if layer is not None and self.half and _units(layer) % 2:
            reason = f"its layer has {_units(layer)} units, which make no pairs"
        if layer is None or reason:
            self.job.notes.append(f"no {self.new.name} at {site}: {reason}")
            return
        self.swaps.swap(model, site, identity, layer)
        if id(layer) in self.drawn:
            return
        self.drawn.add(id(layer))
        if self.half:
            draw_anew(self.job, layer, by_gain(layer, gain_of(self.new)), self.source)
            self.session.undo.append(layer.register_forward_hook(_paired(self.new, axis)).remove)
            return
        piece = copy.deepcopy(layer)
        piece._forward_hooks.clear()
        name = add_module(self.session, model, layer, "piece", piece)
        for each in (layer, piece):
            draw_anew(self.job, each, by_gain(each, gain_of(self.new)), self.source)
        self.adoption.add(piece.parameters(), next(layer.parameters(recurse=False)))
        self.session.undo.append(layer.register_forward_hook(_larger(name)).remove)


def _larger(name: str) -> Any:
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        part = module._modules.get(name)
        return output if part is None else torch.maximum(output, part(*inputs))

    return hook


def _paired(new: Act, axis: int) -> Any:
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        half = new(output, dim=axis)
        return torch.cat((half, half), axis)

    return hook


def _units(layer: nn.Module) -> int:
    return int(getattr(layer, "out_features", getattr(layer, "out_channels", 0)))


def _same(one: Act, other: Act) -> bool:
    return dict(one.defaults) == dict(other.defaults)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Swap the act in the source, and insert the block that draws the layers anew.

    The patch has both or neither: one alone is not what the trial measured.
    """
    from relume.fixes.source.act_calls import other_act, spelling
    from relume.fixes.source.setup_blocks import before_optimiser, parts_block

    new, old = str(option(edit, "act", "")), [str(act) for act in option(edit, "old", ())]
    swapped = other_act(source, old, new, every=bool(option(edit, "every", False)))
    modules = bool(edit.sites) and not any("(" in site for site in edit.sites)
    if swapped is None and modules and spelling(new)[0]:
        made = f"torch.nn.{spelling(new)[0]}()"
        swapped = before_optimiser(source, parts_block(edit.sites, made, edit.text))
    if swapped is None or option(edit, "init", "match") != "match":
        return swapped
    after = replace(source, text=swapped.after)
    block = init_patch(edit, after, lambda act: f"{gain_of(act):.5g} / fan_in**0.5")
    return None if block is None else replace(block, before=source.text)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
