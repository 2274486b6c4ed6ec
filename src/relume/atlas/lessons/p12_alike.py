"""P12 alike: What is the same for every row cannot be learned from

## Claim
A layer behind which all rows are alike ends learning for all that follows it: the best answer left
is the same one for everybody. A cut without a slope ends it for all that stands before it.

## What you see
Digits through a code of eight numbers. With shut units before it the code is one point, and no
weight of the first layer moves. With its sign alone passed on, the code still differs from row to
row, the head learns what it can, and no error comes back through the sign. With a large penalty on
the code, as on the latents of an autoencoder, it shrinks under its own noise.

## What to move
What is shown: the error, the variance of the code over the rows, and the share of the first layer's
weights that moved. Noise with hardly any penalty does no harm that ten seeds show; the penalty
does. Where all weights begin alike the rows differ, but the units do not: a layer of 64 is one
unit, however long it trains.

## What is measured
All three numbers on real images, over ten seeds.

## Belongs to
rules: collapsed-representation, inactive-latents, symmetric-init, gradient-less-act, dead-units
cards: relu, straight_sign

## Repeat it
`relume atlas --measure rows-alike`
"""

from relume.atlas.figure import Figure
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Only what was measured."""
    return ()


LESSON = lesson(__doc__, figures, "rows-alike")
