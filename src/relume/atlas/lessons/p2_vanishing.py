"""P2 vanishing: Through many layers the error fades until the first ones stop learning

## Claim
Through many layers the back-propagated error shrinks until early layers stop learning, which
looks like a local minimum.

## What you see
Sigmoid through twenty layers: every layer takes three quarters or more of the gradient, and the
first gets about a trillionth of what the last got. The dots are a real net.

## What to move
The act and the gain. ReLU at √2 and tanh at 1.59 pass the gradient through at the gain that keeps
their signal. Sigmoid at its own gain (1.85) does not; its gradient survives only at five times
that gain, where its units jump from one flat side to the other.

## What is measured
The gradient's size at each layer over that at the last, in theory and in a net; and on real
images, what reaches the first of twenty layers and whether the net learns after all.

## Correction
Not because "outputs are below 1". The error on its way back is multiplied, layer by layer, by the
slope (at most 0.25 for sigmoid, at most 1 for tanh) and by the weight matrix; outputs do not
enter the product. ReLU's outputs may be far below 1 and nothing vanishes.

## Belongs to
rules: vanishing-gradient, scale-drift-at-init, frozen-layer, learning-rate-low,
    parameter-without-gradient, frozen-at-random
fixes: swap-act, matching-init, he-init, xavier-init, insert-norm
cards: sigmoid, tanh, relu, selu

## Repeat it
`relume atlas --measure depth-and-vanishing`, and `relume demo vanishing`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.depth import depth
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The gradient by depth."""
    says = (
        Say(
            "{act} at gain {gain}: what reaches the first of {layers} layers is {gradient^} of the "
            "gradient at the last. Early layers stand still.",
            ("gradient", "<", -3.0),
        ),
        Say(
            "{act} at gain {gain}: the gradient explodes, {gradient^}-fold over {layers} layers.",
            ("gradient", ">", 2.0),
        ),
        Say(
            "{act} at gain {gain}: the gradient arrives at the first layer at {gradient^} "
            "times its size."
        ),
    )
    presets = (
        Preset("sigmoid", {}),
        Preset("sigmoid at its own gain", {"gain": 1.85}),
        Preset("sigmoid, gain 9: jumps", {"gain": 9.0}),
        Preset("tanh, gain 1.59", {"act": "tanh", "gain": 1.59}),
        Preset("ReLU, gain √2", {"act": "relu", "gain": 1.41}),
        Preset("ReLU, gain 2.5", {"act": "relu", "gain": 2.5}),
    )
    return (depth("What is left of the gradient", says, presets=presets),)


LESSON = lesson(__doc__, figures, "depth-and-vanishing")
