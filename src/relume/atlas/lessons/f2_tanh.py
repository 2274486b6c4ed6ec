"""F2 tanh: Tanh is steeper and centred, and still saturates

## Claim
(e^z − e^−z) / (e^z + e^−z), with range (−1, 1). Its slope is steeper than sigmoid's, it is
symmetric and zero-centred, which suits recurrent nets; but it still saturates on both sides, so
gradients can still vanish in deep nets.

## What you see
The curve at 0, where its slope is 1, four times sigmoid's; and, in the second figure, the
gradient of tanh against that of sigmoid through twenty layers.

## What to move
The point and the spread of the pre; then the act, to set tanh against sigmoid. Below, the gain.

## What is measured
tanh(z) = 2 sigmoid(2 z) − 1, so all that differs is scale and centre. The mean under a pre around
0 is 0; at the gain that keeps its signal (1.59) a gradient grows by 8 % a layer instead of
vanishing.

## Belongs to
rules: saturated-units, vanishing-gradient, stuck-gate
fixes: matching-init, xavier-init, lecun-init
cards: tanh, sigmoid, hardtanh, softsign

## Repeat it
`relume card --compare tanh,sigmoid`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.curve import curve
from relume.atlas.kinds.depth import depth
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The curve, and what it does in depth."""
    says = (
        Say(
            "At z = {z} it is flat: the slope is {slope}, {share%} of the largest.",
            ("share", "<", 0.05),
        ),
        Say("At z = {z} the slope is {slope}, and the unit passes on a mean of {mean}."),
    )
    presets = (
        Preset("tanh at 0", {}),
        Preset("tanh at 3", {"z": 3.0}),
        Preset("sigmoid at 0", {"act": "sigmoid"}),
        Preset("softsign at 3", {"act": "softsign", "z": 3.0}),
    )
    first = curve(
        "Tanh and its slope",
        ("tanh", "sigmoid", "softsign", "hardtanh"),
        says,
        z=0.0,
        presets=presets,
    )
    scale = (Say("{act}: after {layers} layers the gradient is {gradient^} times what it was."),)
    ways = (
        Preset("tanh", {}),
        Preset("sigmoid at its own gain", {"act": "sigmoid", "gain": 1.85}),
        Preset("tanh, gain 1", {"gain": 1.0}),
    )
    second = depth(
        "The gradient of tanh through twenty layers",
        scale,
        act="tanh",
        gain=1.59,
        acts=("tanh", "sigmoid"),
        presets=ways,
    )
    return first, second


LESSON = lesson(__doc__, figures)
