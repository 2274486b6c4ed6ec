"""C2 elu-is-not-centred: ELU's outputs are not "about zero" on average; SELU's are

## Claim
ELU's outputs are said to have a mean near zero, ReLU's and Leaky ReLU's not.

## What you see
The mean that each act passes on from a standard normal pre. ELU is nearer to zero than ReLU, by
more than half, and not at zero; SELU is, which is what its two constants are for.

## What to move
Mean and spread of the pre: SELU's zero holds only for a standard normal pre, and S-shaped acts
are centred for every pre around zero. Then the mean over the spread, which is what the next layer
feels.

## What is measured
E f(z) by quadrature in float64. For ReLU it is 1/√(2π) = 0.3989, on paper too; for Leaky ReLU
0.99 of that.

## Correction
ELU: 0.1605. Leaky ReLU: 0.3950, the same as ReLU's 0.3989 for all purposes; a leak of 0.01
centres nothing.

## Belongs to
rules: input-not-centred, scale-drift-at-init
fixes: insert-norm, swap-act
cards: elu, selu, relu, leaky_relu, tanh

## Repeat it
`relume card --compare elu,selu,relu,leaky_relu`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.means import means
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """Means side by side."""
    says = (
        Say("ELU stands at {elu}, SELU at {selu}, ReLU at {relu}, Leaky ReLU at {leaky_relu}."),
    )
    presets = (
        Preset("standard normal pre", {}),
        Preset("a narrow pre", {"sigma": 0.3}),
        Preset("a wide pre", {"sigma": 3.0}),
        Preset("a pre off centre", {"mu": 1.0}),
        Preset("mean over spread", {"column": "off_centre"}),
    )
    acts = ("elu", "selu", "celu", "relu", "leaky_relu", "prelu", "gelu", "silu", "sigmoid", "tanh")
    return (means("The mean that an act passes on", acts, says, presets=presets),)


LESSON = lesson(__doc__, figures)
