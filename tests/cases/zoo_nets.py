"""The networks and the data of the case zoo: real data where it comes with a library."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F

Act = Callable[[], nn.Module]
Loss = Callable[[Any, Tensor], Tensor]

ACTS: dict[str, Act] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "none": nn.Identity,
}


def nothing(step: int, optimizer: torch.optim.Optimizer) -> None:
    """A step like any other."""


@dataclass
class Setup:
    """A training that can be run, and be broken before.

    Attributes:
        model, x, y, loss: what is trained on what, and `loss(model(rows), targets)`.
        classes: of the targets; 0 for a regression, 1 for yes or no.
        head: name of the last affine layer.
        rates: learning rates that train it well, by optimiser.
        before: called before each step; changes what it likes.
    """

    model: nn.Module
    x: Tensor
    y: Tensor
    loss: Loss
    classes: int = 10
    head: str = "head"
    rates: dict[str, float] = field(
        default_factory=lambda: {"sgd": 0.1, "momentum": 0.05, "adam": 2e-3, "adamw": 2e-3}
    )
    decay: float = 0.0
    steps: int = 240
    batch: int = 64
    before: Callable[[int, torch.optim.Optimizer], None] = nothing
    parameters: list[nn.Parameter] | None = None  # given to the optimiser, all if None


# --- data ---------------------------------------------------------------------------------------


@cache
def digits() -> tuple[Tensor, Tensor]:
    found = datasets.load_digits()
    x = torch.tensor(found.data, dtype=torch.float32) / 16
    return (x - x.mean(0)) / x.std(), torch.tensor(found.target)


@cache
def tumours() -> tuple[Tensor, Tensor]:
    found = datasets.load_breast_cancer()
    x = torch.tensor(found.data, dtype=torch.float32)
    return (x - x.mean(0)) / x.std(0), torch.tensor(found.target, dtype=torch.float32)[:, None]


@cache
def diabetes() -> tuple[Tensor, Tensor]:
    found = datasets.load_diabetes()
    x = torch.tensor(found.data, dtype=torch.float32)
    y = torch.tensor(found.target, dtype=torch.float32)[:, None]
    return (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()


@cache
def text() -> tuple[Tensor, Tensor]:
    """Pieces of 16 characters of real prose and code, each with the character that follows."""
    letters = [min(ord(c), 127) for c in inspect.getsource(difflib)[:20_000]]
    rows = torch.tensor(letters).unfold(0, 17, 7)
    return rows[:, :-1], rows[:, 1:]


@cache
def values() -> tuple[Tensor, Tensor]:
    """States of a random walk and their noisy bootstrapped returns, as in value learning."""
    draw = torch.Generator().manual_seed(5)
    x = torch.randn(2000, 8, generator=draw)
    mixer = torch.randn(8, 6, generator=draw) / 8**0.5
    truth = torch.tanh(x @ mixer).sum(1, keepdim=True)
    return x, truth + 0.3 * torch.randn(2000, 1, generator=draw)


@cache
def rings() -> tuple[Tensor, Tensor]:
    """Points on two rings, one in the other: no straight line tells them apart."""
    x, y = datasets.make_circles(1200, noise=0.08, factor=0.4, random_state=3)
    x = torch.tensor(x, dtype=torch.float32)
    return (x - x.mean(0)) / x.std(0), torch.tensor(y)


# --- networks -----------------------------------------------------------------------------------


class MLP(nn.Module):
    def __init__(self, act: Act, sizes: tuple[int, ...], out: int) -> None:
        super().__init__()
        self.fcs = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.acts = nn.ModuleList(act() for _ in sizes[1:])
        self.head = nn.Linear(sizes[-1], out)

    def forward(self, x: Tensor) -> Tensor:
        for fc, act in zip(self.fcs, self.acts, strict=True):
            x = act(fc(x))
        return self.head(x)


class Conv(nn.Module):
    def __init__(self, act: Act, out: int = 10) -> None:
        super().__init__()
        self.fcs = nn.ModuleList((nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(12, 24, 3, padding=1)))
        self.acts = nn.ModuleList((act(), act()))
        self.head = nn.Linear(24 * 4, out)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, 1, 8, 8)
        for fc, act in zip(self.fcs, self.acts, strict=True):
            x = F.max_pool2d(act(fc(x)), 2)
        return self.head(x.flatten(1))


class Residual(nn.Module):
    def __init__(self, act: Act, out: int = 10, width: int = 48, blocks: int = 3) -> None:
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(blocks))
        self.fcs = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(blocks))
        self.acts = nn.ModuleList(act() for _ in range(blocks))
        self.outs = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(blocks))
        self.head = nn.Linear(width, out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for norm, fc, act, back in zip(self.norms, self.fcs, self.acts, self.outs, strict=True):
            x = x + back(act(fc(norm(x))))
        return self.head(x)


class Block(nn.Module):
    def __init__(self, act: Act, width: int, causal: bool) -> None:
        super().__init__()
        self.one, self.two = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.act, self.down = nn.Linear(width, 96), act(), nn.Linear(96, width)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.one(x)).chunk(3, -1)
        q, k, v = (p.unflatten(-1, (2, -1)).transpose(1, 2) for p in parts)
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if self.causal:
            ahead = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(ahead, float("-inf"))
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + self.mix(mixed)
        return x + self.down(self.act(self.up(self.two(x))))


class Transformer(nn.Module):
    def __init__(self, act: Act, out: int = 10, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Linear(8, width)
        self.place = nn.Parameter(0.02 * torch.randn(8, width))
        self.blocks = nn.ModuleList(Block(act, width, causal=False) for _ in range(2))
        self.head = nn.Linear(width, out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.reshape(-1, 8, 8)) + self.place
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class Language(nn.Module):
    def __init__(self, act: Act, width: int = 32) -> None:
        super().__init__()
        self.stem, self.place = (
            nn.Embedding(128, width),
            nn.Parameter(0.02 * torch.randn(16, width)),
        )
        self.blocks = nn.ModuleList(Block(act, width, causal=True) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 128)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x) + self.place
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)).transpose(1, 2)  # (batch, classes, tokens)


class Recurrent(nn.Module):
    def __init__(self, cell: type[nn.LSTMCell | nn.GRUCell], act: Act, out: int = 10) -> None:
        super().__init__()
        self.cell, self.fc, self.act = cell(8, 32), nn.Linear(32, 32), act()
        self.head = nn.Linear(32, out)

    def forward(self, x: Tensor) -> Tensor:
        state: Any = None
        for row in x.reshape(-1, 8, 8).unbind(1):
            state = self.cell(row, state)
        hidden = state[0] if isinstance(state, tuple) else state
        return self.head(self.act(self.fc(hidden)))


def cross_entropy(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out, y)


def build(arch: str, act: str) -> Setup:  # noqa: C901 - one line an architecture
    """A healthy training of that architecture with that act, at its usual initialisation."""
    make = ACTS[act]
    x, y = digits()
    if arch == "mlp":
        return Setup(MLP(make, (64, 48, 48, 48), 10), x, y, cross_entropy)
    if arch == "wide":
        return Setup(MLP(make, (64, 128), 10), x, y, cross_entropy)
    if arch == "deep":
        return Setup(MLP(make, (64, *[32] * 8), 10), x, y, cross_entropy)
    if arch == "rings":
        return Setup(MLP(make, (2, 32, 32), 2), *rings(), cross_entropy, classes=2)
    if arch == "conv":
        return Setup(Conv(make), x, y, cross_entropy)
    if arch == "residual":
        return Setup(Residual(make), x, y, cross_entropy)
    if arch == "transformer":
        return Setup(Transformer(make), x, y, cross_entropy)
    if arch in ("lstm", "gru"):
        cell = nn.LSTMCell if arch == "lstm" else nn.GRUCell
        return Setup(Recurrent(cell, make), x, y, cross_entropy)
    if arch == "language":
        x, y = text()
        return Setup(Language(make), x, y, cross_entropy, classes=128)
    if arch == "autoencoder":
        slow = {"sgd": 0.5, "momentum": 0.2, "adam": 3e-3, "adamw": 3e-3}
        model = MLP(make, (64, 32, 12, 32), 64)
        return Setup(model, x, x, F.mse_loss, classes=0, rates=slow)
    if arch == "tumours":
        loss = F.binary_cross_entropy_with_logits
        return Setup(MLP(make, (30, 32, 32), 1), *tumours(), loss, classes=1)
    slow = {"sgd": 0.03, "momentum": 0.005, "adam": 2e-3, "adamw": 2e-3}
    if arch == "diabetes":
        return Setup(MLP(make, (10, 32, 32), 1), *diabetes(), F.mse_loss, classes=0, rates=slow)
    if arch == "values":
        return Setup(MLP(make, (8, 48, 48), 1), *values(), F.mse_loss, classes=0, rates=slow)
    raise KeyError(arch)


CLASSIFIERS = ("mlp", "conv", "residual", "transformer", "lstm", "language")
REGRESSORS = ("diabetes", "values", "autoencoder")
