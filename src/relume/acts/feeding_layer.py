"""Which layer stands in front of an act module, and a fresh draw of its weights."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORM = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.RMSNorm,
)


@dataclass(frozen=True, slots=True)
class FeedingLayer:
    """The layer that feeds an act; `bar` says why its weights are not to be drawn, or is empty."""

    path: str
    module: nn.Module
    bar: str = ""


def feeding_name(model: nn.Module, *, every: bool = False) -> list[tuple[str, nn.Module]]:
    """Qualified names and modules; with `every` a shared one under each of its names."""
    walk: Any = model.named_modules
    return list(walk(remove_duplicate=not every))


def feeders(model: nn.Module, acts: list[nn.Module], sample: Any) -> dict[int, FeedingLayer]:
    """The layer in front of each act module, by the act's id, as far as it is known.

    From one forward of `sample`, by the storage that leaves one module and enters the other;
    without a sample from the order in `nn.Sequential`.
    """
    wanted = {id(act) for act in acts}
    if not wanted:
        return {}
    names = {id(module): path for path, module in feeding_name(model)}
    found = _by_order(model, wanted) if sample is None else _by_flow(model, wanted, sample)
    return {act: _front(names[id(layer)], layer) for act, layer in found.items()}


def _by_order(model: nn.Module, wanted: set[int]) -> dict[int, nn.Module]:
    found: dict[int, nn.Module] = {}
    for parent in model.modules():
        if isinstance(parent, nn.Sequential):
            for before, after in pairwise(parent):
                if id(after) in wanted and isinstance(before, AFFINE + TRANSPOSED + NORM):
                    found[id(after)] = before
    return found


def _by_flow(model: nn.Module, wanted: set[int], sample: Any) -> dict[int, nn.Module]:
    found: dict[int, nn.Module] = {}
    makers: dict[
        int, tuple[nn.Module, Tensor]
    ] = {}  # the tensor is kept: its storage stays its own

    def left(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            makers[output.untyped_storage().data_ptr()] = module, output

    def entered(module: nn.Module, given: tuple[Any, ...]) -> None:
        if given and isinstance(given[0], Tensor):
            maker = makers.get(given[0].untyped_storage().data_ptr())
            if maker is not None:
                found.setdefault(id(module), maker[0])

    handles: list[Any] = []
    modes = [(module, module.training) for module in model.modules()]
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    try:
        for module in model.modules():
            if isinstance(module, AFFINE + TRANSPOSED + NORM):
                handles.append(module.register_forward_hook(left))
            elif id(module) in wanted:
                handles.append(module.register_forward_pre_hook(entered))
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            model(*sample) if isinstance(sample, tuple) else model(sample)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    return found


def _front(path: str, layer: nn.Module) -> FeedingLayer:
    if isinstance(layer, NORM):
        return FeedingLayer(path, layer, f"the norm layer {path} sets the scale")
    if parametrize.is_parametrized(layer, "weight"):
        return FeedingLayer(path, layer, f"the weight of {path} is parametrised")
    if isinstance(layer.weight, UninitializedParameter):
        return FeedingLayer(path, layer, f"{path} is lazy and has no weight yet")
    return FeedingLayer(path, layer)


def draw(layer: nn.Module, gain: float, generator: torch.Generator) -> Tensor:
    """New weights ~ N(0, gain^2 / fan_in), in the weight's shape, dtype and device."""
    weight: Any = layer.weight
    if isinstance(layer, TRANSPOSED):  # (in, out / groups, *kernel): each output sees in * kernel
        groups: Any = layer.groups
        inputs = weight.shape[0] // groups * weight[0, 0].numel()
    else:
        inputs = weight[0].numel()
    fresh = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
    return (fresh * (gain / inputs**0.5)).to(weight)
