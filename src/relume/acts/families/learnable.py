"""Acts with parameters that training learns: one for all units, or one for each channel."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from relume.acts.act import Node, along_channels, register
from relume.acts.kernels import fused_cpu
from relume.acts.kernels.stable_math import (
    FAR,
    finite,
    gated,
    gated_curvature,
    gated_slope,
    keep_nan,
    step,
)
from relume.acts.module import ActModule
from relume.acts.wide_precision import make_function

Number = float | Tensor


def _prelu_kinks(weight: Number) -> tuple[float, ...]:
    return (0.0,)


def _prelu_slope(z: Tensor, weight: Number = 0.25) -> Tensor:
    return step(z, weight)


def _prelu_curvature(z: Tensor, weight: Number = 0.25) -> Tensor:
    return keep_nan(z, torch.zeros_like(z)) + 0 * weight


@register(
    formula="z if z > 0 else weight * z, weight learned",
    family="learnable",
    year=2015,
    reference="He et al., ICCV 2015, arXiv:1502.01852",
    native=fused_cpu.prelu,
    slope=_prelu_slope,
    curvature=_prelu_curvature,
    learnable=("weight",),
    kink="slope weight at 0",
    kinks=_prelu_kinks,
    nodes=(Node("PreluKernelBackward0", "_saved_self", parameters={"weight": "_saved_weight"}),),
    matches=("torch.nn.PReLU", "torch.nn.functional.prelu", "torch.prelu", "torch.Tensor.prelu"),
)
def prelu(z: Tensor, weight: Number = 0.25) -> Tensor:
    """z above 0, weight z below: a leaky ReLU that learns its slope."""
    # by clamps, not `where`: at z = inf the untaken branch would give weight a gradient of NaN
    return z.clamp(min=0) + weight * z.clamp(max=0)


class PReLU(ActModule, act=prelu):
    """`prelu` as a module, with torch's constructor and state_dict.

    Args:
        num_parameters: 1, or one for each channel (axis 1).
        init: the slope below 0 to start from.
        device, dtype: of the weight.
        exact: evaluate in the wider type; torch's own path otherwise.
        weight: another name for `init`, the act's own.

    Weight decay pulls the slope to 0, that is towards ReLU: the paper leaves it out.

    Example:
        >>> import torch
        >>> from relume.acts import PReLU
        >>> act = PReLU(2, init=0.5)
        >>> act.load_state_dict(torch.nn.PReLU(2).state_dict())
        <All keys matched successfully>
        >>> act(torch.tensor([[-4.0, 2.0]])).tolist()
        [[-1.0, 2.0]]
    """

    weight: nn.Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        exact: bool = False,
        weight: float | None = None,
    ) -> None:
        start = init if weight is None else weight
        super().__init__(
            start, exact=exact, num_parameters=num_parameters, device=device, dtype=dtype
        )
        self.num_parameters = num_parameters
        self.init = start


def _swish_slope(z: Tensor, beta: Number = 1.0) -> Tensor:
    t = (beta * finite(z)).clamp(-FAR, FAR)
    return gated_slope(t, t)


def _swish_curvature(z: Tensor, beta: Number = 1.0) -> Tensor:
    t = (beta * finite(z)).clamp(-FAR, FAR)
    return gated_curvature(t, beta * (2 - t * torch.tanh(t / 2)))


def _swish_fast(z: Tensor, beta: Number = 1.0) -> Tensor:
    return z * torch.sigmoid(beta * z)


def _swish_fast_slope(z: Tensor, beta: Number = 1.0) -> Tensor:
    t = (beta * z).clamp(-FAR, FAR)  # infinity times 1 - 1 is NaN
    squashed = torch.sigmoid(t)
    return squashed * (1 + t * (1 - squashed))


# The plain formulas take a third of the passes and are wrong only far out and at infinities, as
# torch's SiLU is. The node has the act's name, so that the recorder finds a swish, not a sigmoid.
_swish_function = make_function(
    "swish", ("beta",), _swish_fast, _swish_fast_slope, _swish_curvature
)


def _swish_native(z: Tensor, beta: Number = 1.0) -> Tensor:
    return _swish_function.apply(False, z, along_channels(beta, z))


@register(
    formula="z * sigmoid(beta * z), beta learned",
    family="learnable",
    year=2017,
    reference="Ramachandran, Zoph & Le, 2017, arXiv:1710.05941",
    native=_swish_native,
    slope=_swish_slope,
    curvature=_swish_curvature,
    learnable=("beta",),
    declared_max_slope=1.099839,  # at every beta but 0: a change of scale leaves the slopes
)
def swish(z: Tensor, beta: Number = 1.0) -> Tensor:
    """z sigmoid(beta z): from z / 2 at beta 0 to ReLU at beta infinite; silu is beta 1."""
    # with a negative beta it is the mirror image, which falls on the high side
    way = torch.where(beta < 0, -1.0, 1.0) if isinstance(beta, Tensor) else math.copysign(1, beta)
    return way * gated(way * z, beta * finite(z))


class Swish(ActModule, act=swish):
    """`swish` with a learned beta."""


def _snake_slope(z: Tensor, alpha: Number = 1.0) -> Tensor:
    t = alpha * z
    # 1 + sin(2 t), which is this square, loses twice the digits near its zeros
    return torch.square(torch.sin(t) + torch.cos(t))


def _snake_curvature(z: Tensor, alpha: Number = 1.0) -> Tensor:
    t = alpha * z
    sine, cosine = torch.sin(t), torch.cos(t)
    return 2 * alpha * (cosine - sine) * (cosine + sine)


@register(
    formula="z + sin(alpha * z)^2 / alpha, alpha learned, not 0",
    family="learnable",
    year=2020,
    reference="Ziyin, Hartwig & Ueda, NeurIPS 2020, arXiv:2006.08195",
    slope=_snake_slope,
    curvature=_snake_curvature,
    learnable=("alpha",),
    declared_max_slope=2.0,
)
def snake(z: Tensor, alpha: Number = 1.0) -> Tensor:
    """z plus a ripple: extrapolates periods. Its slope has no limit at infinity (NaN there)."""
    return z + torch.square(torch.sin(alpha * finite(z))) / alpha


class Snake(ActModule, act=snake):
    """`snake` with a learned alpha."""


def _star_slope(z: Tensor, scale: Number = 0.8944, bias: Number = -0.4472) -> Tensor:
    return 2 * scale * z.clamp(min=0) + 0 * bias


def _star_most(scale: Number, bias: Number) -> float:
    """There is no largest slope: flatness is judged against the one at z = 1."""
    return 2 * abs(float(scale))


def _star_curvature(z: Tensor, scale: Number = 0.8944, bias: Number = -0.4472) -> Tensor:
    return 2 * scale * step(z) + 0 * bias


@register(
    formula="scale * max(0, z)^2 + bias, scale and bias learned",
    family="learnable",
    year=2022,
    reference="Yu et al., MetaFormer Baselines, TPAMI 2024, arXiv:2210.13452",
    slope=_star_slope,
    curvature=_star_curvature,
    learnable=("scale", "bias"),
    declared_max_slope=_star_most,
    aliases=("starrelu",),
)
def star_relu(z: Tensor, scale: Number = 0.8944, bias: Number = -0.4472) -> Tensor:
    """scale max(0, z)^2 + bias: mean 0 and variance 1 for a standard normal z, to start with."""
    high = z.clamp(min=0)
    return scale * high * high + bias  # from the left: the square alone may overflow


class StarReLU(ActModule, act=star_relu):
    """`star_relu` with a learned scale and bias."""


# softplus of them is 0.8 and 0.3, that is alpha_p and alpha_n 0.8 as in the paper and in
# transformers, whose state_dict keeps the same numbers under the same names
_ALPHA_P = 0.2033823208110246  # log(expm1(0.8))
_ALPHA_N = -1.0502256128148468  # log(expm1(0.3))


def _ramp(alpha: Number) -> Number:
    """Return softplus(alpha), which keeps the learned slopes above 0."""
    if isinstance(alpha, Tensor):
        # -abs alpha by `where`: the derivative of abs at 0 is 0, and half of the slope is lost
        return alpha.clamp(min=0) + torch.log1p(torch.exp(torch.where(alpha < 0, alpha, -alpha)))
    return max(alpha, 0.0) + math.log1p(math.exp(-abs(alpha)))


def _xielu_slope(
    z: Tensor, alpha_p: Number = _ALPHA_P, alpha_n: Number = _ALPHA_N, beta: float = 0.5
) -> Tensor:
    high = 2 * _ramp(alpha_p) * z.clamp(min=0)
    low = (beta + _ramp(alpha_n)) * torch.expm1(z.clamp(max=0))
    return high + low + beta


def _xielu_curvature(
    z: Tensor, alpha_p: Number = _ALPHA_P, alpha_n: Number = _ALPHA_N, beta: float = 0.5
) -> Tensor:
    high = torch.ones_like(z) * (2 * _ramp(alpha_p))
    return torch.where(z > 0, high, (beta + _ramp(alpha_n)) * torch.exp(z.clamp(max=0)))


def _xielu_most(alpha_p: Number, alpha_n: Number, beta: float) -> float:
    """There is no largest slope: flatness is judged against the one at z = 1."""
    return float(2 * _ramp(alpha_p) + beta)


@register(
    formula="p z^2 + beta z if z > 0 else n (exp(z) - 1 - z) + beta z, "
    "p = softplus(alpha_p), n = beta + softplus(alpha_n), both learned",
    family="learnable",
    year=2024,
    reference="Huang & Schlag, 2024, arXiv:2411.13010",
    slope=_xielu_slope,
    curvature=_xielu_curvature,
    learnable=("alpha_p", "alpha_n"),
    declared_max_slope=_xielu_most,
    matches=("transformers.activations.XIELUActivation",),
)
def xielu(
    z: Tensor, alpha_p: Number = _ALPHA_P, alpha_n: Number = _ALPHA_N, beta: float = 0.5
) -> Tensor:
    """The integral of an elu-like slope; alpha_p and alpha_n stand before their softplus."""
    high, low = z.clamp(min=0), z.clamp(max=0)
    fall = beta + _ramp(alpha_n)
    # beta joined to each side: at -inf the printed form is inf - inf
    return (_ramp(alpha_p) * high + beta) * high + (fall * torch.expm1(low) + (beta - fall) * low)


class XIELU(ActModule, act=xielu):
    """`xielu` with learned alpha_p and alpha_n."""
