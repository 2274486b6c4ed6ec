"""F9 identity: A regression needs an output without an act

## Claim
The identity is the act of the output layer of a regression: targets have no bounds, so the head
must have none.

## What you see
A target of −1 under a ReLU head. No z reaches it, and for every z below 0 the gradient is exactly
0: the net is told that nothing can be better.

## What to move
The head: the identity's loss is a parabola with its bottom at the target. The target: tanh
reaches −0.9 but not −1.5, and sigmoid only what lies between 0 and 1.

## What is measured
The loss, its slope at z, and the least loss that any z reaches with this head and this target.

## Belongs to
rules: target-outside-range, one-sided-head, wrong-loss-for-task, rows-without-gradient
cards: identity, relu, tanh

## Repeat it
`relume explain target-outside-range`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.head import head
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Heads for a regression."""
    says = (
        Say(
            "No z gets the loss below {least}: the target {target} is out of this head's reach. At "
            "z = {z} the gradient is {slope}.",
            ("least", ">", 0.001),
        ),
        Say(
            "The target {target} can be reached. At z = {z} the loss is {loss}, its slope {slope}."
        ),
    )
    presets = (
        Preset("ReLU head, target −1", {}),
        Preset("identity head", {"head": "identity"}),
        Preset("tanh head, target −1.5", {"head": "tanh", "target": -1.5}),
        Preset("tanh head, target 0.5", {"head": "tanh", "target": 0.5}),
    )
    made = head(
        "A head, a target, and the loss between them",
        says,
        heads=("relu", "identity", "tanh"),
        z=-2.0,
        target=-1.0,
        presets=presets,
    )
    return (made,)


LESSON = lesson(__doc__, figures)
