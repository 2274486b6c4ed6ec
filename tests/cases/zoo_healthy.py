"""Healthy trainings: the twins of the broken ones, and the controls that look ill and are not."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_nets import ACTS, MLP, Recurrent, Residual, Setup, build, cross_entropy, digits

Make = Callable[[], Setup]


def long(setup: Setup, steps: int) -> Setup:
    setup.steps = steps
    return setup


def converged() -> Setup:
    """Trained until nothing is left to learn, then watched."""
    return trained(build("mlp", "relu"), 400)


def trained(setup: Setup, steps: int) -> Setup:
    optimizer = torch.optim.Adam(setup.model.parameters(), 2e-3)
    for step in range(steps):
        pick = torch.arange(64).add(64 * step).remainder(len(setup.x))
        optimizer.zero_grad()
        setup.loss(setup.model(setup.x[pick]), setup.y[pick]).backward()
        optimizer.step()
    return setup


def fine_tuned() -> Setup:
    """A pretrained body, frozen, under a new head."""
    setup = trained(build("mlp", "gelu"), 150)
    for p in setup.model.fcs.parameters():
        p.requires_grad = False
    setup.model.head = nn.Linear(48, 10)
    return setup


def slow_body() -> Setup:
    """A pretrained network that goes on at a small rate."""
    setup = trained(build("residual", "gelu"), 150)
    setup.rates = {name: 0.1 * rate for name, rate in setup.rates.items()}
    return setup


class LowRank(nn.Module):
    """A frozen map with a trained pair of thin ones beside it; the second begins at zero."""

    def __init__(self, base: nn.Linear, rank: int = 4) -> None:
        super().__init__()
        self.base = base
        for p in base.parameters():
            p.requires_grad = False
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


def adapted() -> Setup:
    setup = trained(build("mlp", "relu"), 60)
    for at, fc in enumerate(setup.model.fcs):
        setup.model.fcs[at] = LowRank(fc)
    return setup


class Experts(nn.Module):
    """Four experts, of which a softmax picks the best two for each row."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(64, 4)
        self.ups = nn.ModuleList(nn.Linear(64, 32) for _ in range(4))
        self.downs = nn.ModuleList(nn.Linear(32, 32) for _ in range(4))
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        share = self.router(x).softmax(-1)
        top = share.topk(2, -1)
        mask = torch.zeros_like(share).scatter(-1, top.indices, 1.0)
        outs = [d(F.relu(u(x))) for u, d in zip(self.ups, self.downs, strict=True)]
        mixed = (torch.stack(outs, -1) * (share * mask)[:, None]).sum(-1)
        return self.head(mixed)


def experts() -> Setup:
    return Setup(Experts(), *digits(), cross_entropy)


