"""F8 softmax: Softmax turns logits into one distribution over the classes

## Claim
The act of the output layer of a classifier of several classes: positive, and 1 in sum.

## What you see
Three logits, the probabilities they become, and the loss when A is the true class. The gradient
on A's logit is its probability minus 1: it never vanishes while the answer is wrong.

## What to move
The logits: adding the same to all three changes nothing. The temperature: low is certain, high is
undecided. Logits that are cosines without a scale stay undecided, and scores of attention that are
too large are certain, where little gradient is left. Then take one softmax too many, and watch the
gradient shrink and the loss refuse to fall.

## What is measured
Probabilities, cross-entropy and gradient, in float64; with a softmax before a loss that has its
own, the loss of three classes cannot fall below 0.551, whatever the net does.

## Belongs to
rules: softmax-before-cross-entropy, softmax-twice, wrong-softmax-axis, wrong-loss-for-task,
    bounded-logits, saturated-attention
cards: softmax, log_softmax

## Repeat it
`relume demo double-softmax`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.classes import classes
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Three logits."""
    says = (
        Say(
            "A has {p0} of the probability and the loss is {loss}, with a gradient of {pull} on "
            "its logit."
        ),
    )
    presets = (
        Preset("as it should be", {}),
        Preset("certain and right", {"a": 8.0, "b": -4.0, "c": -4.0}),
        Preset("certain and wrong", {"a": -8.0, "b": 4.0}),
        Preset(
            "certain and right, softmax twice", {"a": 8.0, "b": -4.0, "c": -4.0, "twice": "yes"}
        ),
        Preset("certain and wrong, softmax twice", {"a": -8.0, "b": 4.0, "twice": "yes"}),
    )
    return (classes("Three logits become a distribution", says, presets=presets),)


LESSON = lesson(__doc__, figures)
