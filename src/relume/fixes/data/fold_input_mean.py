"""fold-input-mean: the mean of the inputs folded into the first bias.

## What it does
Subtracts the mean of the first batch from the inputs and adds what the first layer makes of it to
that layer's bias: W x + b = W (x - m) + (b + W m). The function is the same; its gradients no
longer all point the same way.

## When it helps
Where the mean of the inputs outweighs what they differ in, and the function must not change: a
trained network that is trained further.

## How it is applied
A forward hook in front of each layer that the data enters, and its bias, before the first forward
that trains. Layers without a bias, with padding or with groups are left.

## What it changes (safety)
EXACT: the same function to rounding. Training goes another way from there.

## References
LeCun, Kanter and Solla, "Second order properties of error surfaces", NIPS 1990.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.live.forward_trace import CHANNELS, trace_forward
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import forget
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

BLOCK = """class NAME:
    # the mean of the first batch is taken from the inputs, and what it gave into the bias

    mean = None

    def __call__(self, layer, inputs):
        x = inputs[0]
        if self.mean is None and layer.training and torch.is_grad_enabled():
            axis = 1 if hasattr(layer, "kernel_size") else x.dim() - 1
            mean = x.detach().movedim(axis, -1).flatten(0, -2).double().mean(0).to(layer.weight)
            weight = layer.weight
            with torch.no_grad():
                layer.bias.add_((weight.flatten(2).sum(2) if weight.dim() > 2 else weight) @ mean)
            self.mean = mean.reshape(-1, *[1] * (x.dim() - 1 - axis))
        return inputs if self.mean is None else (x - self.mean.to(x), *inputs[1:])


for name in [LAYERS]:
    {model}.get_submodule(name).register_forward_pre_hook(NAME())
"""
RUNGS = {"ACT701": 2}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it at the input of the finding."""
    sites = (finding.layer,) if finding.layer else ()
    yield PAGE.edit("mean of the inputs folded into the first bias", sites=sites, at=script(trace))


def apply(edit: Edit, session: "EditSession") -> None:
    """Fold the mean of the first batch."""
    job = session.current
    job.no_effect = "no layer that floating data enters was met"
    done: set[int] = set()

    def start(model: LiveModel) -> None:
        entered: dict[str, Tensor] = {}

        def at_layer(path: str, _layer: nn.Module, x: Tensor) -> None:
            entered.setdefault(path, x)

        forward = trace_forward(model, session.threads, at_layer=at_layer)
        named = [path for site in edit.sites if (path := model.local(site)) in forward.layers]
        for path in named or forward.inputs:
            layer: Any = forward.layers[str(path)]
            reason = why_not_foldable(layer, str(path))
            if reason:
                job.notes.append(reason)
            elif id(layer) not in done:
                done.add(id(layer))
                mean = fold_mean(layer, entered[str(path)])
                session.undo.append(layer.register_forward_pre_hook(_minus(mean)).remove)
                # the undo keeps the function as well
                session.undo.append(lambda layer=layer, mean=mean: _into_bias(layer, -mean))
                job.count("mean folded")

    session.on_start(start, training=True)


def why_not_foldable(layer: Any, path: str) -> str:
    """Say why the mean cannot be folded exactly, or ``""``."""
    if not isinstance(getattr(layer, "bias", None), Tensor):
        return f"{path} has no bias to fold a mean into"
    if not isinstance(layer, CHANNELS):
        return ""
    padding = getattr(layer, "padding", ())
    plain = all(size == 0 for size in padding)  # the letters of "same" are not 0
    if not plain or getattr(layer, "transposed", False) or getattr(layer, "groups", 1) != 1:
        return f"{path} pads its input, and zeros at the border are not the mean"
    return ""


def fold_mean(layer: Any, x: Tensor) -> Tensor:
    """Add the layer's output for the mean of `x` to its bias; return the mean as one row."""
    axis = 1 if isinstance(layer, CHANNELS) else x.dim() - 1
    mean = x.detach().movedim(axis, -1).reshape(-1, x.shape[axis]).double().mean(0)
    mean = mean.to(layer.weight).reshape(-1, *[1] * (x.dim() - 1 - axis))
    _into_bias(layer, mean)
    return mean


def _into_bias(layer: Any, mean: Tensor) -> None:
    with torch.no_grad():
        weight = layer.weight.flatten(2).sum(2) if layer.weight.dim() > 2 else layer.weight
        layer.bias.add_(weight @ mean.flatten())
    forget([layer.bias])


def _minus(mean: Tensor) -> Any:
    def hook(_layer: nn.Module, inputs: tuple[Any, ...]) -> Any:
        return inputs[0] - mean.to(inputs[0]), *inputs[1:]

    return hook


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Hook the layer before the optimiser is made."""
    from relume.fixes.source.first_batch import hooked

    return hooked(source, edit.sites, BLOCK, "FoldedMean")


FIX = PAGE.fix(Safety.EXACT, RUNGS, propose, apply, patch)
