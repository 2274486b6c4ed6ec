"""W2 useful-features: Acts turn inputs into features in which a problem is easy

## Claim
With acts between them, layers can approximate complex functions: they fold the plane until one
straight cut separates what no straight cut could.

## What you see
Two arms that wind around each other, and a net of two layers that has learned to tell them apart.
The colours are the net's answer everywhere, not only at the data.

## What to move
Take the act away (identity): whatever the width, only a straight cut is left. Then the width:
three units are too few folds. Then other acts: the boundary of ReLU is made of straight edges,
that of tanh and GELU is round; sigmoid at the same rate is far behind after the same steps.

## What is measured
The share of the points that are classified correctly and the cross-entropy, after every step, in a
net that trains in front of you; torch computes the same numbers when the page is made.

## Belongs to
rules: acting-linear, missing-nonlinearity
fixes: insert-act, swap-act
cards: relu, tanh, gelu, sigmoid, identity

## Repeat it
`relume atlas --measure first-choice` compares nine acts on real images, each at its best rate.
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.boundary import boundary
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The spiral."""
    says = (
        Say(
            "After {steps} steps the net tells {accuracy%} of the points right: it has folded the "
            "plane along the spiral.",
            ("accuracy", ">", 0.97),
        ),
        Say(
            "After {steps} steps only {accuracy%} are classified correctly, with a loss of {loss}; "
            "half right is guessing.",
        ),
    )
    presets = (
        Preset("ReLU", {}),
        Preset("no act at all", {"act": "identity"}),
        Preset("tanh", {"act": "tanh"}),
        Preset("GELU", {"act": "gelu"}),
        Preset("sigmoid", {"act": "sigmoid"}),
        Preset("3 units", {"width": 3}),
    )
    return (boundary("Two classes that wind around each other", says, presets=presets),)


LESSON = lesson(__doc__, figures)
