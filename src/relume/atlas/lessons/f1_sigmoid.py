"""F1 sigmoid: Sigmoid squashes everything into (0, 1), and is flat on both sides

## Claim
A smooth S with range (0, 1), at home in the output of a binary classifier. It saturates on both
sides, where its slope goes to 0; its exp is comparatively expensive; its output is not centred on
zero.

## What you see
The curve, its slope (dashed), and the stretches on which the slope is under 5 % of its largest,
shaded. At z = 5 a change of z is passed on forty times weaker than at 0.

## What to move
The point, along the curve, out into the flat stretches. Then the spread of the pre: how much of
it falls into them. Compare with tanh and with the piecewise hardsigmoid.

## What is measured
The largest slope is 0.25, at 0: even a sigmoid that does not saturate passes back a quarter at
most. Its mean under a pre around 0 is one half.

## Belongs to
rules: saturated-units, vanishing-gradient, sigmoid-before-bce-with-logits, stuck-gate
fixes: swap-act, matching-init
cards: sigmoid, hardsigmoid

## Repeat it
`relume card sigmoid`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.curve import curve
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The S."""
    says = (
        Say(
            "At z = {z} the unit is saturated: its slope is {slope}, {share%} of the largest.",
            ("share", "<", 0.05),
        ),
        Say(
            "At z = {z} the slope is {slope}, {share%} of the largest; the unit passes on a mean "
            "of {mean}."
        ),
    )
    presets = (
        Preset("saturated high", {}),
        Preset("saturated low", {"z": -5.0}),
        Preset("at its steepest", {"z": 0.0}),
        Preset("wide pre around 0", {"z": 0.0, "sigma": 4.0}),
        Preset("tanh", {"act": "tanh", "z": 5.0}),
    )
    acts = ("sigmoid", "tanh", "hardsigmoid")
    return (curve("Sigmoid and its slope", acts, says, z=5.0, presets=presets),)


LESSON = lesson(__doc__, figures)
