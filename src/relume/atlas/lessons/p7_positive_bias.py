"""P7 positive-bias: Does a small positive bias at the start help? Opinions differ; measured

## Claim
A small positive bias at initialisation is sometimes used so that ReLUs fire at first; opinions
differ on whether it helps.

## What you see
120 random units over centred data with a bias of 1: none is dead. But some are now open on all of
the data: they bend nothing, and are linear units.

## What to move
The bias: below zero units die, above zero they turn linear. The distance of the data from zero: a
bias saves units on one side and wastes them on the other.

## What is measured
The units of each fate. And on real images, over thirty seeds: the steps to 2 % training error
from four biases, as paired differences against bias 0 with their interval.

## Correction
It is offered as a fix and never claimed: a paired trial on your own net decides. On our digits,
over thirty seeds, 0.01 and 0.1 are as good as 0 to within a step or three, and 1 is surely worse.

## Belongs to
rules: born-dead, acting-linear
fixes: positive-bias, margin-bias, zero-bias
cards: relu

## Repeat it
`relume atlas --measure positive-bias`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.birth import birth
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """What a bias does at birth."""
    says = (
        Say(
            "With a bias of {bias}, {dead} of 120 units are dead and {straight} are open on all "
            "the data, where they bend nothing."
        ),
    )
    presets = (
        Preset("bias 1", {}),
        Preset("bias 0.1", {"bias": 0.1}),
        Preset("bias 0", {"bias": 0.0}),
        Preset("bias −1", {"bias": -1.0}),
        Preset("data off centre, bias 0", {"bias": 0.0, "offset": 3.0}),
        Preset("data off centre, bias 1", {"bias": 1.0, "offset": 3.0}),
    )
    return (birth("What a bias does at birth", says, bias=1.0, presets=presets),)


LESSON = lesson(__doc__, figures, "positive-bias")
