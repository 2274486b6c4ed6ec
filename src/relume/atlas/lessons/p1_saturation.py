"""P1 saturation: Far from zero an S-shaped act stands still, and so does the unit

## Claim
For large positive or negative pre the slope of an S-shaped act is near 0: whatever error comes
back is multiplied by almost nothing.

## What you see
A tanh unit whose pre sits around 3. Its flat stretches are shaded; nearly all of this unit's data
fall into one.

## What to move
The point and the spread of the pre. Both a pre off centre and a pre too wide saturate, and the
cures differ: a bias for the one, a smaller gain or a norm layer for the other. Below, acts side
by side.

## What is measured
The share of a normal pre where the slope is under 5 % of the act's own largest slope, the same
measure that the recorder takes from your net, on each side.

## Belongs to
rules: saturated-units, stuck-gate
fixes: matching-init, xavier-init, lecun-init, rescale-init, insert-norm, swap-act,
    lower-learning-rate
cards: sigmoid, tanh, softsign, hardtanh

## Repeat it
`relume explain saturated-units`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.curve import curve
from relume.atlas.kinds.means import means
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """One unit, then acts side by side."""
    says = (
        Say(
            "Saturated: on {flat%} of its data this unit's slope is under 5 % of the largest.",
            ("flat", ">", 0.5),
        ),
        Say("On {flat%} of its data this unit's slope is under 5 % of the largest."),
    )
    presets = (
        Preset("off centre", {}),
        Preset("too wide", {"z": 0.0, "sigma": 5.0}),
        Preset("healthy", {"z": 0.0, "sigma": 1.0}),
        Preset("softsign, heavier tails", {"act": "softsign"}),
        Preset("hardtanh, exactly flat", {"act": "hardtanh"}),
        Preset("ReLU, flat on one side", {"act": "relu", "z": -3.0}),
    )
    acts = ("tanh", "sigmoid", "softsign", "hardtanh", "relu")
    first = curve("A unit in the flat part of its act", acts, says, z=3.0, presets=presets)
    beside = (
        Say(
            "With a pre of spread {sigma}, tanh is flat on {tanh%} of it, sigmoid on {sigmoid%}.",
            ("column", "==", "flat"),
        ),
        Say("With a pre of mean {mu} and spread {sigma} tanh stands at {tanh}."),
    )
    ways = (
        Preset("spread 3", {}),
        Preset("spread 1", {"sigma": 1.0}),
        Preset("off centre", {"mu": 3.0, "sigma": 1.0}),
    )
    second = means(
        "How much of a pre is flat", acts, beside, column="flat", sigma=3.0, presets=ways
    )
    return first, second


LESSON = lesson(__doc__, figures)
