"""S-shaped acts, and the smooth ramps that are their integrals."""

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node, register
from relume.acts.kernels.stable_math import finite, log1pexp, logistic, logistic_slope, sech_squared
from relume.acts.module import ActModule


def _sigmoid_slope_of_post(h: Tensor) -> Tensor:
    return h * (1 - h)


def _sigmoid_curvature(z: Tensor) -> Tensor:
    return -logistic_slope(z) * torch.tanh(z / 2)


@register(
    formula="1 / (1 + exp(-z))",
    family="smooth",
    year=1986,
    reference="Rumelhart, Hinton & Williams, Nature 323, 1986",
    native=torch.sigmoid,
    slope=logistic_slope,
    slope_of_post=_sigmoid_slope_of_post,
    curvature=_sigmoid_curvature,
    declared_max_slope=0.25,
    nodes=(Node("SigmoidBackward0", "_saved_result", "post"),),
    matches=(
        "torch.nn.Sigmoid",
        "torch.nn.functional.sigmoid",
        "torch.sigmoid",
        "torch.sigmoid_",
        "torch.special.expit",
        "torch.Tensor.sigmoid",
        "torch.Tensor.sigmoid_",
    ),
    aliases=("logistic", "expit"),
    init=("xavier", "lecun"),
)
def sigmoid(z: Tensor) -> Tensor:
    """1 / (1 + exp(-z)), in (0, 1)."""
    return logistic(z)


class Sigmoid(ActModule, act=sigmoid):
    """`sigmoid` as a module."""


def _tanh_slope_of_post(h: Tensor) -> Tensor:
    return 1 - h * h


def _tanh_curvature(z: Tensor) -> Tensor:
    return -2 * torch.tanh(z) * sech_squared(z)


@register(
    formula="(exp(z) - exp(-z)) / (exp(z) + exp(-z))",
    family="smooth",
    year=1989,
    reference="LeCun, 1989; LeCun et al., Efficient BackProp, 1998",
    native=torch.tanh,
    slope=sech_squared,
    slope_of_post=_tanh_slope_of_post,
    curvature=_tanh_curvature,
    declared_max_slope=1.0,
    nodes=(Node("TanhBackward0", "_saved_result", "post"),),
    matches=(
        "torch.nn.Tanh",
        "torch.nn.functional.tanh",
        "torch.tanh",
        "torch.tanh_",
        "torch.Tensor.tanh",
        "torch.Tensor.tanh_",
    ),
    init=("xavier", "lecun"),
)
def tanh(z: Tensor) -> Tensor:
    """The hyperbolic tangent, in (-1, 1)."""
    return torch.tanh(z)


class Tanh(ActModule, act=tanh):
    """`tanh` as a module."""


def _softsign_slope(z: Tensor) -> Tensor:
    share = 1 / (1 + z.abs())
    return share * share


def _softsign_curvature(z: Tensor) -> Tensor:
    share = 1 / (1 + z.abs())
    return -2 * z.sign() * share * share * share


@register(
    formula="z / (1 + abs z)",
    family="smooth",
    year=2009,
    reference="Bergstra et al., 2009; Turian et al., 2009",
    native=functional.softsign,
    slope=_softsign_slope,
    curvature=_softsign_curvature,
    declared_max_slope=1.0,
    matches=("torch.nn.Softsign", "torch.nn.functional.softsign"),
    aliases=("soft_sign",),
)
def softsign(z: Tensor) -> Tensor:
    """z / (1 + abs z): an S with tails that fall as 1 / abs z."""
    z = finite(z)
    return z / (1 + z.abs())


class Softsign(ActModule, act=softsign):
    """`softsign` as a module."""


def _log_sigmoid_slope(z: Tensor) -> Tensor:
    return logistic(-z)


def _log_sigmoid_curvature(z: Tensor) -> Tensor:
    return -logistic_slope(z)


@register(
    formula="-log(1 + exp(-z))",
    family="smooth",
    year=1986,
    reference="the logarithm of sigmoid",
    native=functional.logsigmoid,
    slope=_log_sigmoid_slope,
    curvature=_log_sigmoid_curvature,
    declared_max_slope=1.0,
    nodes=(Node("LogSigmoidBackward0", "_saved_self"),),
    matches=("torch.nn.LogSigmoid", "torch.nn.functional.logsigmoid"),
    aliases=("logsigmoid",),
)
def log_sigmoid(z: Tensor) -> Tensor:
    """log sigmoid(z), about z far below 0."""
    return z.clamp(max=0) - log1pexp(z)


class LogSigmoid(ActModule, act=log_sigmoid):
    """`log_sigmoid` as a module."""


def _softplus_slope(z: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    return logistic(beta * z)


def _softplus_curvature(z: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    return beta * logistic_slope(beta * z)


@register(
    formula="log(1 + exp(beta * z)) / beta",
    family="smooth",
    year=2001,
    reference="Dugas et al., NeurIPS 2000",
    native=functional.softplus,
    slope=_softplus_slope,
    curvature=_softplus_curvature,
    nodes=(
        Node(
            "SoftplusBackward0",
            "_saved_self",
            parameters={"beta": "_saved_beta", "threshold": "_saved_threshold"},
        ),
    ),
    matches=("torch.nn.Softplus", "torch.nn.functional.softplus"),
    aliases=("soft_plus",),
)
def softplus(z: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta z)) / beta; `threshold` is where torch's own path turns linear."""
    ramp = z.clamp(min=0) if beta > 0 else z.clamp(max=0)
    return ramp + log1pexp(beta * z) / beta


class Softplus(ActModule, act=softplus):
    """`softplus` as a module."""


def _squareplus_slope(z: Tensor, b: float = 4.0) -> Tensor:
    z = finite(z)
    root = torch.hypot(z, torch.full((), b**0.5, dtype=z.dtype, device=z.device))
    # (1 + z / root) / 2 cancels below 0, where f / root = b / 2 / (root - z) / root does not
    rest = b / 4 / (root / 2 + z.abs() / 2) / root
    return torch.where(z < 0, rest, 1 - rest)


def _squareplus_curvature(z: Tensor, b: float = 4.0) -> Tensor:
    root = torch.hypot(z, torch.full((), b**0.5, dtype=z.dtype, device=z.device))
    return b / 2 / root / root / root


@register(
    formula="(z + sqrt(z^2 + b)) / 2",
    family="smooth",
    year=2021,
    reference="Barron, 2021, arXiv:2112.11687",
    slope=_squareplus_slope,
    curvature=_squareplus_curvature,
    declared_max_slope=1.0,
    aliases=("square_plus",),
)
def squareplus(z: Tensor, b: float = 4.0) -> Tensor:
    """(z + sqrt(z^2 + b)) / 2: a softplus without exp."""
    size = z.abs()
    root = torch.hypot(z, torch.full((), b**0.5, dtype=z.dtype, device=z.device))
    return z.clamp(min=0) + b / 4 / (root / 2 + size / 2)  # z^2 would overflow, root - z cancel


class Squareplus(ActModule, act=squareplus):
    """`squareplus` as a module."""
