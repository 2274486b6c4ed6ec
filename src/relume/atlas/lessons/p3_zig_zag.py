"""P3 zig-zag: Inputs off centre make the path to the optimum zig-zag

## Claim
The gradient on a weight is the error times that weight's input. If every input of a unit is
positive, all its weight gradients in one sample have one sign, so two weights must rise or fall
together, and the path to the optimum zig-zags. Hence data and acts around zero.

## What you see
Two weights on their way from the dot to the diamond. In orange with inputs whose mean is three
spreads off zero, in blue with the same inputs centred; both at the learning rate that is best for
them.

## What to move
The mean of the inputs: at 0 both paths are one. The act of the layer before: sigmoid and ReLU
hand on positive inputs though their own are centred, tanh does not. One sample after another:
every single step goes up-right or down-left.

## What is measured
The samples whose two gradients share a sign, the ratio of the steepest to the flattest curvature
(which is what costs the steps), and the steps to the goal. On real images: the steps of three
networks that differ only in where their means are.

## Correction
The sign argument holds for one sample and one unit. Averaged over a batch the gradients may
differ in sign; what remains, and costs, is the curvature: a mean off zero adds its square to the
curvature in its direction, and the rate must be small enough for that.

## Belongs to
rules: input-not-centred, input-scale, oscillating-loss, ordered-data
fixes: standardise-inputs, fold-input-mean, insert-norm, swap-act
cards: sigmoid, tanh, relu, elu, selu

## Repeat it
`relume atlas --measure zero-centring`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.descent import descent
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Two weights."""
    says = (
        Say(
            "Off centre: in {same_sign%} of the samples both weights are pulled the same way, the "
            "surface is {condition} times steeper one way than the other, and {arrives} steps are "
            "needed.",
            ("condition", ">", 3.0),
        ),
        Say(
            "Centred: {same_sign%} of the samples pull both weights the same way, the surface is "
            "round ({condition} to 1), and {arrives} steps are enough."
        ),
    )
    presets = (
        Preset("inputs off centre", {}),
        Preset("centred", {"offset": 0.0}),
        Preset("one sample after another", {"mode": "one", "steps": 120}),
        Preset("after a sigmoid", {"act": "sigmoid", "offset": 0.0}),
        Preset("after a tanh", {"act": "tanh", "offset": 0.0}),
        Preset("farther off", {"offset": 6.0, "steps": 60}),
    )
    return (descent("The path of two weights", says, presets=presets),)


LESSON = lesson(__doc__, figures, "zero-centring")
