"""P5 born-dead: A poor start puts a unit's line beside the data

## Claim
Cause 1 of dead units: initialisation places the unit's hyperplane away from the cloud of data, so
it is silent from the first step on.

## What you see
120 random units over data that are three spreads off zero, as raw pixels or prices may be. Many
lines miss the cloud: those units are dead, or open on all of the data and bend nothing.

## What to move
The distance of the data from zero: at 0 every unit works. The bias and the scale of the weights.
In the second figure drag one line yourself.

## What is measured
How many units are below zero on all the data, above it on all, or on both sides. Both extremes
are useless: a unit that is always open is a linear one.

## Belongs to
rules: born-dead, input-not-centred, scale-drift-at-init
fixes: margin-bias, standardise-inputs, he-init, zero-bias, recycle-dead-units
cards: relu

## Repeat it
`relume check train.py:make_model --input 32x64` finds them before any training
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.birth import birth
from relume.atlas.kinds.cloud import cloud
from relume.atlas.lesson import lesson
from relume.atlas.lessons.p4_dying_relu import SAYS


def figures() -> tuple[Figure, ...]:
    """Many lines, then one."""
    says = (
        Say(
            "{dead} of 120 units are born dead, {straight} are open on all the data, and {working} "
            "do their work.",
        ),
    )
    presets = (
        Preset("data off centre", {}),
        Preset("centred data", {"offset": 0.0}),
        Preset("a negative bias", {"offset": 0.0, "bias": -1.5}),
        Preset("large bias, small weights", {"offset": 0.0, "bias": 1.0, "scale": 0.2}),
    )
    first = birth("120 units at birth", says, offset=3.0, presets=presets)
    ways = (
        Preset("born beside the data", {}),
        Preset("a bias that reaches the data", {"bias": 0.5}),
        Preset("turned round", {"angle": -30}),
    )
    title = "One of them: drag it back to the data"
    return first, cloud(title, SAYS, bias=-4.0, steps=0, presets=ways)


LESSON = lesson(__doc__, figures)