class Sparse(nn.Module):
    """A sparse autoencoder: a ReLU code under an L1 penalty."""

    def __init__(self) -> None:
        super().__init__()
        self.enc, self.head = nn.Linear(64, 256), nn.Linear(256, 64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = F.relu(self.enc(x))
        return self.head(code), code


def sparse() -> Setup:
    x, _ = digits()
    return Setup(Sparse(), x, x, lambda out, y: F.mse_loss(out[0], y) + 3e-3 * out[1].mean())


class Dropped(MLP):
    def forward(self, x: Tensor) -> Tensor:
        for fc, act in zip(self.fcs, self.acts, strict=True):
            x = F.dropout(act(fc(x)), 0.3, self.training)
        return self.head(x)


def dropped() -> Setup:
    return Setup(Dropped(ACTS["relu"], (64, 64, 64), 10), *digits(), cross_entropy)


class Normed(MLP):
    def __init__(self) -> None:
        super().__init__(ACTS["relu"], (64, 48, 48, 48), 10)
        self.norms = nn.ModuleList(nn.BatchNorm1d(48) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for fc, norm, act in zip(self.fcs, self.norms, self.acts, strict=True):
            x = act(norm(fc(x)))
        return self.head(x)


def normed() -> Setup:
    return Setup(Normed(), *digits(), cross_entropy)


def zero_branches() -> Setup:
    """Residual branches that begin as nothing, as is the custom."""
    setup = build("residual", "relu")
    for back in setup.model.outs:
        nn.init.zeros_(back.weight)
        nn.init.zeros_(back.bias)
    return setup


def zero_head() -> Setup:
    setup = build("mlp", "relu")
    nn.init.zeros_(setup.model.head.weight)
    return setup


def partly_dead() -> Setup:
    """A fifth of the units of a layer begins dead, and the rest learns well."""
    setup = build("wide", "relu")
    with torch.no_grad():
        setup.model.fcs[0].bias[:26] = -50.0
    return setup


class Pair(nn.Module):
    """A GAN on digits, with its own loop: two optimisers take turns."""

    def __init__(self) -> None:
        super().__init__()
        self.maker = MLP(ACTS["relu"], (16, 64, 64), 64)
        self.critic = MLP(ACTS["leaky_relu"], (64, 64, 64), 1)
        self.head = nn.Identity()
        self.other: torch.optim.Optimizer | None = None

    def train_loop(self, x: Tensor, y: Tensor, optimizer: torch.optim.Optimizer) -> None:
        if self.other is None:
            self.other = torch.optim.Adam(self.maker.parameters(), 2e-3)
        noise = torch.randn(len(x), 16)
        true, false = torch.ones(len(x), 1), torch.zeros(len(x), 1)
        bce = F.binary_cross_entropy_with_logits
        optimizer.zero_grad()
        fake = self.maker(noise)
        (bce(self.critic(x), true) + bce(self.critic(fake.detach()), false)).backward()
        optimizer.step()
        self.other.zero_grad()
        bce(self.critic(fake), true).backward()
        self.other.step()


def adversaries() -> Setup:
    setup = Setup(Pair(), *digits(), cross_entropy)
    setup.parameters = list(setup.model.critic.parameters())
    return setup


def tiny_data() -> Setup:
    setup = build("mlp", "tanh")
    setup.x, setup.y, setup.batch = setup.x[:16], setup.y[:16], 16
    return setup


def one_hot() -> Setup:
    setup = build("mlp", "relu")
    setup.x = F.one_hot((setup.x > 0).long(), 2).float().flatten(1)
    setup.model = MLP(ACTS["relu"], (128, 48, 48), 10)
    return setup


def warm_up() -> Setup:
    setup = build("transformer", "gelu")
    full = setup.rates["adam"]

    def before(step: int, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] = full * min(1.0, (step + 1) / 60)

    setup.before = before
    return setup


def half_precision() -> Setup:
    setup = build("mlp", "gelu")

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out.float(), y)

    forward = setup.model.forward

    def cast(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return forward(x)

    setup.model.forward = cast  # type: ignore[method-assign]
    setup.loss = loss
    return setup


def smoothed() -> Setup:
    setup = build("conv", "relu")
    setup.loss = lambda out, y: F.cross_entropy(out, y, label_smoothing=0.1)
    return setup


def contrastive() -> Setup:
    """Two views of a row must find each other among the rows of the batch."""
    x, y = digits()
    model = MLP(ACTS["relu"], (64, 64), 32)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        one, two = F.normalize(out, dim=1), F.normalize(model(setup.x[: len(out)]), dim=1)
        return F.cross_entropy(10 * (one @ one.T + 0 * one @ two.T), torch.arange(len(out)))

    setup = Setup(model, x, y, loss, classes=64)
    return setup


HARD: dict[str, tuple[Make, str]] = {
    "converged": (converged, "sgd"),
    "saturated-at-the-end": (lambda: long(build("mlp", "tanh"), 500), "adam"),
    "fine-tuned-head": (fine_tuned, "adam"),
    "small-rate-on-pretrained": (slow_body, "adam"),
    "low-rank-pairs": (adapted, "adam"),
    "mixture-of-experts": (experts, "adam"),
    "sparse-autoencoder": (sparse, "adam"),
    "dropout": (dropped, "adam"),
    "batch-norm": (normed, "momentum"),
    "zero-branches": (zero_branches, "adam"),
    "zero-head": (zero_head, "sgd"),
    "partly-dead": (partly_dead, "adam"),
    "adversaries": (adversaries, "adam"),
    "tiny-data": (tiny_data, "adam"),
    "one-hot": (one_hot, "adam"),
    "warm-up": (warm_up, "adam"),
    "bfloat16": (half_precision, "adam"),
    "label-smoothing": (smoothed, "adam"),
    "contrastive": (contrastive, "adam"),
    "deep-default": (lambda: long(build("deep", "relu"), 400), "adam"),
    "gates": (lambda: Setup(Recurrent(nn.GRUCell, ACTS["relu"]), *digits(), cross_entropy), "adam"),
    "wide-blocks": (
        lambda: Setup(Residual(ACTS["relu"], width=32, blocks=6), *digits(), cross_entropy),
        "adamw",
    ),
}

PLAIN: tuple[tuple[str, str, str], ...] = tuple(
    (arch, act, optimizer)
    for arch, optimizer in (
        *(("mlp", "sgd"), ("wide", "momentum"), ("conv", "adam"), ("residual", "adamw")),
        *(("transformer", "adam"), ("lstm", "adam"), ("gru", "adamw"), ("language", "adam")),
        *(("autoencoder", "adam"), ("tumours", "sgd"), ("diabetes", "adam"), ("values", "adam")),
    )
    for act in ("relu", "gelu", "tanh", "elu", "leaky_relu")
)
