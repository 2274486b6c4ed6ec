"""insert-norm: a norm layer in front of each act.

## What it does
Sends the output of the layers that feed the acts through a norm layer: layer norm behind linear
layers, batch norm behind convolutions.

## When it helps
Where the scale in front of acts drifts, saturates or silences them, and no initialisation holds. It
improves healthy networks too, so its gain proves nothing about a diagnosis; with it a learning rate
that was too high may do.

## How it is applied
A forward hook on each layer, from before the model's first forward on; gain and bias of the norm go
into the optimiser, in the group of the layer. Layers that a norm follows already are left.

## What it changes (safety)
RETRAIN: the network computes another function, and has more parameters.

## References
Ioffe and Szegedy, "Batch normalization", ICML 2015, arXiv:1502.03167. Ba, Kiros and Hinton, "Layer
normalization", 2016, arXiv:1607.06450.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import nn

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.forward_trace import trace_forward
from relume.fixes.live.insert_modules import add_module, device_and_dtype, route_through
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import Adoption
from relume.fixes.shared.redraw_layers import is_wanted
from relume.fixes.shared.site_queries import script, sites_alike
from relume.fixes.shared.weight_draws import each_layer

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT401": 5, "ACT402": 5, "ACT403": 5, "ACT303": 5, "ACT501": 3, "ACT601": 3, "ACT301": 3}
EVERYWHERE = ("ACT601", "ACT301")
BLOCK = """# WHY
for name in [LAYERS]:
    layer = {model}.get_submodule(name)
    if isinstance(layer, torch.nn.Linear):
        norm = torch.nn.LayerNorm(layer.out_features)
    else:
        norm = torch.nn.BatchNorm2d(layer.out_channels)
    {model}.set_submodule(name, torch.nn.Sequential(layer, norm))
"""
BATCH_NORMS = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
    nn.ConvTranspose1d: nn.BatchNorm1d,
    nn.ConvTranspose2d: nn.BatchNorm2d,
    nn.ConvTranspose3d: nn.BatchNorm3d,
}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose norms before the acts found; before all hidden ones where depth is at fault."""
    sites = () if finding.code in EVERYWHERE else sites_alike(finding, diagnosis)
    text = f"norm layer before {', '.join(sites) or 'every hidden act'}"
    chosen = [
        s for s in trace.sites_of("act", "hidden") if s.layer and (s.name in sites or not sites)
    ]
    layers = tuple(dict.fromkeys(site.layer for site in chosen))
    yield PAGE.edit(text, sites=sites, at=script(trace), layers=layers)


def apply(edit: Edit, session: "EditSession") -> None:
    """Put a norm behind each layer before the model's first forward."""
    job, adoption = session.current, Adoption(session)
    job.no_effect = "no layer that feeds such an act was met"
    done: set[int] = set()

    def start(model: LiveModel) -> None:
        places = [p for p in trace_forward(model, session.threads).hidden() if p.layer is not None]
        for path, place in each_layer(places).items():
            layer: Any = place.layer
            if id(layer) in done or not is_wanted(edit, model, path, place):
                continue
            if place.normed:
                job.notes.append(f"a norm layer follows {path} already")
                continue
            norm = norm_for(layer)
            if norm is None:
                job.notes.append(f"no norm layer is known for a {type(layer).__name__}")
                continue
            done.add(id(layer))
            route_through(session, layer, add_module(session, model, layer, "norm", norm))
            adoption.add(norm.parameters(), layer.weight)
            job.count("norm layer inserted")

    session.on_start(start, training=False)


def norm_for(layer: Any) -> nn.Module | None:
    """Make a norm over the units of a layer, or None."""
    for kind, norm in BATCH_NORMS.items():
        if isinstance(layer, kind):
            return norm(layer.out_channels, **device_and_dtype(layer))
    units = getattr(layer, "out_features", None)
    return nn.LayerNorm(units, **device_and_dtype(layer)) if isinstance(units, int) else None


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Put each layer and a norm in a Sequential, before the optimiser is made."""
    from relume.fixes.source.setup_blocks import before_optimiser

    layers = ", ".join(f'"{name}"' for name in option(edit, "layers", ()))
    block = BLOCK.replace("WHY", edit.text).replace("LAYERS", layers)
    return before_optimiser(source, block) if layers else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
