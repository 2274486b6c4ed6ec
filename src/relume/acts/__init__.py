"""Acts (activation functions): each is a function, a module and a record of its properties.

    from relume.acts import gelu, GELU
    gelu(z)                      # the function, torch's own path
    gelu(z, exact=True)          # value and slope right at every magnitude
    GELU(approximate="tanh")     # the module
    gelu.formula, gelu.year      # the record

`relume.act("leaky_relu(negative_slope=0.1)")` looks one up, `register` makes one of your function.

In come formulas; out go acts that the recorder, the cards, the fixes and the atlas share. Read in
this order; each file imports only from those before it:

- `wide_precision.py`: evaluates a formula in a wider type; makes the autograd function.
- `module_registry.py`: the module class of each act.
- `traits.py`: what rules and fixes ask of an act, measured: range, shape, initialisation.
- `act.py`: the record `Act`, its autograd `Node`, `register`, all acts by name and by node.
- `lookup.py`: an act by text, ``"elu(0.5)"``.
- `module.py`: `ActModule`, an act as a `torch.nn.Module`.
- `kernels/`: stable formulas and CPU kernels.
- `gain.py`: the gain of an act, by quadrature.
- `families/`: the acts themselves.
- `recognise.py`: acts in modules, functions and sources of other packages.
- `feeding_layer.py`: the layer in front of an act, and a fresh draw of its weights.
- `swap.py`: exchanges a model's acts in place.
- `weight_decay_groups.py`: parameters with and without weight decay.
"""
# ruff: noqa: F403  (for type checkers; at run time `__getattr__` looks)

from importlib import import_module
from typing import TYPE_CHECKING, Any

from torch.nn import Module

from relume.acts.act import Act as Act
from relume.acts.act import register as register
from relume.acts.families.lean import bytes_for_backward as bytes_for_backward
from relume.acts.module import ActModule as ActModule
from relume.acts.weight_decay_groups import parameter_groups as parameter_groups
from relume.registry import members

if TYPE_CHECKING:
    from relume.acts.families.bounded import *
    from relume.acts.families.exponential import *
    from relume.acts.families.gated import *
    from relume.acts.families.gated_limits import *
    from relume.acts.families.lean import *
    from relume.acts.families.learnable import *
    from relume.acts.families.maxout import *
    from relume.acts.families.maxout_layers import *
    from relume.acts.families.normless import *
    from relume.acts.families.output_layer import *
    from relume.acts.families.periodic import *
    from relume.acts.families.piecewise import *
    from relume.acts.families.sigmoids import *
    from relume.acts.families.smooth import *
    from relume.acts.families.sparse_codes import *
    from relume.acts.families.sparse_softmax import *
    from relume.acts.families.surrogates import *
    from relume.acts.families.thresholds import *
    from relume.acts.families.variants import *


def _public() -> dict[str, Any]:
    """Every act and act module that a file of this package binds, by its name."""
    public: dict[str, Any] = {}
    for file in members(__name__):
        for name, value in vars(import_module(file)).items():
            own = isinstance(value, type) and value.__module__.startswith(f"{__name__}.")
            if isinstance(value, Act) or (own and issubclass(value, Module) and name[0] != "_"):
                public[name] = value
    return public


def __getattr__(name: str) -> Any:
    public = {} if name.startswith("__") else _public()
    if name in public:
        globals()[name] = public[name]
        return public[name]
    raise AttributeError(f"module 'relume.acts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_public()})
