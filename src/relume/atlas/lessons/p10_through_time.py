"""P10 through-time: What happened early in a sequence never hears of its error

## Claim
A recurrent layer is a deep net whose layers are its steps: the error shrinks, or grows, by the same
factor at each step back, and is gone after a few dozen.

## What you see
tanh with recurrent weights a little too small, forty steps: each step back takes a third of the
error. What stood at the first step cannot be learned; what stands at the last ones can.

## What to move
The gain of the recurrent weights and the number of steps. At a gain of 1 the error of tanh lasts
longest; above it the steps begin to multiply it, and a longer sequence makes the loss jump. No act
and no gain keeps it for every length: a gate does, which adds to the state what it lets in
(an LSTM, with its forget gate begun open).

## What is measured
The gradient at each step over that at the last: in theory, and in a small real net. Both draw new
weights at each step; one matrix that is used again and again has the same mean factor while it is
drawn at random.

## Belongs to
rules: gradient-over-time, vanishing-gradient, exploding-gradient
fixes: keep-state, clip-gradient
cards: tanh, sigmoid, relu

## Repeat it
`relume explain gradient-over-time`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.depth import depth
from relume.atlas.lesson import lesson

STEPS = 40


def figures() -> tuple[Figure, ...]:
    """The gradient by step of the sequence."""
    says = (
        Say(
            "{act} at gain {gain}: {layers} steps back {gradient^} of the error is left. What "
            "stood there is not learned.",
            ("gradient", "<", -3.0),
        ),
        Say(
            "{act} at gain {gain}: {layers} steps back the error has grown {gradient^}-fold. The "
            "first step drowns the others.",
            ("gradient", ">", 2.0),
        ),
        Say(
            "{act} at gain {gain}: the error arrives {layers} steps back at {gradient^} times its "
            "size, and the whole sequence can be learned."
        ),
    )
    presets = (
        Preset("tanh, gain 0.7", {}),
        Preset("tanh, gain 1", {"gain": 1.0}),
        Preset("tanh, gain 3", {"gain": 3.0}),
        Preset("sigmoid, gain 1", {"act": "sigmoid", "gain": 1.0}),
        Preset("ReLU, gain 2", {"act": "relu", "gain": 2.0}),
        Preset("the last ten steps", {"layers": 10}),
    )
    made = depth(
        "The error on its way back through a sequence",
        says,
        act="tanh",
        gain=0.7,
        layers=STEPS,
        presets=presets,
    )
    return (made,)


LESSON = lesson(__doc__, figures)
