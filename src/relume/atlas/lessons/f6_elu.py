"""F6 elu: ELU bends smoothly down to −alpha

## Claim
Above zero ELU is the identity; below, it saturates smoothly at −alpha, which may make it robust
to noise. Its outputs are nearer to zero mean than those of ReLU and Leaky ReLU, and its character
is between the two.

## What you see
A unit far below zero, with noise on its pre: the output's spread is what is left of the noise.

## What to move
The point: the farther down, the less of the noise passes; the same flatness is saturation, and
the gradient goes the same way. Then alpha, and the act, to set it against ReLU and Leaky ReLU.

## What is measured
The spread of the output against that of the pre, and the mean. And on real images: the test error
under noise, of nets of ELUs, ReLUs, Leaky ReLUs and tanh that were trained without it.

## Correction
Robust to noise: only for units that sit low, and then ReLU is still more so, as it passes nothing
at all. A whole net of ELUs does a little better than one of ReLUs under noise on our digits, and
so does tanh, which saturates on both sides; see below. Near zero mean: 0.16 for a standard normal
pre, not 0; it is SELU whose mean is 0.

## Belongs to
rules: saturated-units, dormant-units
fixes: swap-act, matching-init
cards: elu, selu, celu

## Repeat it
`relume atlas --measure noise`
"""

from relume.atlas.figure import Control, Figure, Preset, Say
from relume.atlas.kinds.curve import curve
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The bend, and noise on it."""
    says = (
        Say(
            "Around z = {z} noise of spread {sigma} comes out with a spread of {std}; the slope, "
            "by which the unit learns, is {slope}."
        ),
    )
    presets = (
        Preset("ELU far down", {}),
        Preset("ELU near zero", {"z": -0.5}),
        Preset("ReLU far down", {"act": "relu"}),
        Preset("Leaky ReLU far down", {"act": "leaky_relu"}),
        Preset("standard normal pre", {"z": 0.0, "sigma": 1.0}),
        Preset("alpha 2", {"alpha": 2.0}),
    )
    alpha = Control("alpha", "alpha, how far down", 1.0, 0.1, 3, 0.1)
    made = curve(
        "ELU, its slope, and noise on the pre",
        ("elu", "relu", "leaky_relu", "selu"),
        says,
        z=-3.0,
        sigma=0.5,
        more=(alpha,),
        presets=presets,
    )
    return (made,)


LESSON = lesson(__doc__, figures, "noise")
