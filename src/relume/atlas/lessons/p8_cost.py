"""P8 cost: Sigmoid and tanh cost more as an operation; in a step of training little of it is left

## Claim
Sigmoid and tanh are costly, for their exp.

## What you see
What each act costs by the clock: at first nanoseconds an element of the act alone and in cache,
where nothing else takes time.

## What to move
What is shown: from the act alone to a whole step of training, and the act compared with. The
ratio shrinks with all that surrounds the act.

## What is measured
The least of fifteen rounds of each act in turn, float32, one thread, and whole steps of two nets.
The interval is over ten repetitions. `relume card tanh` has the same for your own machine, and
out of cache.

## Correction
True of the operation, of tanh far more than of sigmoid, and of little weight for training:
products of matrices take the time. Tanh takes 16 times ReLU's time alone and adds 16 % to a step of
the perceptron and 26 % to one of the convnet. Maxout doubles the perceptron's step, because it
doubles its layers. In larger nets it is less. Measure it where you train.

## Belongs to
rules: costly-act
fixes: swap-act
cards: sigmoid, tanh, relu, gelu

## Repeat it
`relume atlas --measure act-cost` takes a minute and then shows your machine's numbers here
"""

from relume.atlas.figure import Figure
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Only what was measured."""
    return ()


LESSON = lesson(__doc__, figures, "act-cost")
