"""insert-act: an activation function between two affine layers, with its initialisation.

## What it does
Sends the output of the first of two affine layers through an act (ReLU by default),
and draws that layer anew at the act's gain, bias zero.

## When it helps
Where two affine layers follow each other with nothing between: together they are one affine layer,
however wide the middle. Not where the narrow middle is meant: low-rank pairs, separable
convolutions, projections.

## How it is applied
A forward hook on the first layer, from before the model's first forward on; learned parameters of
the act go into the optimiser with the layer's.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
Cybenko, "Approximation by superpositions of a sigmoidal function", Math. Control Signals Systems 2,
1989.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from relume.acts.lookup import act as find
from relume.acts.recognise import module_class
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.insert_modules import add_module, device_and_dtype, route_through
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import Adoption
from relume.fixes.shared.redraw_layers import gain_of
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.weight_draws import by_gain, draw_anew, generator, why_not_redrawn

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT101": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose an act after the first layer of every pair, all in one edit."""
    findings = [f for f in diagnosis.findings if f.code == finding.code]
    layers = tuple(dict.fromkeys(f.layer for f in findings if f.layer))
    for act in ("relu", "gelu") if layers else ():
        text = f"{act} inserted after {', '.join(layers)}, layers drawn anew"
        yield PAGE.edit(text, sites=layers, at=script(trace), act=act, init="match")


def apply(edit: Edit, session: "EditSession") -> None:
    """Put the act behind each layer before the model's first forward."""
    new, source = find(str(option(edit, "act", "relu"))), generator()
    match, job, adoption = (
        option(edit, "init", "match") == "match",
        session.current,
        Adoption(session),
    )
    job.no_effect = "no model with these layers was called"

    def start(model: LiveModel) -> None:
        for path in edit.sites:
            layer: Any = model.module(path)
            if layer is None or any(name.startswith("relume_act") for name in layer._modules):
                continue
            kind = module_class(new)
            made = new.module(**device_and_dtype(layer)) if kind is None else kind(**new.defaults)
            name = add_module(session, model, layer, "act", made)
            route_through(session, layer, name)
            adoption.add(made.parameters(), layer.weight)
            job.count(f"{new.name} inserted")
            reason = why_not_redrawn(model, layer, path)
            if match and not reason:
                draw_anew(job, layer, by_gain(layer, gain_of(new)), source)
            elif match:
                job.notes.append(f"not drawn anew: {reason}")

    session.on_start(start, training=False)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Draw the layers anew, and put each with the act behind it in a Sequential."""
    from relume.fixes.source.act_calls import spelling
    from relume.fixes.source.setup_blocks import before_optimiser, draw_block

    new = find(str(option(edit, "act", "relu")))
    kind = spelling(new.name)[0]
    if not kind or not edit.sites:
        return None
    block = draw_block(dict.fromkeys(edit.sites, f"{gain_of(new):.5g} / fan_in**0.5"), edit.text)
    names = ", ".join(f'"{name}"' for name in edit.sites)
    block += (
        f"for name in [{names}]:\n"
        "    layer = {model}.get_submodule(name)\n"
        f"    {{model}}.set_submodule(name, torch.nn.Sequential(layer, torch.nn.{kind}()))\n"
    )
    return before_optimiser(source, block)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
