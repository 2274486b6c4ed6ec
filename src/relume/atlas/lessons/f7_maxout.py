"""F7 maxout: Maxout is the largest of several lines: it draws its own act

## Claim
max(w1·x + b1, w2·x + b2), or of k pieces. It generalises ReLU and Leaky ReLU, is piecewise
linear, does not saturate, and its gradient does not die. The price: k times the parameters of a
unit.

## What you see
Four pieces that have laid themselves along a parabola. Every point teaches the piece that is the
largest there, and no other.

## What to move
The number of pieces; the data: with those of a ReLU, two pieces become a ReLU. Then sink the last
piece below the others: it is never the largest, gets no gradient, and stays there.

## What is measured
The loss, the pieces that are nowhere the largest, and the parameters.

## Correction
The unit does not die, but a piece can: one that is nowhere the largest gets no gradient. See the
lesson dead-pieces.

## Belongs to
rules: dead-units
fixes: swap-act
cards: maxout, relu, leaky_relu

## Repeat it
`relume card maxout`; in Python `relume.acts.Maxout(64, 64, pieces=4).piece_shares(x)`.
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.shape import maxout
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The pieces along a curve."""
    says = (
        Say(
            "{dead} of the {pieces} pieces are nowhere the largest: no point teaches them any "
            "more. The loss is {loss}.",
            ("dead", ">", 0),
        ),
        Say("{pieces} pieces, {parameters} parameters: the loss is {loss} after {steps} steps."),
    )
    presets = (
        Preset("four pieces, a parabola", {}),
        Preset("two pieces become a ReLU", {"curve": "relu", "pieces": 2}),
        Preset("two pieces become a Leaky ReLU", {"curve": "leaky", "pieces": 2}),
        Preset("two pieces become |z|", {"curve": "absolute", "pieces": 2}),
        Preset("a sunken piece", {"sunk": 5.0}),
    )
    return (maxout("A Maxout unit draws its own act", says, presets=presets),)


LESSON = lesson(__doc__, figures)
