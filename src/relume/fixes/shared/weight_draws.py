"""Draws a layer's weights anew, and says why some layers cannot be drawn."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from relume.acts.feeding_layer import TRANSPOSED, draw
from relume.fixes.live.edit_job import EditJob
from relume.fixes.live.forward_trace import ActPlace
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import forget

SEED = 1729  # any fixed number: every run of an arm at one seed draws the same


def why_not_redrawn(model: LiveModel, layer: nn.Module, path: str) -> str:
    """Say why a layer's weights must not be drawn anew, or ``""``."""
    weight: Any = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() < 2:
        return f"{path} has no weight matrix of its own"
    if parametrize.is_parametrized(layer, "weight") or "weight" not in layer._parameters:
        return f"the weight of {path} is made from others"
    if not weight.requires_grad:
        return f"{path} is frozen"
    holders = [
        part
        for part in model.root.modules()
        for own in part._parameters.values()
        if own is weight and part is not layer
    ]
    return f"the weight of {path} is shared with another layer" if holders else ""


def why_not_redrawn_before(place: ActPlace) -> str:
    """Say why the scale of the layer before an act has no effect or is not known, or ``""``."""
    if place.layer is None:
        return f"which layer feeds {place.site} is not known"
    if place.normed:
        return f"a norm layer after {place.path} sets the scale"
    if place.mixed:
        return f"other signals join {place.path} before {place.site}"
    return ""


def by_gain(layer: nn.Module, gain: float) -> float:
    """Return gain / sqrt(fan_in), which keeps the scale of the signal."""
    return gain / fans(layer)[0] ** 0.5


def fans(layer: Any) -> tuple[int, int]:
    """Return fan_in and fan_out: inputs of one output, and outputs of one input, of a layer."""
    weight: Tensor = layer.weight
    field = weight[0, 0].numel()
    first, second = weight.shape[0] * field, weight.shape[1] * field
    if isinstance(layer, TRANSPOSED):  # (in, out / groups, *kernel)
        groups: int = layer.groups
        return first // groups, second
    return second, first // int(getattr(layer, "groups", 1))


def generator(seed: int = SEED) -> torch.Generator:
    """Make a separate source of random numbers: the run's own must not move."""
    return torch.Generator().manual_seed(seed)


def draw_anew(job: EditJob, layer: Any, std: float, source: torch.Generator) -> None:
    """Draw weights from N(0, std^2), zero the biases, and drop the optimisers' state of both."""
    fan_in = fans(layer)[0]
    with torch.no_grad():
        layer.weight.copy_(draw(layer, std * fan_in**0.5, source))
        if isinstance(getattr(layer, "bias", None), Tensor):
            layer.bias.zero_()
    forget(layer.parameters(recurse=False))
    job.count("layer drawn anew")


def each_layer(places: Iterable[ActPlace]) -> dict[str, ActPlace]:
    """Return the first act after each layer."""
    first: dict[str, ActPlace] = {}
    for place in places:
        first.setdefault(place.path, place)
    return first
