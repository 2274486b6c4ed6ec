"""The faults: each takes a healthy training and breaks it in one way that people do."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_nets import Setup

Fault = Callable[[Setup], Setup]


def layers(setup: Setup) -> Iterator[nn.Linear | nn.Conv2d]:
    return (m for m in setup.model.modules() if isinstance(m, nn.Linear | nn.Conv2d))


def weights(setup: Setup, change: Callable[[Tensor], object], *, head: bool = True) -> Setup:
    with torch.no_grad():
        for layer in layers(setup):
            if head or layer is not setup.model.head:
                change(layer.weight)
    return setup


# --- output and loss ----------------------------------------------------------------------------


def double_softmax(setup: Setup) -> Setup:
    setup.loss = lambda out, y: F.cross_entropy(out.softmax(1), y)
    return setup


def probabilities_to_bce(setup: Setup) -> Setup:
    setup.loss = lambda out, y: F.binary_cross_entropy_with_logits(out.sigmoid(), y)
    return setup


def relu_on_logits(setup: Setup) -> Setup:
    setup.loss = lambda out, y: F.cross_entropy(out.relu(), y)
    return setup


def sigmoid_on_logits(setup: Setup) -> Setup:
    setup.loss = lambda out, y: F.cross_entropy(out.sigmoid(), y)
    return setup


def raw_into_nll(setup: Setup) -> Setup:
    setup.loss = F.nll_loss
    return setup


def tanh_on_wide_targets(setup: Setup) -> Setup:
    setup.y = setup.y * 4
    setup.loss = lambda out, y: F.mse_loss(out.tanh(), y)
    return setup


def relu_on_negative_targets(setup: Setup) -> Setup:
    setup.loss = lambda out, y: F.mse_loss(out.relu(), y)
    return setup


def softmax_over_batch(setup: Setup) -> Setup:
    setup.loss = lambda out, y: F.nll_loss((out.softmax(0) + 1e-9).log(), y)
    return setup


def columns_against_rows(setup: Setup) -> Setup:
    setup.y = setup.y[:, 0]
    # what F.mse_loss does with (N, 1) and (N), without its warning
    setup.loss = lambda out, y: F.mse_loss(*torch.broadcast_tensors(out, y))
    return setup


def one_unit_cross_entropy(setup: Setup) -> Setup:
    setup.y = torch.zeros(len(setup.y), dtype=torch.long)
    setup.loss = F.cross_entropy
    return setup


# --- structure and initialisation ---------------------------------------------------------------


def no_act(setup: Setup) -> Setup:
    for name, module in list(setup.model.named_modules()):
        if type(module) in (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU):
            parent, _, leaf = name.rpartition(".")
            setattr(setup.model.get_submodule(parent), leaf, nn.Identity())
    return setup


def sigmoid_after(setup: Setup) -> Setup:
    for name, module in list(setup.model.named_modules()):
        if type(module) in (nn.ReLU, nn.Sigmoid):
            parent, _, leaf = name.rpartition(".")
            two = nn.Sequential(module, nn.Sigmoid())
            setattr(setup.model.get_submodule(parent), leaf, two)
    return setup


def constant_weights(setup: Setup) -> Setup:
    for layer in layers(setup):
        nn.init.constant_(layer.weight, 0.02)
        nn.init.zeros_(layer.bias)  # random biases would tell the units apart
    return setup


def zero_weights(setup: Setup) -> Setup:
    with torch.no_grad():
        for p in setup.model.parameters():
            p.zero_()
    return setup


def unit_normal(setup: Setup) -> Setup:
    return weights(setup, nn.init.normal_)


def tiny_weights(setup: Setup) -> Setup:
    return weights(setup, lambda w: nn.init.normal_(w, std=0.001))


def drowned(setup: Setup) -> Setup:
    """Biases so low that no unit of the second layer ever fires."""
    with torch.no_grad():
        second = list(layers(setup))[1]
        second.bias.fill_(-30.0)
    return setup


def shut_gates(setup: Setup) -> Setup:
    setup.model = Gated(-14.0, 10)
    return setup


class Gated(nn.Module):
    """Signals times gates: everything passes one."""

    def __init__(self, bias: float, out: int) -> None:
        super().__init__()
        self.fc, self.gate = nn.Linear(64, 48), nn.Linear(64, 48)
        self.act, self.shut, self.head = nn.Tanh(), nn.Sigmoid(), nn.Linear(48, out)
        nn.init.constant_(self.gate.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.fc(x)) * self.shut(self.gate(x)))


# --- training -----------------------------------------------------------------------------------


def rates(setup: Setup, factor: float) -> Setup:
    setup.rates = {name: factor * rate for name, rate in setup.rates.items()}
    return setup


def rate_high(setup: Setup) -> Setup:
    setup.rates |= {"sgd": 30.0, "momentum": 10.0, "adam": 1.0, "adamw": 1.0}
    return setup


def rate_low(setup: Setup) -> Setup:
    return rates(setup, 1e-5)


def rate_spike(setup: Setup) -> Setup:
    """One schedule's slip: five steps at a rate a thousand times too high."""

    def before(step: int, optimizer: torch.optim.Optimizer) -> None:
        if step in (100, 105):
            for group in optimizer.param_groups:
                group["lr"] *= 1000 if step == 100 else 0.001

    setup.before = before
    return setup


