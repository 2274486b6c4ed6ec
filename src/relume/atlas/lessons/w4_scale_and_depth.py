"""W4 scale-and-depth: The right act, from the right scale, keeps the gradient alive through depth

## Claim
The right act mitigates vanishing and exploding gradients, and bounded outputs stabilise a
network.

## What you see
Signal and gradient of tanh through thirty layers at a gain that is too large. The signal is held
by the bounds of tanh; the gradient explodes all the same.

## What to move
The gain of the initial weights, for each act. There is one gain at which the signal keeps its
size (it is shown); for ReLU it is √2, which is He's, and there the gradient keeps its size too.
Where a signal grows with depth, float16 ends at 65504; where it enters a sine, a large one turns
the phase so often that neighbours have nothing in common.

## What is measured
The factor on signal and gradient a layer, for wide nets by quadrature of E f² and E f′², and as
dots in a real net of 32 units that is drawn for every setting.

## Correction
Bounded outputs keep the signal in bounds, not the gradient. In a tanh net at a large gain the
outputs stay below 1 in size while the gradient grows layer by layer; at a small gain it vanishes.
What decides is the gain: gain squared times the mean of f′², which must be near 1.

## Belongs to
rules: scale-drift-at-init, vanishing-gradient, exploding-gradient, first-non-finite, near-overflow,
    periodic-phase
fixes: matching-init, he-init, lecun-init, xavier-init, rescale-init, insert-norm, clip-gradient
cards: tanh, relu, selu, sigmoid

## Repeat it
`relume card tanh` shows both gains of an act; in Python `relume.gain("tanh")`.
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.depth import depth
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Scales by depth."""
    says = (
        Say(
            "Each layer multiplies the gradient by about {per_layer}: after {layers} layers it is "
            "{gradient^} times what it was. It explodes.",
            ("gradient", ">", 1.0),
        ),
        Say(
            "Each layer multiplies the gradient by about {per_layer}: after {layers} layers it is "
            "{gradient^} times what it was. It vanishes.",
            ("gradient", "<", -1.0),
        ),
        Say(
            "At a gain of {gain} the gradient keeps its size through {layers} layers, to a factor "
            "of {gradient^}."
        ),
    )
    presets = (
        Preset("tanh, gain 3: bounded, and explodes", {}),
        Preset("tanh at the gain that keeps it", {"gain": 1.59}),
        Preset("tanh, gain 0.8: vanishes", {"gain": 0.8}),
        Preset("ReLU, He's gain", {"act": "relu", "gain": 1.41}),
        Preset("ReLU, gain 1", {"act": "relu", "gain": 1.0}),
        Preset("SELU, gain 1", {"act": "selu", "gain": 1.0}),
    )
    title = "Signal and gradient through many layers"
    return (depth(title, says, act="tanh", gain=3.0, layers=30, presets=presets),)


LESSON = lesson(__doc__, figures)
