"""Drawing weights anew: which layers may be, how, and what is told of those that may not."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from relume.acts.feeding_layer import TRANSPOSED, draw
from relume.fixes.live.edit_job import EditJob
from relume.fixes.live.forward_trace import ActPlace
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import forget

SEED = 1729  # any fixed number: a draw is the same in every run of an arm at one seed


def why_not_redrawn(model: LiveModel, layer: nn.Module, path: str) -> str:
    """Why a layer's weights are not to be drawn anew, or ``""``."""
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
    """Why the scale of the layer before an act means nothing, or ``""``."""
    if place.layer is None:
        return f"which layer feeds {place.site} is not known"
    if place.normed:
        return f"a norm layer after {place.path} sets the scale"
    if place.mixed:
        return f"other signals join {place.path} before {place.site}"
    return ""


Std = Callable[[nn.Module, float], float]


def by_gain(layer: nn.Module, gain: float) -> float:
    """gain / sqrt(fan_in): keeps the scale of the signal."""
    return gain / fans(layer)[0] ** 0.5


def fans(layer: Any) -> tuple[int, int]:
    """Inputs of one output, and outputs of one input, of an affine layer."""
    weight: Tensor = layer.weight
    field = weight[0, 0].numel()
    first, second = weight.shape[0] * field, weight.shape[1] * field
    if isinstance(layer, TRANSPOSED):  # (in, out / groups, *kernel)
        groups: int = layer.groups
        return first // groups, second
    return second, first // int(getattr(layer, "groups", 1))


def generator(bench_seed: int = SEED) -> torch.Generator:
    """A source of random numbers of our own: the run's must not move."""
    return torch.Generator().manual_seed(bench_seed)


def draw_anew(job: EditJob, layer: Any, std: float, source: torch.Generator) -> None:
    """Weights from N(0, std^2), biases zero; what the optimiser knew of them is forgotten."""
    fan_in = fans(layer)[0]
    with torch.no_grad():
        layer.weight.copy_(draw(layer, std * fan_in**0.5, source))
        if isinstance(getattr(layer, "bias", None), Tensor):
            layer.bias.zero_()
    forget(layer.parameters(recurse=False))
    job.did("layer drawn anew")


def each_layer(places: Iterable[ActPlace]) -> dict[str, ActPlace]:
    """The first act after each layer."""
    found: dict[str, ActPlace] = {}
    for place in places:
        found.setdefault(place.path, place)
    return found
