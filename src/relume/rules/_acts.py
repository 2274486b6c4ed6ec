"""What the rules must know of an act by its name, where the counters alone cannot tell.

The rooms of torch are closed to rules, so these are words, not functions.
"""

SMOOTH = frozenset(
    {"sigmoid", "tanh", "softsign", "log_sigmoid", "elu", "selu", "celu", "gelu", "gelu_tanh"}
    | {"quick_gelu", "silu", "swish", "mish", "softplus", "squareplus", "erf", "atan"}
    | {"softmax", "log_softmax"}
)
"""Acts whose true slope is never exactly zero: a zero there is rounding, that is saturation."""

SMOOTH_RECTIFIERS = frozenset(
    {"gelu", "gelu_tanh", "quick_gelu", "silu", "swish", "mish", "softplus", "squareplus"}
    | {"hardswish"}
)
"""Acts whose flat low side is silence by design: sparse GELU units in transformers are healthy."""

_INIT = {
    "tanh": "Xavier initialisation",
    "sigmoid": "Xavier initialisation",
    "softsign": "Xavier initialisation",
    "hardtanh": "Xavier initialisation",
    "hardsigmoid": "Xavier initialisation",
    "selu": "LeCun initialisation (variance of one over the fan-in)",
}


def init_for(act: str) -> str:
    """The initialisation that keeps the signal's scale through an act, in words."""
    return _INIT.get(act, f"He initialisation with the gain of {act}" if act else "its gain")
