"""standardise-inputs: every feature of the input with mean 0 and standard deviation 1.

## What it does
Subtracts from each feature (each channel of an image) its mean over the training data and divides
by its standard deviation. Constant features are only centred.

## When it helps
Where the mean of the inputs outweighs what they differ in, so that all weight gradients of a unit
share a sign and the path zig-zags; and where inputs are far too large, too small, or of very
different sizes. Measured on digits plus 20, where other acts and other rates do not help:
docs/fixes.md.

## How it is applied
A forward hook in front of each layer that the data enters. Mean and deviation are pooled over the
first 4,096 rows of the training forwards, and then stay; evaluation uses the same numbers. In your
own code compute them once from the training set.

## What it changes (safety)
RETRAIN: the network sees other numbers, and its gradients change.

## References
LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998. LeCun, Kanter and Solla, "Second order
properties of error surfaces", NIPS 1990.
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
from relume.fixes.shared.site_queries import has_finding, script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {
    "ACT701": 1,
    "ACT702": 1,
    "ACT501": 1,
    "ACT502": 1,
    "ACT102": 1,
    "ACT301": 0.5,
    "ACT303": 1.5,
    "ACT403": 1.8,
}
ROWS = 4096  # the mean of 4,096 rows lies within 3 % of a standard deviation, 19 times of 20
FLAT = 1e-9  # of its mean: a feature that varies less is constant, and is only centred
BLOCK = """class Standardised:
    # every input feature with mean 0 and deviation 1, by the first 4,096 rows of training

    def __init__(self):
        self.rows = []

    def __call__(self, layer, inputs):
        axis = 1 if hasattr(layer, "kernel_size") else -1
        x = inputs[0].movedim(axis, -1)
        learns = layer.training and torch.is_grad_enabled()
        if not self.rows or (learns and sum(map(len, self.rows)) < 4096):
            self.rows.append(x.detach().reshape(-1, x.shape[-1]).double())
            self.std, self.mean = torch.std_mean(torch.cat(self.rows), 0, correction=0)
            self.std[self.std <= 1e-9 * self.mean.abs()] = 1
        x = (x - self.mean.to(x)) / self.std.to(x)
        return x.movedim(-1, axis), *inputs[1:]


for name in [LAYERS]:
    {model}.get_submodule(name).register_forward_pre_hook(Standardised())
"""
SATURATED = "ACT501"
OWN = ("ACT701", "ACT702")


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where a finding blames the inputs, and for saturated acts in any case."""
    sites = tuple(site.layer for site in trace.sites_of("input") if site.layer)
    if finding.code in OWN or finding.code == SATURATED or has_finding(diagnosis, *OWN):
        yield PAGE.edit("inputs standardised", sites=sites, at=script(trace))


class InputScaler:
    """Mean and deviation of every feature over the first rows of training."""

    def __init__(self, axis: int) -> None:
        self.axis = axis
        self.rows: list[Tensor] = []
        self.mean = self.std = torch.zeros(0)

    def __call__(self, x: Tensor, *, learn: bool) -> Tensor:
        """Centre and scale every feature of a batch; with `learn`, count it first."""
        x = x.movedim(self.axis, -1)
        if not self.rows or (learn and sum(map(len, self.rows)) < ROWS):
            with torch.no_grad():
                self.rows.append(x.detach().reshape(-1, x.shape[-1]).double())
                self.std, self.mean = torch.std_mean(torch.cat(self.rows), 0, correction=0)
                self.std[self.std <= FLAT * self.mean.abs()] = 1
        return ((x - self.mean.to(x)) / self.std.to(x)).movedim(-1, self.axis)


def apply(edit: Edit, session: "EditSession") -> None:
    """Hook the layers that the data enters, before the model's first forward."""
    job = session.current
    job.no_effect = "no layer that floating data enters was met"
    done: set[int] = set()

    def start(model: LiveModel) -> None:
        forward = trace_forward(model, session.threads)
        named = [path for site in edit.sites if (path := model.local(site)) in forward.layers]
        for path in named or forward.inputs:
            layer = forward.layers[str(path)]
            if id(layer) not in done:
                done.add(id(layer))
                scaler = InputScaler(1 if isinstance(layer, CHANNELS) else -1)
                session.undo.append(layer.register_forward_pre_hook(_before(scaler)).remove)
                job.count("input standardised")

    session.on_start(start, training=False)


def _before(scaler: InputScaler) -> Any:
    def hook(layer: nn.Module, inputs: tuple[Any, ...]) -> Any:
        learn = layer.training and torch.is_grad_enabled()
        return scaler(inputs[0], learn=learn), *inputs[1:]

    return hook


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Write the scaler before the optimiser is made, and a hook at each layer."""
    from relume.fixes.source.setup_blocks import before_optimiser

    layers = ", ".join(f'"{name}"' for name in edit.sites)
    return before_optimiser(source, BLOCK.replace("LAYERS", layers)) if layers else None


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
