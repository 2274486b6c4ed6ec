"""Adds and replaces modules of a model, with their undo."""

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from relume.fixes.live.model_names import LiveModel

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession


def replace_module(session: "EditSession", model: LiveModel, old: nn.Module, new: nn.Module) -> int:
    """Register `new` wherever `old` is registered in the model.

    Returns:
        The number of places.
    """
    places = [
        (parent, name)
        for parent in model.root.modules()
        for name, part in parent._modules.items()
        if part is old
    ]
    for parent, name in places:
        parent._modules[name] = new
        fused = isinstance(parent, nn.TransformerEncoderLayer) and name == "activation"
        if fused:
            flag: Any = vars(parent).get("activation_relu_or_gelu", 0)
            vars(parent)["activation_relu_or_gelu"] = 0
        else:
            flag = None
        session.undo.append(partial(_restore_module, weakref.ref(parent), name, old, flag))
    model.refresh()
    return len(places)


def _restore_module(ref: "weakref.ref[nn.Module]", name: str, old: nn.Module, flag: Any) -> None:
    parent = ref()
    if parent is not None:
        parent._modules[name] = old
        if flag is not None:
            vars(parent)["activation_relu_or_gelu"] = flag


def add_module(
    session: "EditSession", model: LiveModel, parent: nn.Module, stem: str, part: nn.Module
) -> str:
    """Register a new part under a free name that begins with ``relume_``.

    Returns:
        That name.
    """
    number, name = 1, f"relume_{stem}"
    while hasattr(parent, name):
        number += 1
        name = f"relume_{stem}_{number}"
    part.train(parent.training)
    parent.add_module(name, part)
    session.undo.append(partial(_remove_module, weakref.ref(parent), name))
    model.refresh()
    return name


def _remove_module(ref: "weakref.ref[nn.Module]", name: str) -> None:
    parent = ref()
    if parent is not None:
        parent._modules.pop(name, None)


def route_through(session: "EditSession", layer: nn.Module, name: str) -> None:
    """Send the layer's output through its part of that name.

    The hook finds the part by name in the module for which it is called, so a copy of the model
    uses its own part.
    """

    def through(module: nn.Module, _inputs: Any, output: Any) -> Any:
        part = module._modules.get(name)
        return part(output) if part is not None and isinstance(output, Tensor) else output

    session.undo.append(layer.register_forward_hook(through).remove)


def device_and_dtype(layer: nn.Module) -> dict[str, Any]:
    """Return device and dtype of the layer's weights, for a part that works beside it."""
    first = next(layer.parameters(), None)
    return {} if first is None else {"device": first.device, "dtype": first.dtype}
