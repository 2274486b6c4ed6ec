"""Finds frozen layers whose weights look as they were drawn: by torch's own or a usual initialiser.

A drawn weight has the deviation that its initialiser gives to its shape, and the kurtosis of a
uniform or normal distribution, within what chance allows. Training changes both.
"""

import torch
from torch import Tensor, nn

from relume.core import Fact
from relume.instrument.float64 import as_float64
from relume.record.measure.dtensor import is_sharded
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.store.run_file import Writer

LEAST = 48  # entries: of fewer, too many deviations are within chance
MOST = 65_536  # entries that are read
ERRORS = 4.0  # standard errors: 1 in 16,000 by luck
UNIFORM, NORMAL = 1.8, 3.0  # kurtosis
SMALL_NORMAL = 0.02  # deviation that transformers are drawn with


def write_frozen(names: QualifiedNames, writer: Writer) -> None:
    """Write one fact ``frozen`` for each frozen weight of the models that were called.

    A copy of a weight that trains (a target network, a moving average) is none.
    """
    modules = [module for root in names.roots() for module in root.modules()]
    trained = [p for module in modules for p in module.parameters(recurse=False) if p.requires_grad]
    for module in dict.fromkeys(modules):
        for own, weight in module.named_parameters(recurse=False):
            if weight.requires_grad or weight.dim() < 2 or is_sharded(weight):
                continue
            path = names.path(module)
            name = f"{path}.{own}" if path else own
            copied = any(p.shape == weight.shape and torch.equal(p, weight) for p in trained)
            fresh = not copied and looks_drawn(weight.detach(), module)
            data = {"fresh": fresh, "entries": weight.numel()}
            writer.replace_fact(Fact("frozen", name, 0, data))


def looks_drawn(weight: Tensor, module: nn.Module) -> bool:
    """Whether a weight has the deviation and the kurtosis of a usual initialiser."""
    values = as_float64(weight.reshape(-1)[:MOST])
    count = values.numel()
    if count < LEAST or not weight.is_floating_point():
        return False
    centred = values - values.mean()
    deviation = float(centred.square().mean().sqrt())
    if deviation == 0:
        return False
    kurtosis = float((centred / deviation).pow(4).mean())
    shape = UNIFORM if abs(kurtosis - UNIFORM) < abs(kurtosis - NORMAL) else NORMAL
    if abs(kurtosis - shape) > ERRORS * (24 / count) ** 0.5:
        return False
    error = ERRORS * ((shape - 1) / (4 * count)) ** 0.5
    return any(abs(deviation / usual - 1) < error for usual in _deviations(weight, module))


def _deviations(weight: Tensor, module: nn.Module) -> list[float]:
    """The deviations of the usual initialisers for a weight of this shape."""
    fan_out, fan_in = weight.shape[0], weight[0].numel()
    if isinstance(module, nn.Embedding):
        return [1.0, SMALL_NORMAL]
    hidden = getattr(module, "hidden_size", fan_in)  # recurrent layers are drawn by it
    return [
        (1 / (3 * hidden)) ** 0.5,  # torch's default
        (2 / (fan_in + fan_out)) ** 0.5,  # Xavier
        (2 / fan_in) ** 0.5,  # He
        (1 / fan_in) ** 0.5,  # LeCun
        SMALL_NORMAL,
    ]
