"""What relume knew of acts by their names before a run file carried it (version 2 and older).

The migration to version 3 writes it into the sites and facts of an old file, so that its acts are
judged as they were. It describes files that exist, and is not extended: a new act's record is
measured (`relume.acts.traits`) and recorded.
"""

from collections.abc import Mapping
from typing import Any

_RECTIFIER = {"low": 0.0, "rectifies": True, "max_slope": 1.0, "init": ["he"], "cheapest": "relu"}
_LEAKY = {"leaks": True, "passes": True, "max_slope": 1.0, "init": ["he"], "cheapest": "leaky_relu"}
_S = {"low": -1.0, "high": 1.0, "max_slope": 1.0, "init": ["xavier"], "cheapest": "hardtanh"}
_HARDSIGMOID = {"low": 0.0, "high": 1.0, "max_slope": 1 / 6, "cheapest": "hardsigmoid"}
_SIGMOID = {**_HARDSIGMOID, "max_slope": 0.25, "smooth": True, "init": ["xavier", "lecun"]}

BY_NAME: Mapping[str, Mapping[str, Any]] = {
    "relu": {**_RECTIFIER, "passes": True},
    "squared_relu": {**_RECTIFIER, "max_slope": 2.0},
    "leaky_relu": _LEAKY,
    "prelu": _LEAKY,
    "rrelu": _LEAKY,
    "sigmoid": _SIGMOID,
    "hardsigmoid": {**_HARDSIGMOID, "init": ["xavier"]},
    "tanh": {**_S, "smooth": True, "init": ["xavier", "lecun"]},
    "softsign": {**_S, "smooth": True},
    "hardtanh": {**_S, "clips": True},
    "relu6": {"low": 0.0, "high": 6.0, "max_slope": 1.0, "clips": True, "init": ["he"]},
    "clamp": {"clips": True},
    "softplus": {"low": 0.0, "max_slope": 1.0, "smooth": True, "rectifies": True, "init": ["he"]},
    "log_sigmoid": {"high": 0.0, "max_slope": 1.0, "smooth": True},
    "softmax": {"low": 0.0, "high": 1.0, "smooth": True, "rows": "probabilities"},
    "log_softmax": {"high": 0.0, "smooth": True, "rows": "log-probabilities"},
    "selu": {"max_slope": 1.7581, "smooth": True, "init": ["lecun"]},
    "gelu": {"max_slope": 1.1, "smooth": True, "init": ["he"]},
    "silu": {"max_slope": 1.1, "smooth": True, "init": ["he"]},
    "elu": {"max_slope": 1.0, "smooth": True, "passes": True, "init": ["he"]},
}


def with_traits(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a site's or a fact's body with what was known of its acts; of others as it is."""
    body = dict(data)
    if kind == "head":
        body["acts"] = [{"traits": known(act.get("act")), **act} for act in data.get("acts") or ()]
    elif kind == "act-pair":
        for name in ("first", "second"):
            body.setdefault(f"{name}_traits", known(data.get(name)))
    elif kind == "act":
        return {**known(data.get("act")), "smooth": False, "rectifies": False, **data}
    return body


def known(act: object) -> dict[str, Any]:
    """Return the traits of an act by its name; empty where nothing was known."""
    return dict(BY_NAME.get(str(act), {}))
