"""A1 relu-first: For hidden layers begin with ReLU

## Claim
ReLU is the default of hidden layers.

## What you see
First a small net that you can train with each act. Below it the test error on real images of nets
that differ in their act alone, each at its own best learning rate: medians, with a dot a seed.

## What to move
The act of the small net, and its training. In the measured figure what is shown, and what it is
compared with.

## What is measured
Twenty seeds an act, from the gain that keeps each act's signal; the paired difference to ReLU with
its 95 % interval, corrected for the number of acts compared.

## Correction
A default is where to begin, not what is best. On these digits only sigmoid is surely worse than
ReLU, and no act is proven better. One of GELU's twenty runs, at the highest rate tried, ended as
guessing does: one run moves a mean far, and hardly a median. The advice yields to a won trial on
your own model: `relume compare train.py --acts relu,leaky_relu,gelu`.

## Belongs to
rules: saturated-units, vanishing-gradient, missing-nonlinearity
fixes: swap-act, insert-act
cards: relu, gelu, tanh

## Repeat it
`relume atlas --measure first-choice`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.boundary import boundary
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """A small net with each act."""
    says = (
        Say("{act}, {width} units, {steps} steps: {accuracy%} classified correctly, loss {loss}."),
    )
    presets = (
        Preset("ReLU", {}),
        Preset("Leaky ReLU", {"act": "leaky_relu"}),
        Preset("GELU", {"act": "gelu"}),
        Preset("tanh", {"act": "tanh"}),
        Preset("sigmoid", {"act": "sigmoid"}),
    )
    title = "The same net with another act"
    return (boundary(title, says, steps=150, width=12, presets=presets),)


LESSON = lesson(__doc__, figures, "first-choice")
