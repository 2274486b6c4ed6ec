"""Measures what an act saves between forward and backward, and how many numbers it learns."""

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from relume.acts.act import Act
from relume.cards.property import MeasureSetting, measures, missing
from relume.core import Measured

_ROWS, _UNITS = 64, 128


@measures(
    "saved_bytes", "Kept for backward", "Cost", unit="B/element", better="low", elementwise=False
)
def saved_bytes(act: Act, setting: MeasureSetting) -> Measured:
    """Bytes of the storages that autograd keeps for the act between two linear layers in float32,
    each counted once, without the weights and without what the second layer keeps in any case
    (its input), by an element of pre; so identity and ReLU cost nothing."""
    del setting
    plain = _saved_per_element(act, exact=False)
    exact = _saved_per_element(act, exact=True)
    if plain is None or exact is None:
        return missing("it does not take a matrix and give one")
    note = f"with exact=True {exact:g}" if exact != plain else "with exact=True the same"
    return Measured(plain, 0.0, note, {"exact": exact}, "float32")


def _saved_per_element(act: Act, *, exact: bool) -> float | None:
    saved: dict[int, tuple[int, Tensor]] = {}

    def pack(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes(), tensor
        return tensor

    def unpack(tensor: Tensor) -> Tensor:
        return tensor

    first = nn.Linear(_UNITS, _UNITS)
    x = torch.ones(_ROWS, _UNITS)
    with saved_tensors_hooks(pack, unpack):
        pre = first(x)
        post = act(pre, exact=exact)
        if post.dim() != 2:
            return None
        second = nn.Linear(post.shape[1], _UNITS)
        second(post)
    known = [x, post, *first.parameters(), *second.parameters()]
    spared = {tensor.untyped_storage().data_ptr() for tensor in known}
    return sum(size for spot, (size, _) in saved.items() if spot not in spared) / pre.numel()


@measures("learnable", "Learned parameters", "Cost", elementwise=False)
def learnable(act: Act, setting: MeasureSetting) -> Measured:
    """Those of the record's parameters that training learns, and how many numbers the module has
    with its defaults."""
    del setting
    if not act.learnable:
        return Measured(0)
    many = sum(p.numel() for p in act.module().parameters())
    starts = ", ".join(f"{name} from {act.defaults[name]!r}" for name in act.learnable)
    return Measured(many, note=starts)
