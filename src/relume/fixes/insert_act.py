"""insert-act: an activation function between two affine layers, with its initialisation.

## What it does
Sends the output of the first of two affine layers through an act (ReLU if nothing else is said),
and draws that layer anew at the act's gain, bias zero.

## When it helps
Where two affine layers follow each other with nothing between: together they are one affine layer,
however wide the middle. Not where the narrow middle is meant: low-rank pairs, separable
convolutions, projections.

## How it is laid
A forward hook on the first layer, from before the model's first forward on; learned parameters of
the act go into the optimiser with the layer's.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
Cybenko, "Approximation by superpositions of a sigmoidal function", Math. Control Signals Systems 2,
1989.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relume.acts.find import act as find
from relume.acts.match import module_class
from relume.core import Diagnosis, Finding, Trace
from relume.fixes._draws import bar, by_gain, draw_anew, generator
from relume.fixes._inits import gain_of, init_patch
from relume.fixes._models import Model
from relume.fixes._optim import Adoption
from relume.fixes._parts import add, after, place_of
from relume.fixes._sites import script
from relume.fixes.fix import option, page
from relume.proof import Edit, Safety

if TYPE_CHECKING:
    from relume.fixes.lay import Bench
    from relume.fixes.patch import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT101": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """After the first layer of every pair that was found, in one transaction."""
    found = [f for f in diagnosis.findings if f.code == finding.code]
    layers = tuple(dict.fromkeys(f.layer for f in found if f.layer))
    for act in ("relu", "gelu") if layers else ():
        text = f"{act} inserted after {', '.join(layers)}, layers drawn anew"
        yield PAGE.edit(text, sites=layers, at=script(trace), act=act, init="match")


def lay(edit: Edit, bench: "Bench") -> None:
    """Put the act behind each layer before the model's first forward."""
    new, source = find(str(option(edit, "act", "relu"))), generator()
    match, job, adoption = option(edit, "init", "match") == "match", bench.current, Adoption(bench)
    job.wanting = "no model with these layers was called"

    def start(model: Model) -> None:
        for path in edit.sites:
            layer: Any = model.module(path)
            if layer is None or any(name.startswith("relume_act") for name in layer._modules):
                continue
            kind = module_class(new)
            made = new.module(**place_of(layer)) if kind is None else kind(**new.defaults)
            name = add(bench, model, layer, "act", made)
            after(bench, layer, name)
            adoption.add(made.parameters(), layer.weight)
            job.did(f"{new.name} inserted")
            reason = bar(model, layer, path)
            if match and not reason:
                draw_anew(job, layer, by_gain(layer, gain_of(new)), source)
            elif match:
                job.notes.append(f"not drawn anew: {reason}")

    bench.on_start(start, training=False)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """The act in the one Sequential, and the block that draws the layers before it anew.

    The names of the layers in a Sequential are their positions, so that they move.
    """
    from relume.fixes._source import insert_in_sequential

    found = insert_in_sequential(source, str(option(edit, "act", "relu")))
    if found is None or not all(path.isdigit() for path in edit.sites):
        return None
    moved = tuple(str(2 * int(path)) for path in edit.sites)
    if edit.sites != tuple(str(at) for at in range(len(edit.sites))):
        return None
    act = str(option(edit, "act", "relu"))
    both = replace(edit, options={"layers": moved, "behind": (act,) * len(moved)})
    after = replace(source, text=found.after)
    block = init_patch(both, after, lambda act: f"{gain_of(act):.4g} / fan_in**0.5")
    return None if block is None else replace(block, before=source.text)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, lay, patch)
