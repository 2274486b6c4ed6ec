"""Acts made for the tests, right ones and wrong ones; none of them stays registered."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from relume.acts import act as records
from relume.acts.act import Act, register


def planted(value: Callable[..., Tensor], **words: Any) -> Act:
    """An act of a function, taken out of the registry again, so that no other test sees it."""
    made = register(formula="planted", **words)(value)
    records._registered.pop(made.name)
    records.by_node.cache_clear()
    return made


def gauss(z: Tensor) -> Tensor:
    """A bump: its infimum 0 is never reached, though float64 gives 0 beyond 27."""
    return torch.exp(-z * z)


def wave(z: Tensor) -> Tensor:
    return torch.sin(z)


def logarithmic(z: Tensor) -> Tensor:
    return torch.asinh(z)


def smooth_hinge(z: Tensor) -> Tensor:
    return torch.where(z > 1.25, z - 1.25, 0.0)


def true_sigmoid_slope(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * torch.sigmoid(-z)


def slope_with_a_false_zero(z: Tensor) -> Tensor:
    return torch.where(z.abs() > 7, 0.0, true_sigmoid_slope(z))


def sigmoid_like(z: Tensor) -> Tensor:
    return torch.sigmoid(z)


def cancelling(z: Tensor) -> Tensor:
    """tanh(z) - 1 + 1 in two halves: right in float64 only."""
    return (torch.exp(z) - torch.exp(-z)) / (torch.exp(z) + torch.exp(-z))


def swallows_nan(z: Tensor) -> Tensor:
    return torch.nan_to_num(torch.tanh(z), nan=0.0)


def tanh_like(z: Tensor) -> Tensor:
    return torch.tanh(z)


def tanh_like_slope(z: Tensor) -> Tensor:
    return torch.cosh(z.clamp(-350, 350)) ** -2


GAUSS = planted(gauss, kinks=None)
WAVE = planted(wave)
LOGARITHMIC = planted(logarithmic)
HINGE = planted(smooth_hinge)
HONEST = planted(sigmoid_like, slope=true_sigmoid_slope, native=torch.sigmoid)
FALSE_SLOPE = planted(sigmoid_like, slope=slope_with_a_false_zero)
CANCELLING = planted(tanh_like, slope=tanh_like_slope, native=cancelling)
SWALLOWING = planted(tanh_like, slope=tanh_like_slope, native=swallows_nan)
ROOT_2_PI = math.sqrt(2 * math.pi)
