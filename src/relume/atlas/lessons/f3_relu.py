"""F3 relu: ReLU is cheap and does not saturate above zero; below zero it passes nothing

## Claim
max(0, z): the default since AlexNet (2012). Cheap; "about six times faster than sigmoid and
tanh"; no saturation for z > 0. But it is not zero-centred, its slope is 0 for z < 0, and units
can die.

## What you see
The curve and its slope: 1 above zero wherever you go, 0 below, exactly. So its second derivative is
zero, and a loss that contains one teaches nothing; and a unit that is shut gives 0 even for a
gradient of NaN, which hides where that came from.

## What to move
The point across zero; the spread of the pre, to see the mean that a ReLU layer passes on (0.4 of
the spread, never below 0) and the share of the pre that gets no gradient.

## What is measured
Steps to a training error on real images, for each act at its own best learning rate, as in
AlexNet's figure; below with the interval over seeds.

## Correction
"Six times faster" is no property of the function. It comes from one figure of the AlexNet paper:
epochs of one convnet to 25 % training error on CIFAR-10, against tanh, not sigmoid. See the
lesson six-times-faster for what the clock says and what our digits say.

## Belongs to
rules: dead-units, born-dead, died-in-training, sparse, no-second-derivative, swallowed-nan
fixes: he-init, swap-act, lower-learning-rate, margin-bias
cards: relu, squared_relu, relu6

## Repeat it
`relume atlas --measure steps-to-error`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.curve import curve
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The ramp."""
    says = (
        Say(
            "At z = {z} the slope is exactly {slope}: nothing is learned from here. {flat%} of "
            "this unit's pre gets no gradient.",
            ("slope", "==", 0.0),
        ),
        Say(
            "At z = {z} the slope is {slope}, however far up; the unit passes on a mean of {mean}, "
            "never below zero."
        ),
    )
    presets = (
        Preset("above zero", {}),
        Preset("below zero", {"z": -2.0}),
        Preset("pre around zero", {"z": 0.0}),
        Preset("squared ReLU", {"act": "squared_relu"}),
        Preset("ReLU6", {"act": "relu6", "z": 7.0}),
        Preset("tanh at the same place", {"act": "tanh"}),
    )
    acts = ("relu", "tanh", "squared_relu", "relu6")
    return (curve("ReLU and its slope", acts, says, z=4.0, presets=presets),)


LESSON = lesson(__doc__, figures, "steps-to-error", "steps-to-small-error")
