"""lecun-init: weights drawn anew from N(0, 1 / fan_in), for SELU and linear layers.

## What it does
Draws every affine layer from N(0, 1 / fan_in), biases zero.

## When it helps
SELU is made for it: mean 0 and variance 1 are then its fixed point from layer to layer. Also the
mild choice for heads, gates and linear layers.

## How it is applied
Before the first forward that trains, in place, from a random source of its own, so that the run's
random states do not move. One forward that leaves no trace shows which act stands behind which
layer. Layers that a norm layer follows, that share their weight, are frozen or parametrised, keep
their weights, and relume says so.

## What it changes (safety)
RETRAIN: training starts from other weights. On a pretrained model it destroys what was learned.

## References
LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998. Klambauer, Unterthiner, Mayr and
Hochreiter, "Self-normalizing neural networks", NIPS 2017, arXiv:1706.02515.
"""

from torch import nn

from relume.core.trial import Safety
from relume.fixes.base import page
from relume.fixes.shared.named_init import named_init
from relume.fixes.shared.weight_draws import by_gain

PAGE = page(__doc__)

RUNGS = {"ACT301": 1.2, "ACT601": 1.2, "ACT602": 1.2, "ACT604": 1.2, "ACT501": 2.2, "ACT303": 3.6}


def _std(layer: nn.Module, _gain: float) -> float:
    return by_gain(layer, 1.0)


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, *named_init(PAGE, "lecun", _std, lambda _act: "fan_in**-0.5"))
