"""Computes the gain of an act under a standard normal pre, by quadrature.

Expectations are integrals of a function of one variable against the normal density. They are
computed by Gauss-Legendre panels in float64 between -38 and 38 (where the density is below 1e-300);
panels end at the act's kinks, so that every piece is smooth.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from relume.acts.act import Act
from relume.acts.lookup import act as find
from relume.acts.wide_precision import evaluate
from relume.errors import UsageError

_REACH = 38.0
_PANEL = 0.25
_ORDER = 16


@cache
def _legendre() -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(_ORDER)
    return torch.from_numpy(nodes), torch.from_numpy(weights)


def normal_mean(
    function: Callable[[Tensor], Tensor],
    kinks: tuple[float, ...] = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
) -> float:
    """Return E f(z) for z ~ N(mean, std^2), by quadrature.

    Args:
        function: f, elementwise on float64 tensors.
        kinks: where f or a derivative of it jumps.
        mean: of z.
        std: of z.

    Returns:
        The expectation; accurate to about 1e-13 of E abs f for functions that are smooth between
        their kinks.
    """
    inner = [(kink - mean) / std for kink in kinks]
    even = np.linspace(-_REACH, _REACH, int(2 * _REACH / _PANEL) + 1)
    edges = torch.from_numpy(
        np.unique(np.concatenate((even, [k for k in inner if abs(k) < _REACH])))
    )
    nodes, weights = _legendre()
    half = (edges[1:] - edges[:-1])[:, None] / 2  # (panels, 1)
    at = (edges[1:] + edges[:-1])[:, None] / 2 + half * nodes  # (panels, order)
    density = torch.exp(-at * at / 2) / math.sqrt(2 * math.pi)
    parts = torch.where(density > 0, function(at * std + mean) * density, 0.0)
    return float((parts * half * weights).sum())


def gain(act: str | Act, *, direction: str = "forward") -> float:
    """Return the factor on the weights' standard deviation that keeps the scale through an act.

    forward: 1 / sqrt(E f(z)^2); backward: 1 / sqrt(E f'(z)^2), z ~ N(0, 1). With weights drawn
    from N(0, gain^2 / fan_in) (backward: fan_out) the mean square of pre stays 1 from layer to
    layer. For ReLU both are sqrt 2, which is He's; `torch.nn.init.calculate_gain` knows seven
    acts and gives tanh 5/3, which is a rule of thumb: the value that keeps the scale is 1.59.
    For gated units and Maxout, whose units have several rows of the weight, fan_out counts units.

    Args:
        act: a name with its parameters, or an `Act`, a registered one included.
        direction: ``"forward"`` or ``"backward"``.

    Raises:
        UnknownNameError: no such act.
        UsageError: the act works on a whole axis, its mean square is zero or infinite, or the
            direction is another word.

    Reference:
        He et al., ICCV 2015, arXiv:1502.01852; Glorot & Bengio, AISTATS 2010.

    Example:
        >>> import relume
        >>> round(relume.gain("relu"), 6), round(relume.gain("tanh"), 4)
        (1.414214, 1.5925)
    """
    if direction not in ("forward", "backward"):
        raise UsageError(f"direction is {direction!r}; it is 'forward' or 'backward'.")
    known = find(act)
    if known.mean_square is not None:
        square = known.mean_square(direction, **known.defaults)
    elif known.slope is None:
        raise UsageError(f"{known.name} works on a whole axis and has no gain of one unit.")
    else:
        formula = known.value if direction == "forward" else known.slope
        kinks = known.kinks_at()
        square = normal_mean(lambda z: evaluate(formula, z, known.defaults, wide=True) ** 2, kinks)
    if not (math.isfinite(square) and square > 0):
        raise UsageError(f"{known} has a mean square of {square} under N(0, 1): it has no gain.")
    return 1 / math.sqrt(square)
