"""W1 depth-without-acts: Without a non-linearity, any depth is one straight line

## Claim
Stack as many linear layers as you like: W2 (W1 x + b1) + b2 is again a matrix times x plus a
constant. Depth buys nothing until something bends the signal between two layers.

## What you see
A net with twenty hidden layers and no activation function, trained by Adam on a wave. It ends on
the best straight line, whose loss is known without any training, and no depth gets below it.

## What to move
The number of layers: the line stays. Then give one single layer an act, and the net bends. Let
the training run from the start to see where it goes.

## What is measured
The distance of the net's output from the chord through its ends: rounding (below 1e-12) without
an act, and more than 1 with one. The loss against the closed-form least-squares line.

## Belongs to
rules: missing-nonlinearity, acting-linear
fixes: insert-act
cards: identity, relu

## Repeat it
`relume explain missing-nonlinearity` says how it is found in your model: the pair of layers is
replaced by its product, and the output must stay the same.
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.fit import fit
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The net of any depth."""
    says = (
        Say(
            "Without an act {layers} layers are one straight line, but for rounding ({bend}); "
            "their loss is {loss}, and the best straight line has {line}.",
            ("bend", "<", 1e-9),
        ),
        Say(
            "With an act the net leaves the line by {bend}, and its loss is {loss} where the best "
            "line has {line}."
        ),
    )
    presets = (
        Preset("20 layers, no act", {}),
        Preset("1 layer, no act", {"layers": 1}),
        Preset("one act bends it", {"bends": 1}),
        Preset("one layer, one act", {"layers": 1, "bends": 1}),
        Preset("an act that is the identity", {"bends": 20, "act": "identity"}),
    )
    return (fit("A net of twenty layers learns a wave", says, presets=presets),)


LESSON = lesson(__doc__, figures)