def decay_wins(setup: Setup) -> Setup:
    setup.decay = 3.0 if setup.classes != 0 else 5.0
    setup.steps = 400
    return setup


def wrong_parameters(setup: Setup) -> Setup:
    """The optimiser was made for a copy that nobody uses."""
    setup.model.old = nn.Linear(4, 4)
    setup.parameters = list(setup.model.old.parameters())
    loss = setup.loss
    setup.loss = lambda out, y: loss(out, y) + 1e-3 * setup.model.old.weight.square().mean()
    return setup


# --- data and numerics --------------------------------------------------------------------------


def shifted(setup: Setup) -> Setup:
    setup.x = setup.x + 20
    return setup


def huge(setup: Setup) -> Setup:
    setup.x = setup.x * 400
    return setup


def log_of_zero(setup: Setup) -> Setup:
    loss = setup.loss

    def broken(out: Tensor, y: Tensor) -> Tensor:
        step = setup.seen = getattr(setup, "seen", 0) + 1
        part = out.float().softmax(1)[:, :1] * (0.0 if step == 60 else 1.0)
        return loss(out, y) - 1e-4 * part.log().mean()

    setup.loss = broken
    return setup


def root_of_zero(setup: Setup) -> Setup:
    loss = setup.loss

    def broken(out: Tensor, y: Tensor) -> Tensor:
        step = setup.seen = getattr(setup, "seen", 0) + 1
        apart = (out - (out if step == 60 else 0.0)).square().sum().sqrt()
        return loss(out, y) + 1e-4 * apart

    setup.loss = broken
    return setup


class Straight(nn.Module):
    """An act on a thousandth of what it gets: a line."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act

    def forward(self, z: Tensor) -> Tensor:
        return self.act(z / 1000) * 1000


class Choosing(nn.Module):
    """A ReLU by comparison, which no NaN passes."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.where(z > 0, z, torch.zeros_like(z))


def straight_acts(setup: Setup) -> Setup:
    setup.model.acts = nn.ModuleList(Straight(act) for act in setup.model.acts)
    return setup


def nan_rows(setup: Setup) -> Setup:
    """A third of a layer's rows were divided by zero, and the act hides it."""
    setup.model.acts = nn.ModuleList(Choosing() for _ in setup.model.acts)
    with torch.no_grad():
        weight = next(layers(setup)).weight
        weight[: len(weight) // 3] = float("nan")
    return setup


class Rounded(nn.Module):
    """Everything in bfloat16, and twice as wide as its acts like it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.fcs, self.acts, self.head = model.fcs, model.acts, model.head
        self.bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        x = x.bfloat16()
        for fc, act in zip(self.fcs, self.acts, strict=True):
            x = act(fc(x))
        return self.head(x).float()


def rounded_slopes(setup: Setup) -> Setup:
    weights(setup, lambda w: w.mul_(5.0), head=False)
    setup.model = Rounded(setup.model)
    return setup


def bouncing(setup: Setup) -> Setup:
    """All rows in each step, a distance whose slope never gets less, and a step across the way."""
    x, y = setup.x[:64], setup.y[:64]
    setup.model = nn.Sequential()
    setup.model.head = nn.Linear(x.shape[1], 1)
    nn.init.normal_(setup.model.head.weight, std=3.0)

    def loop(_: Tensor, __: Tensor, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        (setup.model(x) - y).abs().mean().backward()
        optimizer.step()

    setup.model.train_loop = loop
    setup.rates = {"sgd": 2.0}
    return setup
