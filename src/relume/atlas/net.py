"""Builds and trains the small nets of live figures: portable random numbers, torch's gradients.

The page trains the same nets with gradients written by hand; the tests compare both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Act
from relume.atlas.portable_random import portable_normals

NUDGE = 0.1
"""The distance from the identity of hidden layers that start near it."""


@dataclass(frozen=True, slots=True)
class FigureNet:
    """Layers of weights (out, in) and biases (out), and the act behind each but the last; None
    for a layer without one."""

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    acts: tuple[Act | None, ...]

    def pres(self, x: Tensor) -> list[Tensor]:
        """Return the pre of every layer, (samples, units) each; the last is the output."""
        pres: list[Tensor] = []
        for w, b, act in zip(self.weights, self.biases, (*self.acts, None), strict=True):
            pres.append(x @ w.T + b)
            x = pres[-1] if act is None else act(pres[-1], exact=True)
        return pres

    def dead(self, x: Tensor) -> int:
        """Return the number of units without a slope on any of the data."""
        count = 0
        for pre, act in zip(self.pres(x), self.acts, strict=False):
            if act is not None:
                count += int((act.exact_slope(pre.detach()) == 0).all(0).sum())
        return count


def random_net(
    widths: Sequence[int], act: Act, seed: int, *, gain: float, bias: float = 0.0
) -> FigureNet:
    """Return a net with weights from N(0, gain^2 / fan_in) and one bias for all hidden units."""
    source = portable_normals(seed)
    weights, biases = list[Tensor](), list[Tensor]()
    for fan_in, out in pairwise(widths):
        drawn = torch.tensor([*islice(source, out * fan_in)], dtype=torch.float64)
        weights.append(drawn.reshape(out, fan_in) * (gain / math.sqrt(fan_in)))
        biases.append(torch.full((out,), bias, dtype=torch.float64))
    biases[-1] = torch.zeros_like(biases[-1])
    return FigureNet(tuple(weights), tuple(biases), (act,) * (len(widths) - 2))


def straight_net(width: int, depth: int, acts: Sequence[Act | None], seed: int) -> FigureNet:
    """Return a net from one number to one number whose hidden layers start near the identity.

    The first layer's weights and biases are N(0, 1), so that units bend at different places.
    """
    source = portable_normals(seed)

    def drawn(rows: int, columns: int) -> Tensor:
        numbers = [*islice(source, rows * columns)]
        return torch.tensor(numbers, dtype=torch.float64).reshape(rows, columns)

    weights, biases = [drawn(width, 1)], [drawn(1, width)[0]]
    for _ in range(depth - 1):
        weights.append(torch.eye(width, dtype=torch.float64) + NUDGE * drawn(width, width))
        biases.append(torch.zeros(width, dtype=torch.float64))
    weights.append(drawn(1, width) / math.sqrt(width))
    biases.append(torch.zeros(1, dtype=torch.float64))
    return FigureNet(tuple(weights), tuple(biases), tuple(acts))


def loss_of(output: Tensor, y: Tensor, kind: str) -> Tensor:
    """Return ``"mse"``, the mean of (output - y)^2, or ``"bce"``, the mean binary cross-entropy."""
    if kind == "mse":
        return ((output - y) ** 2).mean()
    return functional.binary_cross_entropy_with_logits(output, y)


def train(net: FigureNet, x: Tensor, y: Tensor, steps: int, *, rate: float, how: str) -> FigureNet:
    """Return `net` after `steps` steps on all the data.

    Args:
        net: where it starts; it is not changed.
        x: (samples, in).
        y: (samples, 1).
        steps: how many.
        rate: the learning rate.
        how: loss and optimiser: ``"mse adam"``, ``"bce adam"`` or ``"bce sgd"``.
    """
    kind, _, optimiser = how.partition(" ")
    leaves = [t.clone().requires_grad_() for t in (*net.weights, *net.biases)]
    count = len(net.weights)
    live = FigureNet(tuple(leaves[:count]), tuple(leaves[count:]), net.acts)
    known = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    step = known[optimiser](leaves, lr=rate)
    for _ in range(steps):
        step.zero_grad()
        torch.autograd.backward(loss_of(live.pres(x)[-1], y, kind))
        step.step()
    tensors = [t.detach() for t in leaves]
    return FigureNet(tuple(tensors[:count]), tuple(tensors[count:]), net.acts)
