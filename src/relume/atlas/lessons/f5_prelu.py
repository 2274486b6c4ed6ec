"""F5 prelu: PReLU learns its own slope below zero

## Claim
In a parametric ReLU the negative slope alpha is a parameter, learned by backpropagation like any
weight.

## What you see
Data with a slope of −0.6 below zero, and a PReLU that starts at 0.25 and finds it. The faint
lines are where it was on its way.

## What to move
The slope of the data, the start, the learning rate. Then weight decay: it pulls the slope towards
0 and so makes a ReLU of it.

## What is measured
The gradient on alpha is the mean of 2 (f − y) min(0, z): only data below zero teach it. With
weight decay it does not end at the slope of the data but short of it.

## Correction
The paper leaves alpha out of weight decay, and most training scripts do not:
`relume.acts.parameter_groups(model, 0.01)` does it for you.

## Belongs to
rules: dead-units, over-regularised
fixes: swap-act, lower-weight-decay
cards: prelu, leaky_relu

## Repeat it
`relume card prelu`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.shape import prelu
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The slope that is learned."""
    says = (
        Say(
            "After {steps} steps with weight decay {decay} the slope is {alpha}, short of the "
            "data's {goal}: decay pulls it to 0.",
            ("loss", ">", 0.01),
        ),
        Say(
            "After {steps} steps the slope has gone from {start} to {alpha}; the data have {goal}."
        ),
    )
    presets = (
        Preset("it finds the slope", {}),
        Preset("before training", {"steps": 0}),
        Preset("with weight decay", {"decay": 1.0}),
        Preset("data of a ReLU", {"goal": 0.0}),
        Preset("data of a line", {"goal": 1.0}),
    )
    return (prelu("A PReLU finds the slope of the data", says, presets=presets),)


LESSON = lesson(__doc__, figures)
