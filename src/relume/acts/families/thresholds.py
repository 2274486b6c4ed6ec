"""Acts that cut at a bound and set what lies beyond to a constant."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node, register
from relume.acts.kernels.stable_math import band, flat, keep_nan, sech_squared
from relume.acts.module import ActModule


def _bounds(min: float | None, max: float | None) -> tuple[float, ...]:
    return tuple(bound for bound in (min, max) if bound is not None)


def _clamp_slope(z: Tensor, min: float | None = 0.0, max: float | None = None) -> Tensor:
    return band(z, min, max)


@register(
    formula="min(max(z, low), high), its parameters called min and max as in torch",
    family="piecewise",
    year=2010,
    reference="as relu for min = 0",
    native=torch.clamp,
    slope=_clamp_slope,
    curvature=flat,
    kink="slope 0 here at the bounds, where torch's clamp takes 1",
    kinks=_bounds,
    nodes=(
        Node(
            "ClampBackward1",
            "_saved_self",
            parameters={"min": "_saved_min", "max": "_saved_max"},
        ),
        Node("ClampMinBackward0", "_saved_self", parameters={"min": "_saved_min"}),
    ),
    matches=("torch.clamp", "torch.clip", "torch.Tensor.clamp", "torch.Tensor.clip"),
    aliases=("clip",),
    clips=True,
)
def clamp(z: Tensor, min: float | None = 0.0, max: float | None = None) -> Tensor:
    """z cut at `min` and `max`: a hand-written ReLU as it stands."""
    return z.clamp(min, max)


class Clamp(ActModule, act=clamp):
    """`clamp` as a module."""


def _fitting_bound(z: Tensor, other: float | Tensor) -> float | Tensor:
    """Return the bound in a shape that fits `z`.

    The recorder passes sampled rows (rows, units) and the bound as saved, flattened: one for
    each unit still fits; one for each entry cannot be followed and is taken as 0.
    """
    if not isinstance(other, Tensor):
        return other
    if other.numel() == 1:
        return other.reshape(())
    return 0.0 if other.dim() == 1 and z.shape[-1:] != other.shape else other


def _maximum(z: Tensor, other: float | Tensor = 0.0) -> Tensor:
    if not isinstance(other, Tensor):
        other = torch.full((), other, dtype=z.dtype, device=z.device)
    return torch.maximum(z, other)


def _maximum_kinks(other: float | Tensor) -> tuple[float, ...]:
    bounds = torch.as_tensor(other, dtype=torch.float64).flatten()
    return tuple(sorted({float(bounds[place]) for place in range(bounds.numel())}))


def _maximum_slope(z: Tensor, other: float | Tensor = 0.0) -> Tensor:
    return band(z, _fitting_bound(z, other), None)


@register(
    formula="max(z, other) for a constant other",
    family="piecewise",
    year=2010,
    reference="as relu for other = 0",
    native=_maximum,
    slope=_maximum_slope,
    curvature=flat,
    kink="slope 0 here at the kink, where torch's maximum takes 1/2",
    kinks=_maximum_kinks,
    nodes=(
        Node(
            "MaximumBackward0",
            "_saved_self",
            parameters={"other": "_saved_other"},
            constant_input=True,
        ),
    ),
    matches=("torch.maximum", "torch.Tensor.maximum"),
    clips=True,
)
def maximum(z: Tensor, other: float | Tensor = 0.0) -> Tensor:
    """The larger of z and a constant."""
    bound = _fitting_bound(z, other)
    return torch.maximum(z, bound.to(z)) if isinstance(bound, Tensor) else z.clamp(min=bound)


class Maximum(ActModule, act=maximum):
    """`maximum` as a module."""


def _threshold_kinks(threshold: float, value: float) -> tuple[float, ...]:
    return (threshold,)


def _threshold_slope(z: Tensor, threshold: float = 0.0, value: float = 0.0) -> Tensor:
    return band(z, threshold, None)


@register(
    formula="z if z > threshold else value",
    family="piecewise",
    year=2010,
    reference="as relu for threshold = value = 0",
    native=functional.threshold,
    slope=_threshold_slope,
    curvature=flat,
    kink="slope 0 at the threshold",
    kinks=_threshold_kinks,
    nodes=(
        Node("ThresholdBackward0", "_saved_self", parameters={"threshold": "_saved_threshold"}),
    ),
    matches=(
        "torch.nn.Threshold",
        "torch.nn.functional.threshold",
        "torch.nn.functional.threshold_",
        "torch.threshold",
        "torch.threshold_",
    ),
)
def threshold(z: Tensor, threshold: float = 0.0, value: float = 0.0) -> Tensor:
    """z above the threshold, `value` elsewhere."""
    return torch.where(z <= threshold, torch.full_like(z, value), z)


class Threshold(ActModule, act=threshold):
    """`threshold` as a module."""


def _shrink_kinks(lambd: float) -> tuple[float, ...]:
    return -lambd, lambd


def _shrink_slope(z: Tensor, lambd: float = 0.5) -> Tensor:
    return keep_nan(z, (z.abs() > lambd).to(z.dtype))


@register(
    formula="z if abs z > lambd else 0",
    family="piecewise",
    year=1994,
    reference="Donoho & Johnstone, Biometrika 81, 1994",
    native=functional.hardshrink,
    slope=_shrink_slope,
    curvature=flat,
    kink="slope 0 at both thresholds",
    kinks=_shrink_kinks,
    nodes=(Node("HardshrinkBackward0", "_saved_self", parameters={"lambd": "_saved_lambd"}),),
    matches=(
        "torch.nn.Hardshrink",
        "torch.nn.functional.hardshrink",
        "torch.hardshrink",
        "torch.Tensor.hardshrink",
    ),
    aliases=("hard_shrink",),
)
def hardshrink(z: Tensor, lambd: float = 0.5) -> Tensor:
    """z, and 0 between the thresholds; it jumps there."""
    return torch.where(z.abs() <= lambd, torch.zeros_like(z), z)


class Hardshrink(ActModule, act=hardshrink):
    """`hardshrink` as a module."""


@register(
    formula="sign(z) * max(abs z - lambd, 0)",
    family="piecewise",
    year=1995,
    reference="Donoho, IEEE Transactions on Information Theory 41, 1995",
    native=functional.softshrink,
    slope=_shrink_slope,
    curvature=flat,
    kink="slope 0 at both thresholds",
    kinks=_shrink_kinks,
    nodes=(Node("SoftshrinkBackward0", "_saved_self", parameters={"lambd": "_saved_lambd"}),),
    matches=("torch.nn.Softshrink", "torch.nn.functional.softshrink"),
    aliases=("soft_shrink", "soft_threshold"),
)
def softshrink(z: Tensor, lambd: float = 0.5) -> Tensor:
    """z moved towards 0 by lambd, and 0 where it would cross."""
    return z.sign() * (z.abs() - lambd).clamp(min=0)


class Softshrink(ActModule, act=softshrink):
    """`softshrink` as a module."""


_EDGE = 1.5
# z cosh z - sinh z is the sum over k >= 1 of 2k / (2k + 1)! z^(2k+1): all terms have the sign of
# z, and for abs z <= 1.5 the first left out (k = 12) is below 1e-16 of the sum
_TERMS = tuple(2 * k / math.factorial(2 * k + 1) for k in range(1, 12))


def _series(z: Tensor) -> Tensor:
    square = z * z
    total = torch.zeros_like(z)
    for term in reversed(_TERMS):
        total = total * square + term
    return z * square * total / torch.cosh(z)


def _tanhshrink_slope(z: Tensor) -> Tensor:
    return torch.square(torch.tanh(z))


def _tanhshrink_curvature(z: Tensor) -> Tensor:
    return 2 * torch.tanh(z) * sech_squared(z)


@register(
    formula="z - tanh(z)",
    family="smooth",
    year=2016,
    reference="torch.nn.Tanhshrink; the residual of tanh",
    native=functional.tanhshrink,
    slope=_tanhshrink_slope,
    curvature=_tanhshrink_curvature,
    declared_max_slope=1.0,
    matches=("torch.nn.Tanhshrink", "torch.nn.functional.tanhshrink"),
    aliases=("tanh_shrink",),
)
def tanhshrink(z: Tensor) -> Tensor:
    """z - tanh(z): about z^3 / 3 near 0, where the plain difference cancels."""
    near = _series(z.clamp(-_EDGE, _EDGE))
    return torch.where(z.abs() > _EDGE, z - torch.tanh(z), near)


class Tanhshrink(ActModule, act=tanhshrink):
    """`tanhshrink` as a module."""
