"""What rules know of an act by its name, where the counters alone cannot tell.

Rules do not import torch, so this is text and numbers, not functions of tensors.
"""

_INIT = {
    "tanh": "Xavier initialisation",
    "sigmoid": "Xavier initialisation",
    "softsign": "Xavier initialisation",
    "hardtanh": "Xavier initialisation",
    "hardsigmoid": "Xavier initialisation",
    "selu": "LeCun initialisation (variance of one over the fan-in)",
}


def init_for(act: str) -> str:
    """The initialisation that keeps the signal's scale through an act, as text."""
    return _INIT.get(act, f"He initialisation with the gain of {act}" if act else "its gain")


LEAKS = frozenset({"leaky_relu", "prelu", "rrelu"})
"""Acts of two straight pieces that both have a slope: the sign of the output tells the piece."""

RECTIFIERS = frozenset({"relu", "squared_relu"}) | LEAKS
"""Acts that pass positive values on, or their squares."""

INF = float("inf")
OUTPUT_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu6": (0.0, 6.0),
    "relu": (0.0, INF),
    "squared_relu": (0.0, INF),
    "softplus": (0.0, INF),
    "log_sigmoid": (-INF, 0.0),
    "log_softmax": (-INF, 0.0),
}
"""What an act can output at its default parameters; acts that reach every number are left out."""


def output_range(act: str) -> tuple[float, float]:
    """The least and the greatest output of an act, infinite where it has no bound.

    >>> output_range("tanh"), output_range("gelu")
    ((-1.0, 1.0), (-inf, inf))
    """
    return OUTPUT_RANGES.get(act, (-INF, INF))
