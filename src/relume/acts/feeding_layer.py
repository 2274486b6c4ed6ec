"""Finds the layer in front of an act module, and draws its weights anew."""

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
    """The layer that feeds an act; `bar` is the reason not to redraw its weights, or empty."""

    path: str
    module: nn.Module
    bar: str = ""


def qualified_modules(model: nn.Module, *, every: bool = False) -> list[tuple[str, nn.Module]]:
    """Return qualified names and modules; with `every` a shared one under each of its names."""
    walk: Any = model.named_modules
    return list(walk(remove_duplicate=not every))


def feeders(model: nn.Module, acts: list[nn.Module], sample: Any) -> dict[int, FeedingLayer]:
    """Return the layer in front of each act module by the act's id, as far as it is known.

    One forward of `sample` shows which storage leaves one module and enters the other; without
    a sample the order in `nn.Sequential` decides.
    """
    act_ids = {id(act) for act in acts}
    if not act_ids:
        return {}
    names = {id(module): path for path, module in qualified_modules(model)}
    feeding = _by_order(model, act_ids) if sample is None else _by_flow(model, act_ids, sample)
    return {act: _front(names[id(layer)], layer) for act, layer in feeding.items()}


def _by_order(model: nn.Module, act_ids: set[int]) -> dict[int, nn.Module]:
    feeding: dict[int, nn.Module] = {}
    for parent in model.modules():
        if isinstance(parent, nn.Sequential):
            for before, after in pairwise(parent):
                if id(after) in act_ids and isinstance(before, AFFINE + TRANSPOSED + NORM):
                    feeding[id(after)] = before
    return feeding


def _by_flow(model: nn.Module, act_ids: set[int], sample: Any) -> dict[int, nn.Module]:
    feeding: dict[int, nn.Module] = {}
    makers: dict[
        int, tuple[nn.Module, Tensor]
    ] = {}  # the tensor is kept: its storage stays its own

    def note_output(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            makers[output.untyped_storage().data_ptr()] = module, output

    def note_input(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            maker = makers.get(inputs[0].untyped_storage().data_ptr())
            if maker is not None:
                feeding.setdefault(id(module), maker[0])

    handles: list[Any] = []
    modes = [(module, module.training) for module in model.modules()]
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    try:
        for module in model.modules():
            if isinstance(module, AFFINE + TRANSPOSED + NORM):
                handles.append(module.register_forward_hook(note_output))
            elif id(module) in act_ids:
                handles.append(module.register_forward_pre_hook(note_input))
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            model(*sample) if isinstance(sample, tuple) else model(sample)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    return feeding


def _front(path: str, layer: nn.Module) -> FeedingLayer:
    if isinstance(layer, NORM):
        return FeedingLayer(path, layer, f"the norm layer {path} sets the scale")
    if parametrize.is_parametrized(layer, "weight"):
        return FeedingLayer(path, layer, f"the weight of {path} is parametrised")
    if isinstance(layer.weight, UninitializedParameter):
        return FeedingLayer(path, layer, f"{path} is lazy and has no weight yet")
    return FeedingLayer(path, layer)


def draw(layer: nn.Module, gain: float, generator: torch.Generator) -> Tensor:
    """Draw new weights ~ N(0, gain^2 / fan_in), in the weight's shape, dtype and device."""
    weight: Any = layer.weight
    if isinstance(layer, TRANSPOSED):  # (in, out / groups, *kernel): each output sees in * kernel
        groups: Any = layer.groups
        inputs = weight.shape[0] // groups * weight[0, 0].numel()
    else:
        inputs = weight[0].numel()
    fresh = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
    return (fresh * (gain / inputs**0.5)).to(weight)
