"""P11 wrongly-wired: A network that is wired wrongly learns less, and may look as if it learned

## Claim
Where the signal does not reach a weight, no act, rate or initialisation helps: gradients that are
never cleared, a step that is never taken, a layer that the optimiser does not hold.

## What you see
One network, eight faults. Most of them leave it near guessing. Two do not: a first layer that the
optimiser does not hold, and a body that is detached from its head. There the head learns on what a
random body gives it, the loss falls, and the fault stays unseen.

## What to move
What is shown: the test error, or the share of the weights that moved. Only the second tells the two
quiet faults from a network that is merely worse. (Not all weights move where all is right: some
pixels are the same on every image.) Weights that move prove nothing alone: with gradients that
pile up, rows that are mixed, or the targets of other rows, as many move as where all is right.

## What is measured
Test error on real images and the weights that are not where they began, over ten seeds. A fault
that is not among them belongs here too: attention without a mask looks at the tokens it is asked
for, and its loss falls. Where a single batch cannot be learned by heart, the fault is here, in the
loss, or in how inputs and targets are paired, not in the amount of data.

## Belongs to
rules: gradients-not-cleared, optimizer-never-steps, parameter-not-optimized,
    parameter-without-gradient, parameters-remade, rows-mixed, non-finite-data, batch-not-learned,
    targets-exchanged, sees-its-targets
cards: relu

## Repeat it
`relume atlas --measure wiring`; `relume check train.py:make_model --input 32x64 --probe` looks for
them before any training
"""

from relume.atlas.figure import Figure
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Only what was measured."""
    return ()


LESSON = lesson(__doc__, figures, "wiring")
