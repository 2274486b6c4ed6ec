"""keep-state: recurrent layers that begin by keeping their state.

## What it does
Opens the forget gate of an LSTM and the update gate of a GRU: their biases become ln(n) for a
sequence of n steps, so that the state lasts about as long as the sequence. The recurrent weights
of a plain cell become orthogonal, and its biases zero.

## When it helps
Where the gradient fades on its way back through a sequence that has to be remembered. On a task
that needs the last steps alone it changes little.

## How it is applied
Before the first forward that trains, in place, in `nn.RNN`, `nn.LSTM`, `nn.GRU` and their cells.

## What it changes (safety)
RETRAIN: training starts from another function.

## References
Gers, Schmidhuber and Cummins, "Learning to forget", 2000. Jozefowicz, Zaremba and Sutskever, "An
empirical exploration of recurrent network architectures", ICML 2015. Tallec and Ollivier, "Can
recurrent neural networks warp time?", ICLR 2018, arXiv:1804.11188 (the logarithm). Saxe,
McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning", 2014,
arXiv:1312.6120.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import forget
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.weight_draws import generator

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

BLOCK = """# WHY
generator = torch.Generator().manual_seed(1729)
for name in [LAYERS]:
    layer = {model}.get_submodule(name)
    gates = {"LSTM": 4, "GRU": 3}.get(type(layer).__name__.removesuffix("Cell"))
    for key, tensor in layer.named_parameters():
        with torch.no_grad():
            if gates and key.startswith("bias"):
                size = tensor.numel() // gates
                tensor[size : 2 * size] = VALUE if key.startswith("bias_ih") else 0
            elif not gates and key.startswith("weight_hh"):
                torch.nn.init.orthogonal_(tensor, generator=generator)
            elif not gates and key.startswith("bias"):
                tensor.zero_()
"""
RUNGS = {"ACT609": 1}
GATED = ("LSTM", "GRU")
"""In both the second quarter or third of the biases drives the gate that keeps the state."""


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it for a layer in which the gradient fades."""
    more = finding.evidence.more
    if finding.site and more.get("way") == "lost":
        length = more.get("length")
        value = math.log(max(float(length), 2.0)) if isinstance(length, int | float) else 1.0
        text = f"{finding.site} begins by keeping its state"
        yield PAGE.edit(text, sites=(finding.site,), at=script(trace), value=round(value, 2))


def apply(edit: Edit, session: "EditSession") -> None:
    """Set gates or recurrent weights before the first forward that trains."""
    job, source = session.current, generator()
    value = float(option(edit, "value", 1.0))
    job.no_effect = "no recurrent layer of that name was met"

    def start(model: LiveModel) -> None:
        wanted = {model.local(site) for site in edit.sites}
        for path, layer in model.parts().items():
            if path in wanted and isinstance(layer, nn.RNNBase | nn.RNNCellBase):
                changed = keep(layer, value, source)
                forget(changed)
                for _ in changed:
                    job.count("tensor")

    session.on_start(start, training=True)


def keep(layer: nn.Module, value: float, source: torch.Generator) -> list[Tensor]:
    """Let a recurrent layer begin by keeping its state; return what was changed."""
    gated = any(type(layer).__name__.startswith(name) for name in GATED)
    changed: list[Tensor] = []
    with torch.no_grad():
        for name, tensor in layer.named_parameters():
            if gated and name.startswith("bias"):
                size = tensor.numel() // (4 if "LSTM" in type(layer).__name__ else 3)
                # two biases are added: one is the gate's, the other zero
                tensor[size : 2 * size] = value if name.startswith("bias_ih") else 0.0
                changed.append(tensor)
            elif not gated and name.startswith("weight_hh"):
                nn.init.orthogonal_(tensor, generator=source)
                changed.append(tensor)
            elif not gated and name.startswith("bias"):
                tensor.zero_()
                changed.append(tensor)
    return changed


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a block before the optimiser is made."""
    from relume.fixes.source.setup_blocks import before_optimiser

    layers = ", ".join(f'"{name}"' for name in edit.sites)
    block = BLOCK.replace("WHY", edit.text).replace("LAYERS", layers)
    value = float(option(edit, "value", 1.0))
    return before_optimiser(source, block.replace("VALUE", f"{value:g}")) if layers else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
