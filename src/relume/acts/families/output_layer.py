"""Acts of the output layer: a distribution over an axis, or the value as it is."""

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node, register
from relume.acts.kernels.stable_math import flat, keep_nan
from relume.acts.module import ActModule


def _softmax_native(z: Tensor, dim: int = -1) -> Tensor:
    return functional.softmax(z, dim)


@register(
    formula="exp(z_i) / sum_j exp(z_j)",
    family="output",
    year=1990,
    reference="Bridle, NeurIPS 1989",
    elementwise=False,
    native=_softmax_native,
    nodes=(
        Node("SoftmaxBackward0", "_saved_result", "post"),
        Node("SafeSoftmaxBackward0", "_saved_result", "post"),
    ),
    matches=(
        "torch.nn.Softmax",
        "torch.nn.functional.softmax",
        "torch.softmax",
        "torch.special.softmax",
        "torch.Tensor.softmax",
    ),
)
def softmax(z: Tensor, dim: int = -1) -> Tensor:
    """exp(z_i) / sum_j exp(z_j) along `dim`: positive, and 1 in sum."""
    return functional.softmax(z, dim)


class Softmax(ActModule, act=softmax):
    """`softmax` as a module."""


def _log_softmax_native(z: Tensor, dim: int = -1) -> Tensor:
    return functional.log_softmax(z, dim)


@register(
    formula="z_i - log sum_j exp(z_j)",
    family="output",
    year=1990,
    reference="the logarithm of softmax",
    elementwise=False,
    native=_log_softmax_native,
    nodes=(Node("LogSoftmaxBackward0", "_saved_result", "post"),),
    matches=(
        "torch.nn.LogSoftmax",
        "torch.nn.functional.log_softmax",
        "torch.log_softmax",
        "torch.special.log_softmax",
        "torch.Tensor.log_softmax",
    ),
    aliases=("logsoftmax",),
)
def log_softmax(z: Tensor, dim: int = -1) -> Tensor:
    """z_i - log sum_j exp(z_j) along `dim`."""
    return functional.log_softmax(z, dim)


class LogSoftmax(ActModule, act=log_softmax):
    """`log_softmax` as a module."""


def _itself(z: Tensor) -> Tensor:
    return z


def _one(z: Tensor) -> Tensor:
    return keep_nan(z, torch.ones_like(z))


@register(
    formula="z",
    family="output",
    year=1958,
    reference="the linear unit; the output layer of regression",
    native=_itself,
    slope=_one,
    curvature=flat,
    declared_max_slope=1.0,
    matches=("torch.nn.Identity", "transformers.activations.LinearActivation"),
    aliases=("linear",),
)
def identity(z: Tensor) -> Tensor:
    """z: what an output layer of regression needs."""
    return z.clone()


class Identity(ActModule, act=identity):
    """`identity` as a module."""
