"""A2 when-relu-is-unstable: If training is unstable with ReLU, try Leaky ReLU

## Claim
Where training with ReLU is unstable, Leaky ReLU is the next to try.

## What you see
A net at a learning rate that is too high for ReLU: most of its units are dead. The leaky net at
the same rate loses none.

## What to move
The act and the rate. A lower rate cures the ReLU net as well, and at the highest rate the leaky
net diverges.

## What is measured
Test error on real images for ReLU and two leaky slopes, at four rates from a good one to one that
is too high, over twenty seeds.

## Correction
It is the second rung, not the first. What makes ReLU nets unstable is mostly the rate: lower it
first. On our digits no leak is proven to help at any of four rates: where nets begin to break
down, some seeds of each do. A leak of 0.1 comes nearest, at the highest rate.

## Belongs to
rules: dead-units, died-in-training, learning-rate-high
fixes: lower-learning-rate, swap-act, recycle-dead-units
cards: leaky_relu, relu

## Repeat it
`relume atlas --measure unstable-relu`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.boundary import boundary
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """ReLU and Leaky ReLU at the same rate."""
    says = (
        Say(
            "{act} at rate {rate}: {dead} dead units ({born} at the start), {accuracy%} of the "
            "points classified correctly."
        ),
    )
    presets = (
        Preset("ReLU, rate 5", {}),
        Preset("Leaky ReLU, rate 5", {"act": "leaky_relu"}),
        Preset("ReLU, rate 1", {"rate": 1.0}),
        Preset("Leaky ReLU, rate 8: diverges", {"act": "leaky_relu", "rate": 8.0}),
    )
    made = boundary(
        "ReLU and Leaky ReLU at a rate that is too high",
        says,
        data="moons",
        view="deaths",
        acts=("relu", "leaky_relu"),
        rate=5.0,
        most_rate=8.0,
        steps=200,
        most=200,
        how="bce sgd",
        presets=presets,
    )
    return (made,)


LESSON = lesson(__doc__, figures, "unstable-relu")
