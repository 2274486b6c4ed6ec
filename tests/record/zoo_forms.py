"""The zoo: forms of a call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_kinds import Entry, Functional, Training, classifying, functional, one, sequential


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.act(self.b(self.act(self.a(x)))))


class Gated(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.inner(x)
        return self.out(z + torch.tanh(z))


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * grads[0]


def relu_of(x: Tensor) -> Tensor:
    return torch.relu(x)


def traced() -> Callable[[Tensor], Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # deprecated, and still in use
        return torch.jit.trace(relu_of, torch.linspace(-1, 1, 6).reshape(2, 3))


def scripted() -> Callable[[Tensor], Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(relu_of)


def own_act() -> Training:
    """An act registered by the user; registering it twice is the same act."""
    from relume.acts import register
    from relume.acts.act import acts

    known = acts().get("zoo_softly")
    if known is None:

        @register(formula="z * sigmoid(1.3 z)")
        def zoo_softly(z: Tensor, beta: float = 1.3) -> Tensor:
            return z * torch.sigmoid(beta * z)

        known = zoo_softly
    return classifying(Functional(known))


FORMS: dict[str, Entry] = {
    "nn.ReLU": Entry(lambda: classifying(sequential(nn.ReLU())), one("1", "relu", "0")),
    "nn.ReLU(inplace=True)": Entry(
        lambda: classifying(sequential(nn.ReLU(inplace=True))), one("1", "relu", "0")
    ),
    "F.relu": Entry(functional(F.relu), one("relu()", "relu")),
    "torch.relu_": Entry(functional(torch.relu_), one("relu()", "relu")),
    "x.tanh()": Entry(functional(lambda x: x.tanh()), one("tanh()", "tanh")),
    "x.sigmoid_()": Entry(functional(lambda x: x.sigmoid_()), one("sigmoid()", "sigmoid")),
    "F.gelu": Entry(functional(F.gelu), one("gelu()", "gelu")),
    "F.silu": Entry(functional(F.silu), one("silu()", "silu")),
    "F.elu_": Entry(functional(F.elu_), one("elu()", "elu")),
    "F.leaky_relu_": Entry(
        functional(lambda x: F.leaky_relu_(x, 0.2)), one("leaky_relu()", "leaky_relu")
    ),
    "nn.PReLU": Entry(lambda: classifying(sequential(nn.PReLU(8))), one("1", "prelu", "0")),
    "x.clamp(min=0)": Entry(functional(lambda x: x.clamp(min=0)), one("clamp()", "clamp")),
    "x.clamp_(0, 1)": Entry(functional(lambda x: x.clamp_(0, 1)), one("clamp()", "clamp")),
    "torch.maximum(x, 0)": Entry(
        functional(lambda x: torch.maximum(x, torch.zeros(()))), one("maximum()", "maximum")
    ),
    "torch.maximum(x, -x)": Entry(functional(lambda x: torch.maximum(x, -x)), []),
    "F.threshold": Entry(
        functional(lambda x: F.threshold(x, 0.1, 0.0)), one("threshold()", "threshold")
    ),
    "torch.where(x > 0, x, 0)": Entry(
        functional(lambda x: torch.where(x > 0, x, 0.0)), one("where()", "relu")
    ),
    "x * (x > 0)": Entry(functional(lambda x: x * (x > 0)), one("mask()", "relu")),
    "(x > 0).float() * x": Entry(functional(lambda x: (x > 0).float() * x), one("mask()", "relu")),
    "x * mask": Entry(  # a mask that does not come from x: no act
        functional(lambda x: x * (torch.arange(8) % 2 == 0)), []
    ),
    "torch.ops.aten.relu": Entry(functional(torch.ops.aten.relu), one("relu()", "relu")),
    "torch.jit.trace": Entry(lambda: classifying(Functional(traced())), one("relu()", "relu")),
    "torch.jit.script": Entry(lambda: classifying(Functional(scripted())), one("relu()", "relu")),
    "relume.acts.register": Entry(own_act, one("zoo_softly()", "zoo_softly")),
    "autograd.Function": Entry(functional(Square.apply), [], [("", "Square")]),
    "x * sigmoid(x)": Entry(lambda: classifying(sequential(Gated())), one("1", "silu", "0")),
    "nn.Softmax at the end": Entry(
        lambda: classifying(
            nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))
        ),
        [("1", "relu", "0", "hidden"), ("3", "softmax", "2", "output")],
    ),
    "reused": Entry(
        lambda: classifying(Reused()),
        [("act", "relu", "a", "hidden"), ("act#2", "relu", "b", "hidden")],
    ),
    "residual": Entry(lambda: classifying(Residual()), one("tanh()", "tanh", "inner")),
}
