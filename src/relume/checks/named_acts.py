"""Compares a model's acts with those that its configuration names.

One word stands for several functions (gelu by erf or by tanh, quick or clipped; relu and relu6),
and a model that is rebuilt from a configuration may take the other one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from torch import nn

from relume.acts.act import Act
from relume.acts.lookup import act
from relume.acts.recognise import act_of
from relume.acts.wide_precision import evaluate
from relume.core import Fact
from relume.errors import RelumeError

KEYS = (
    *("hidden_act", "hidden_activation", "activation_function", "activation", "act_fn"),
    *("activation_fn", "ffn_activation", "mlp_activation", "act_layer", "nonlinearity"),
)
"""Under which transformers, diffusers, timm and their like name the act of a block."""

KIN = (
    frozenset({"gelu", "quick_gelu", "clipped_gelu"}),
    frozenset({"silu", "swish", "hardswish"}),
    frozenset({"sigmoid", "hardsigmoid"}),
    frozenset({"tanh", "hardtanh"}),
    frozenset({"relu", "relu6", "squared_relu", "squared_leaky_relu"}),
)
"""Acts that one word is used for; any other act of the model (a pooler's tanh) is not meant."""


def named_acts(model: nn.Module) -> Iterator[Fact]:
    """Yield an ``act-name`` fact for each act module that its configuration names.

    ``difference`` is the largest between the two functions on [-12, 12], 0 where they are one.
    """
    configured: dict[str, tuple[str, Act]] = {}
    modules = cast("Iterator[tuple[str, nn.Module]]", model.named_modules())
    for path, module in modules:
        above = configured.get(path.rpartition(".")[0]) if path else None
        here = _named(getattr(module, "config", None)) or above
        if here is None:
            continue
        configured[path] = here
        found = act_of(module)
        key, named = here
        if found is None or not _kin(found, named):
            continue
        yield Fact(
            "act-name",
            path,
            0,
            {
                "key": key,
                "named": str(named),
                "found": str(found),
                "difference": _gap(found, named),
            },
        )


def _named(config: Any) -> tuple[str, Act] | None:
    """Return the first act that a configuration names, with the key; None if there is none."""
    for key in KEYS:
        if isinstance(config, Mapping):
            text = cast("Mapping[str, Any]", config).get(key)
        else:
            text = getattr(config, key, None)
        if not isinstance(text, str):
            continue
        try:
            return key, act(text.lower())
        except RelumeError:  # a gated block, or a name of the user's
            continue
    return None


def _kin(one: Act, two: Act) -> bool:
    return one.name == two.name or any({one.name, two.name} <= group for group in KIN)


def _gap(one: Act, two: Act) -> float:
    grid = torch.linspace(-12, 12, 4801, dtype=torch.float64)
    values = [evaluate(each.value, grid, each.defaults, wide=True) for each in (one, two)]
    return float((values[0] - values[1]).abs().max())
