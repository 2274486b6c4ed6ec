"""he-init: weights drawn anew from N(0, 2 / fan_in), for ReLU and its kin.

## What it does
Draws every affine layer with a hidden act behind it from N(0, 2 / fan_in), heads from N(0, 1 /
fan_in), biases zero.

## When it helps
For rectifiers: half of their input is cut, and the factor 2 makes up for it. matching-init computes
the same for ReLU and the right one for any other act.

## How it is applied
Before the first forward that trains, in place, from a random source of its own, so that the run's
random states do not move. One forward that leaves no trace shows which act stands behind which
layer. Layers that a norm layer follows, that share their weight, are frozen or parametrised, keep
their weights, and relume says so.

## What it changes (safety)
RETRAIN: training starts from other weights. On a pretrained model it destroys what was learned.

## References
He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.
"""

from torch import nn

from relume.core.trial import Safety
from relume.fixes.base import page
from relume.fixes.shared.named_init import named_init
from relume.fixes.shared.weight_draws import by_gain, fans

PAGE = page(__doc__)

RUNGS = {"ACT301": 1.2, "ACT601": 1.2, "ACT602": 1.2, "ACT604": 1.2, "ACT501": 2.2, "ACT303": 3.6}


def _std(layer: nn.Module, gain: float) -> float:
    return 2.0**0.5 / fans(layer)[0] ** 0.5 if gain != 1.0 else by_gain(layer, 1.0)


FIX = PAGE.fix(
    Safety.RETRAIN,
    RUNGS,
    *named_init(PAGE, "he", _std, lambda act: f"({2 if act else 1} / fan_in) ** 0.5"),
)
