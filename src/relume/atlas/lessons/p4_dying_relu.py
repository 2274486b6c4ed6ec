"""P4 dying-relu: A ReLU that is below zero on all the data is dead, and stays dead

## Claim
A unit whose pre is negative on every sample outputs 0, has a gradient of exactly 0, and does not
come back. The network loses its capacity.

## What you see
A unit whose line has just left the cloud. Fifty steps of training from here have changed nothing:
the dashed line, where it started, is where it still is.

## What to move
Drag the line across the cloud and watch the gradient below: it falls as fewer points are on the
open side, and is 0 from the moment the last one leaves. Then try what people try: a higher bias,
a leaky act, a lower rate (which is no cure once it is dead).

## What is measured
The share of points that pass a gradient, the gradient's size, and how far the line is from the
last point. In your net a unit counts as dead after 3,000 samples without one that passes, never
after a batch.

## Belongs to
rules: dead-units, died-in-training, born-dead, dormant-units
fixes: recycle-dead-units, margin-bias, lower-learning-rate, swap-act, insert-norm
cards: relu, leaky_relu, elu

## Repeat it
`relume demo dying-relu`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.cloud import cloud
from relume.atlas.lesson import lesson

SAYS = (
    Say(
        "Dead: the whole cloud is on the shut side, {margin} away. The gradient is exactly 0, and "
        "{steps} steps of training have moved nothing.",
        ("gradient", "==", 0.0),
    ),
    Say(
        "Off the data, but alive: all points are below zero, and the gradient is {gradient}, "
        "because this act has a slope there.",
        ("margin", "<=", 0.0),
    ),
    Say(
        "Alive: {active%} of the points pass a gradient, of size {gradient} in all; after {steps} "
        "steps the loss is {loss}."
    ),
)


def figures() -> tuple[Figure, ...]:
    """The line off the cloud."""
    presets = (
        Preset("dead", {}),
        Preset("just alive", {"bias": -1.5, "steps": 0}),
        Preset("a positive bias instead", {"bias": 1.0}),
        Preset("Leaky ReLU instead", {"act": "leaky_relu", "rate": 3.0, "steps": 100}),
        Preset("a lower rate: still dead", {"rate": 0.01, "steps": 100}),
        Preset("in the middle of the data", {"bias": 0.0, "steps": 0}),
    )
    made = cloud(
        "Drag the unit's line across the data",
        SAYS,
        bias=-2.5,
        steps=50,
        presets=presets,
    )
    return (made,)


LESSON = lesson(__doc__, figures)
