"""xavier-init: weights drawn anew from N(0, 2 / (fan_in + fan_out)), for tanh and its kin.

## What it does
Draws every affine layer from N(0, 2 / (fan_in + fan_out)), biases zero: halfway between what keeps
the signal forward and what keeps the gradient backward.

## When it helps
For acts that are the identity near zero, such as tanh and softsign, and for sigmoid networks of
little depth. Measured on digits: tanh with weights of N(0, 1).

## How it is applied
Before the first forward that trains, in place, from a random source of its own, so that the run's
random states do not move. One forward that leaves no trace shows which act stands behind which
layer. Layers that a norm layer follows, that share their weight, are frozen or parametrised, keep
their weights, and relume says so.

## What it changes (safety)
RETRAIN: training starts from other weights. On a pretrained model it destroys what was learned.

## References
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010.
"""

from torch import nn

from relume.core.trial import Safety
from relume.fixes.base import page
from relume.fixes.shared.named_init import named_init
from relume.fixes.shared.weight_draws import fans

PAGE = page(__doc__)

RUNGS = {"ACT301": 1.2, "ACT601": 1.2, "ACT602": 1.2, "ACT604": 1.2, "ACT501": 2.2, "ACT303": 3.6}


def _std(layer: nn.Module, _gain: float) -> float:
    return (2.0 / sum(fans(layer))) ** 0.5


FIX = PAGE.fix(
    Safety.RETRAIN,
    RUNGS,
    *named_init(PAGE, "xavier", _std, lambda _act: "(2 / (fan_in + fan_out)) ** 0.5"),
)
