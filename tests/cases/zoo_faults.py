"""The faults: each takes a healthy training and breaks it in one way that people do."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_nets import ACTS, MLP, Setup, build

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


Entry = tuple[str, Fault, tuple[str, ...], str, tuple[tuple[str, str, str], ...]]
"""Family, fault, right codes, right site, and (architecture, act, optimiser) it is tried on."""

PLACES = (
    ("mlp", "relu", "sgd"),
    ("conv", "relu", "adam"),
    ("residual", "gelu", "adamw"),
    ("transformer", "gelu", "adam"),
    ("lstm", "tanh", "adam"),
    ("language", "gelu", "adamw"),
)
BOUNDED = (
    ("diabetes", "relu", "adam"),
    ("values", "tanh", "momentum"),
    ("autoencoder", "elu", "adam"),
)

ENTRIES: tuple[Entry, ...] = (
    ("double-softmax", double_softmax, ("ACT201",), "head", PLACES),
    ("relu-on-logits", relu_on_logits, ("ACT203",), "head", PLACES),
    ("sigmoid-on-logits", sigmoid_on_logits, ("ACT203",), "head", PLACES[:4]),
    ("raw-into-nll", raw_into_nll, ("ACT203",), "head", PLACES[:4]),
    (
        "probabilities-to-bce",
        probabilities_to_bce,
        ("ACT202",),
        "head",
        (("tumours", "relu", "adam"), ("tumours", "tanh", "sgd"), ("tumours", "gelu", "adamw")),
    ),
    ("target-range", tanh_on_wide_targets, ("ACT204",), "head", BOUNDED),
    ("negative-targets", relu_on_negative_targets, ("ACT203",), "head", BOUNDED),
    ("softmax-over-batch", softmax_over_batch, ("ACT205",), "", PLACES[:5]),
    (
        "columns-against-rows",
        columns_against_rows,
        ("ACT206",),
        "head",
        (("diabetes", "relu", "adam"), ("values", "gelu", "adam"), ("values", "tanh", "sgd")),
    ),
    (
        "one-unit",
        one_unit_cross_entropy,
        ("ACT206", "ACT203"),
        "head",
        (("tumours", "relu", "adam"), ("tumours", "tanh", "sgd")),
    ),
    (
        "no-act",
        no_act,
        ("ACT101",),
        "",
        (
            ("mlp", "relu", "sgd"),
            ("deep", "tanh", "adam"),
            ("transformer", "gelu", "adam"),
            ("residual", "silu", "adam"),
            ("values", "relu", "adam"),
            ("tumours", "relu", "sgd"),
        ),
    ),
    (
        "sigmoid-after",
        sigmoid_after,
        ("ACT103",),
        "",
        (("mlp", "relu", "sgd"), ("deep", "sigmoid", "sgd"), ("conv", "relu", "sgd")),
    ),
    (
        "constant-weights",
        constant_weights,
        ("ACT302",),
        "weight",
        (
            ("mlp", "tanh", "sgd"),
            ("deep", "relu", "adam"),
            ("conv", "relu", "sgd"),
            ("values", "tanh", "adam"),
            ("tumours", "relu", "sgd"),
        ),
    ),
    (
        "zero-weights",
        zero_weights,
        ("ACT302",),
        "weight",
        (("mlp", "relu", "sgd"), ("conv", "tanh", "adam"), ("deep", "gelu", "adam")),
    ),
    (
        "unit-normal",
        unit_normal,
        ("ACT301", "ACT501"),
        "",
        (
            ("deep", "relu", "sgd"),
            ("deep", "tanh", "sgd"),
            ("deep", "gelu", "momentum"),
            ("deep", "leaky_relu", "sgd"),
        ),
    ),
    (
        "tiny-weights",
        tiny_weights,
        ("ACT301",),
        "",
        (
            ("deep", "relu", "sgd"),
            ("deep", "tanh", "momentum"),
            ("mlp", "relu", "sgd"),
            ("deep", "gelu", "sgd"),
            ("autoencoder", "relu", "sgd"),
        ),
    ),
    (
        "drowned",
        drowned,
        ("ACT303",),
        "1",
        (
            ("mlp", "relu", "sgd"),
            ("deep", "relu", "adam"),
            ("conv", "relu", "momentum"),
            ("values", "relu", "sgd"),
        ),
    ),
    (
        "drowned-smooth",
        drowned,
        ("ACT402",),
        "1",
        (("mlp", "gelu", "sgd"), ("deep", "silu", "sgd")),
    ),
    (
        "shut-gates",
        shut_gates,
        ("ACT502",),
        "shut|gate",
        (("mlp", "tanh", "sgd"), ("mlp", "tanh", "momentum")),
    ),
    (
        "deep-sigmoid",
        lambda s: s,
        ("ACT601",),
        "",
        (("deep", "sigmoid", "sgd"), ("deep", "sigmoid", "momentum")),
    ),
    (
        "rate-high",
        rate_high,
        ("ACT605",),
        "",
        (
            ("mlp", "relu", "adam"),
            ("deep", "relu", "adam"),
            ("conv", "relu", "adam"),
            ("mlp", "relu", "sgd"),
            ("residual", "gelu", "adam"),
            ("transformer", "relu", "adamw"),
            ("lstm", "tanh", "adam"),
            ("values", "relu", "adam"),
            ("language", "gelu", "adam"),
        ),
    ),
    (
        "rate-low",
        rate_low,
        ("ACT606",),
        "",
        (*PLACES, ("values", "tanh", "adam"), ("deep", "relu", "adam")),
    ),
    (
        "rate-spike",
        rate_spike,
        ("ACT605", "ACT403"),
        "",
        (("mlp", "relu", "sgd"), ("deep", "relu", "adam"), ("conv", "relu", "adam")),
    ),
    (
        "decay-wins",
        decay_wins,
        ("ACT608",),
        "",
        (
            ("mlp", "relu", "sgd"),
            ("deep", "tanh", "momentum"),
            ("conv", "relu", "sgd"),
            ("deep", "relu", "sgd"),
        ),
    ),
    (
        "wrong-parameters",
        wrong_parameters,
        ("ACT603",),
        "",
        (("mlp", "relu", "sgd"), ("conv", "relu", "adam"), ("values", "tanh", "adam")),
    ),
    (
        "shifted-inputs",
        shifted,
        ("ACT701",),
        "",
        (("deep", "tanh", "sgd"), ("mlp", "sigmoid", "sgd"), ("deep", "sigmoid", "adam")),
    ),
    (
        "huge-inputs",
        huge,
        ("ACT702",),
        "",
        (
            ("deep", "tanh", "sgd"),
            ("mlp", "sigmoid", "sgd"),
            ("mlp", "relu", "sgd"),
            ("conv", "tanh", "momentum"),
        ),
    ),
    (
        "log-of-zero",
        log_of_zero,
        ("ACT604",),
        "",
        (("mlp", "relu", "sgd"), ("conv", "gelu", "adam"), ("transformer", "gelu", "adam")),
    ),
    (
        "root-of-zero",
        root_of_zero,
        ("ACT604",),
        "",
        (("mlp", "tanh", "adam"), ("residual", "relu", "adam"), ("lstm", "tanh", "adam")),
    ),
)


def broken(entry: Entry, arch: str, act: str) -> Setup:
    return entry[1](build(arch, act))


__all__ = ["ACTS", "ENTRIES", "MLP", "Entry", "broken"]
