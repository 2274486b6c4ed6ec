"""P6 killed-by-the-rate: Too high a learning rate knocks units off the data

## Claim
Cause 2 of dead units, the commoner: the learning rate is too high, one update throws the weights
off the data, and a net that did well until then suddenly dies.

## What you see
A net of two layers of ReLUs, trained at a rate that is too high. The red lines are units of the
first layer that left the cloud; below, dead units over the steps of both layers.

## What to move
The rate: at 0.5 hardly a unit dies, at 8 the net is gone. The steps, or let it train: here units
die in the first steps, when the gradients are largest. Leaky ReLU at the same rate loses no unit.

## What is measured
Dead units before and after, loss and share classified correctly, at every step. On real images:
dead units and error by rate, for ReLU and Leaky ReLU.

## Correction
Leaky units do not die, but a rate that kills ReLUs may make a leaky net diverge instead, as the
digits show. The rate was the cause, and lowering it is the cure; the act is the second choice.
What is shown is death at the start, at a rate that was too high from the first step on. A net that
did well dies likewise when a schedule or a stray batch makes one update too large; the rule
died-in-training names that step in your own run.

## Belongs to
rules: died-in-training, dead-units, learning-rate-high
fixes: lower-learning-rate, warm-up-learning-rate, clip-gradient, recycle-dead-units, swap-act
cards: relu, leaky_relu

## Repeat it
`relume atlas --measure learning-rate-and-death`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.boundary import boundary
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Deaths over the steps."""
    says = (
        Say(
            "At rate {rate} there are {dead} dead units after {steps} steps, {born} at the start. "
            "{accuracy%} of the points are classified correctly.",
            ("dead", ">", 0),
        ),
        Say(
            "At rate {rate} no unit is dead after {steps} steps; {accuracy%} are classified "
            "correctly."
        ),
    )
    presets = (
        Preset("rate 4", {}),
        Preset("rate 0.5", {"rate": 0.52}),
        Preset("rate 8", {"rate": 8.0}),
        Preset("Leaky ReLU, rate 4", {"act": "leaky_relu"}),
        Preset("Leaky ReLU, rate 8: diverges", {"act": "leaky_relu", "rate": 8.0}),
    )
    made = boundary(
        "Units that a learning rate has killed",
        says,
        data="moons",
        view="deaths",
        acts=("relu", "leaky_relu", "elu", "tanh"),
        rate=4.0,
        most_rate=8.0,
        steps=200,
        most=200,
        how="bce sgd",
        presets=presets,
    )
    return (made,)


LESSON = lesson(__doc__, figures, "learning-rate-and-death")
