"""F4 leaky-relu: A small slope below zero, and no unit can die

## Claim
Leaky ReLU keeps a small slope for z < 0. It never saturates, no unit dies, it costs as little as
ReLU, and training is more stable.

## What you see
A unit whose hyperplane was knocked off the data. A ReLU there would have no gradient and stay.
The leaky one has a small gradient, and training carries it back to the data.

## What to move
The act: with ReLU nothing moves. The steps of training and the rate: a small slope is a slow way
back. Drag the line farther away, and it takes longer.

## What is measured
The gradient into the unit's weights, the share of data that pass one, and the distance of the
hyperplane from the data, after each step.

## Correction
No unit of Leaky ReLU is dead, but it may be as slow as its slope: at 0.01 the gradient is a
hundredth. Nor is it zero-centred: its mean under a standard normal pre is 0.395, ReLU's 0.399.
"More stable" holds or does not hold for your net: the lesson when-relu-is-unstable has what we
measured, and a trial decides for you.

## Belongs to
rules: dead-units, died-in-training
fixes: swap-act, lower-learning-rate
cards: leaky_relu, relu, rrelu

## Repeat it
`relume card leaky_relu`, and `relume atlas --measure unstable-relu`
"""

from relume.atlas.figure import Control, Figure, Preset, Say
from relume.atlas.kinds.cloud import cloud
from relume.atlas.kinds.curve import curve
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """A unit that comes back, and the curve."""
    says = (
        Say(
            "Dead: no point is on the unit's open side, its gradient is exactly 0, and no number "
            "of steps will change that.",
            ("gradient", "==", 0.0),
        ),
        Say(
            "After {steps} steps the hyperplane still lies off the data ({margin}), but the "
            "gradient is {gradient}, not 0: the unit is on its way back.",
            ("margin", "<", 0.0),
        ),
        Say("After {steps} steps the unit is back on the data; its loss is {loss}."),
    )
    presets = (
        Preset("Leaky ReLU comes back", {}),
        Preset("ReLU does not", {"act": "relu"}),
        Preset("where it started", {"steps": 0}),
        Preset("a lower rate is slower", {"rate": 0.5}),
        Preset("ELU, at a rate that suits it", {"act": "elu", "rate": 0.5}),
    )
    first = cloud(
        "A unit off the data, and its way back",
        says,
        acts=("leaky_relu", "relu", "elu"),
        bias=-4.0,
        rate=3.0,
        steps=100,
        presets=presets,
    )
    slope = (Say("At z = {z} the slope is {slope}; the unit passes on a mean of {mean}."),)
    leak = Control("negative_slope", "slope below zero", 0.1, 0, 1, 0.01)
    acts = ("leaky_relu", "relu")
    return first, curve("Leaky ReLU and its slope", acts, slope, z=-2.0, more=(leak,))


LESSON = lesson(__doc__, figures)
