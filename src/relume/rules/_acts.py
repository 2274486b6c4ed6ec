"""What the rules must know of an act by its name, where the counters alone cannot tell.

The rooms of torch are closed to rules, so these are words, not functions.
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
    """The initialisation that keeps the signal's scale through an act, in words."""
    return _INIT.get(act, f"He initialisation with the gain of {act}" if act else "its gain")
