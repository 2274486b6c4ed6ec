"""F10 in-demand: What is used today: smooth, gated, learned

## Claim
Beyond the article: GELU, SiLU, Swish, Mish and the gated units (GLU, ReGLU, GEGLU, SwiGLU) of
today's transformers, squared ReLU, SELU, CELU, Softplus and Squareplus, Softsign, the hard
variants, Snake, StarReLU, xIELU, and more.

## What you see
GELU: it dips below zero before it rises, so its slope changes sign. A unit that sits in the dip
or below it is not dead, but hardly learns.

## What to move
The act; the point; the spread of the pre. Below, the same acts as bars, for four properties. Two
acts that share half a name (GELU and its quick form, swish and the hard one) are different
functions: weights that were trained with one do not fit the other.

## What is measured
Value, slope, flat share, mean and spread, by the package's own formulas; they agree with mpmath
to half a unit in the last place. Gated units multiply two halves of an axis, so they have no
curve of one variable: their cards have what was measured.

## Belongs to
rules: dormant-units, zero-slope-artefact, costly-act, other-act-than-named
fixes: swap-act, matching-init
cards: gelu, silu, swish, mish, swiglu, geglu, reglu, glu, squared_relu, selu, celu, softplus,
    squareplus, softsign, hardswish, hardsigmoid, hardtanh, relu6, log_sigmoid, snake, star_relu,
    quick_gelu, xielu, rrelu, tanhshrink

## Repeat it
`relume card --compare gelu,silu,mish`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.curve import curve
from relume.atlas.kinds.means import means
from relume.atlas.lesson import lesson

ACTS = (
    *("gelu", "silu", "mish", "quick_gelu", "hardswish", "squared_relu", "elu", "selu", "celu"),
    *("softplus", "squareplus", "softsign", "hardsigmoid", "hardtanh", "relu6", "log_sigmoid"),
    *("snake", "star_relu", "xielu", "rrelu", "prelu", "tanhshrink"),
)
SIDE = ("relu", "gelu", "silu", "mish", "hardswish", "selu", "softplus", "softsign", "xielu")


def figures() -> tuple[Figure, ...]:
    """One act at a time, then side by side."""
    says = (
        Say(
            "{act} falls here: its slope at z = {z} is {slope}. Below zero it dips, then rises.",
            ("slope", "<", 0.0),
        ),
        Say("{act}: at z = {z} the slope is {slope}, {share%} of the largest."),
    )
    presets = (
        Preset("GELU in its dip", {}),
        Preset("SiLU", {"act": "silu", "z": -1.3}),
        Preset("squared ReLU", {"act": "squared_relu", "z": 2.0}),
        Preset("xIELU", {"act": "xielu", "z": -2.0}),
        Preset("Snake", {"act": "snake", "z": 2.35}),
    )
    first = curve("The acts of today, one by one", ACTS, says, z=-1.2, presets=presets)
    beside = (
        Say("GELU is flat on {gelu%} of this pre, ReLU on {relu%}.", ("column", "==", "flat")),
        Say("With a pre of mean {mu} and spread {sigma} GELU stands at {gelu}, ReLU at {relu}."),
    )
    return first, means("The acts of today, side by side", SIDE, beside, column="flat")


LESSON = lesson(__doc__, figures)
