"""A3 output-layer: The head follows the task: sigmoid, softmax or identity

## Claim
Sigmoid for two classes, softmax for several, identity for regression, each with the loss that
fits it.

## What you see
A net that is confidently wrong (z = −4, the target is 1) under a sigmoid with squared error: its
loss is nearly the largest possible, and its gradient nearly 0. It will not find out.

## What to move
The head and its loss. With cross-entropy on logits the gradient at the same place is almost 1.
Then the mistakes: an act twice, where the loss stops far above 0, and a bounded head under a
target it cannot reach.

## What is measured
Output, loss, its gradient at z, and the least loss that any z reaches.

## Belongs to
rules: softmax-before-cross-entropy, sigmoid-before-bce-with-logits, one-sided-head,
    target-outside-range, wrong-loss-for-task, act-after-act, softmax-twice
cards: sigmoid, softmax, identity

## Repeat it
`relume check train.py:make_model --input 32x64` judges the head before any training
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.head import HEADS, head
from relume.atlas.lesson import lesson

ORDER = ("sigmoid_square", *(name for name in HEADS if name != "sigmoid_square"))


def figures() -> tuple[Figure, ...]:
    """Heads and their losses."""
    says = (
        Say(
            "Whatever the net does, the loss stays above {least}. At z = {z} the gradient is "
            "{slope}.",
            ("least", ">", 0.001),
        ),
        Say("At z = {z} the head gives {output}; the loss is {loss}, and the gradient {slope}."),
    )
    presets = (
        Preset("sigmoid with squared error", {}),
        Preset("two classes, as it should be", {"head": "sigmoid"}),
        Preset("a sigmoid twice", {"head": "sigmoid_twice"}),
        Preset("several classes, as it should be", {"head": "softmax"}),
        Preset("a softmax twice", {"head": "softmax_twice"}),
        Preset("regression, as it should be", {"head": "identity"}),
        Preset("a ReLU head, target −1", {"head": "relu", "target": -1.0}),
    )
    return (head("A head, its loss, and the gradient", says, heads=ORDER, presets=presets),)


LESSON = lesson(__doc__, figures)
