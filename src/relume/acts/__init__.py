"""Activation functions: each a function, a module and a record of what is known of it.

    from relume.acts import gelu, GELU
    gelu(z)                      # the function, torch's own path
    gelu(z, exact=True)          # value and slope right at every magnitude
    GELU(approximate="tanh")     # the module
    gelu.formula, gelu.year      # the record

`relume.act("leaky_relu(negative_slope=0.1)")` looks one up, `register` makes one of your function.
"""
# ruff: noqa: F403, F405  (for type checkers; at run time `__getattr__` looks)

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from torch.nn import Module

from relume.acts.act import Act as Act
from relume.acts.act import register as register
from relume.acts.decay import parameter_groups as parameter_groups
from relume.acts.lean import bytes_for_backward as bytes_for_backward
from relume.acts.module import ActModule as ActModule

if TYPE_CHECKING:
    from relume.acts.exponential import *
    from relume.acts.gated import *
    from relume.acts.lean import *
    from relume.acts.learnable import *
    from relume.acts.maxout_layers import *
    from relume.acts.output import *
    from relume.acts.pieces import *
    from relume.acts.piecewise import *
    from relume.acts.sigmoids import *
    from relume.acts.smooth import *
    from relume.acts.thresholds import *


def _public() -> dict[str, Any]:
    """Every act and act module that a file of this package binds, by its name."""
    found: dict[str, Any] = {}
    for info in iter_modules(__path__):
        for name, value in vars(import_module(f"{__name__}.{info.name}")).items():
            own = isinstance(value, type) and value.__module__.startswith(f"{__name__}.")
            if isinstance(value, Act) or (own and issubclass(value, Module) and name[0] != "_"):
                found[name] = value
    return found


def __getattr__(name: str) -> Any:
    found = {} if name.startswith("__") else _public()
    if name in found:
        globals()[name] = found[name]
        return found[name]
    raise AttributeError(f"module 'relume.acts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_public()})
