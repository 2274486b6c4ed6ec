"""W5 history: From S-curves to rectifiers to leaks: each act answers the failure of the one before

## Claim
First sigmoid and tanh; then gradients vanished in deep nets; then ReLU; then its leaky variants,
because ReLUs die; then the smooth ones of today.

## What you see
Every act of this package by the year it was published in. Its height is what is left of a
gradient after ten layers, when the weights start at the gain that keeps the act's signal: sigmoid
loses four powers of ten, ReLU keeps it to the digit.

## What to move
The act, to see its curve and its source, and the height: the share of a normal pre on which the
act is flat, the mean it passes on, its slope at z = 4.

## What is measured
E f(z)², E f′(z)² and the rest for z ~ N(0, 1), by quadrature in float64, when this page was made.

## Belongs to
rules: vanishing-gradient, saturated-units, term-without-gradient
fixes: swap-act
cards: sigmoid, tanh, relu, leaky_relu, prelu, elu, gelu, silu, xielu

## Repeat it
`relume acts` lists them with year and reference; `relume card --compare sigmoid,relu,gelu`.
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.timeline import timeline
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The years."""
    says = (
        Say(
            "{act}, {year}: after ten layers {height} of the gradient is left, at the gain that "
            "keeps the signal.",
            ("column", "==", "backward"),
        ),
        Say("{act}, {year}: flat on {height%} of a standard normal pre.", ("column", "==", "flat")),
        Say("{act}, {year}: it passes on a mean of {height}.", ("column", "==", "mean")),
        Say("{act}, {year}: at z = 4 its slope is {height}."),
    )
    presets = (
        Preset("sigmoid, 1986", {"act": "sigmoid"}),
        Preset("ReLU, 2010", {}),
        Preset("Leaky ReLU, 2013", {"act": "leaky_relu", "z": -2.0}),
        Preset("GELU, 2016", {"act": "gelu"}),
        Preset("where acts are flat", {"column": "flat", "act": "hardtanh"}),
        Preset("means off zero", {"column": "mean", "act": "sigmoid"}),
    )
    return (timeline("Activation functions by year", says, presets=presets),)


LESSON = lesson(__doc__, figures)
