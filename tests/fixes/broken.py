"""Small trainings, each broken in one way, and what is recorded of them.

The models call their acts as modules and as functions; nothing here knows of fixes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Diagnosis, Trace

STEPS, ROWS, SIZE, CLASSES = 120, 64, 12, 4


class Net(nn.Module):
    """Two hidden layers, one act as a module, one as a function in place."""

    def __init__(self, act: str = "relu", out: int = CLASSES) -> None:
        super().__init__()
        kinds = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
        self.fc1 = nn.Linear(SIZE, 32)
        self.act1 = kinds[act]()
        self.fc2 = nn.Linear(32, 32)
        self.second: Callable[[Tensor], Tensor] = getattr(torch, f"{act}_")
        self.head = nn.Linear(32, out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.fc1(x))
        return self.head(self.second(self.fc2(x)))


def stack(act: Callable[[], nn.Module] | None, depth: int, out: int = CLASSES) -> nn.Sequential:
    """A stack of hidden layers and a head."""
    layers: list[nn.Module] = []
    size = SIZE
    for _ in range(depth):
        layers += [nn.Linear(size, 32)] + ([] if act is None else [act()])
        size = 32
    return nn.Sequential(*layers, nn.Linear(size, out))


def classes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noisy points around four centres."""
    centres = torch.randn(CLASSES, SIZE, generator=torch.Generator().manual_seed(7))
    y = torch.randint(CLASSES, (ROWS,), generator=generator)
    return centres[y] + 0.7 * torch.randn(ROWS, SIZE, generator=generator), y


@dataclass
class Broken:
    """A broken training.

    Attributes:
        model: makes it.
        judge: the loss of an output and a target.
        shift: added to the inputs.
        target: made of the inputs and the class.
        optimiser: makes it of the model.
    """

    model: Callable[[], nn.Module] = Net
    judge: Callable[[Any, Any], Tensor] = F.cross_entropy
    shift: float = 0.0
    target: Callable[[Tensor, Tensor], Tensor] = field(default=lambda x, y: y)
    optimiser: Callable[[nn.Module], torch.optim.Optimizer] = field(
        default=lambda model: torch.optim.Adam(model.parameters(), lr=1e-3)
    )
    steps: int = STEPS

    def train(
        self,
        steps: int | None = None,
        seed: int = 0,
        each: Callable[[nn.Module, torch.optim.Optimizer], None] | None = None,
        begun: Callable[[nn.Module], None] | None = None,
    ) -> nn.Module:
        """Train it as a script would; `each` sees model and optimiser after every backward."""
        torch.manual_seed(seed)
        data = torch.Generator().manual_seed(seed)
        model = self.model()
        if begun is not None:
            begun(model)
        optimiser = self.optimiser(model)
        for _ in range(self.steps if steps is None else steps):
            x, y = classes(data)
            x = x + self.shift
            optimiser.zero_grad()
            self.judge(model(x), self.target(x, y)).backward()
            if each is not None:
                each(model, optimiser)
            optimiser.step()
        return model

    def recorded(self, path: Path) -> tuple[Diagnosis, Trace]:
        """Train it recorded."""
        held: list[Any] = []

        def begun(model: nn.Module) -> None:
            held.append(relume.watch(model, every=2, path=path))
            held[0].__enter__()

        try:
            self.train(begun=begun)
        finally:
            held[0].__exit__(None, None, None)
        return held[0].diagnose(), held[0].trace()


def weights(make: Callable[[], nn.Module], std: float) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        model = make()
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=std)
        return model

    return made


def biased(make: Callable[[], nn.Module], value: float, share: float = 0.7) -> Any:
    def made() -> nn.Module:
        model = make()
        hidden = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][:-1]
        for layer in hidden:
            with torch.no_grad():
                layer.bias[: round(share * len(layer.bias))] = value
        return model

    return made


class Gated(nn.Module):
    """A layer whose outputs all pass a gate that begins shut."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.gate = nn.Linear(SIZE, 32), nn.Linear(SIZE, 32)
        self.head = nn.Linear(32, CLASSES)
        nn.init.constant_(self.gate.bias, -14.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.fc(x)) * torch.sigmoid(self.gate(x)))


def alike(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        model = make()
        first = next(layer for layer in model.modules() if isinstance(layer, nn.Linear))
        nn.init.constant_(first.weight, 0.1)
        return model

    return made


def sgd(rate: float, **more: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate, **more)


def adam(rate: float, **more: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.Adam(model.parameters(), lr=rate, **more)


def forgotten(model: nn.Module) -> torch.optim.Optimizer:
    """An optimiser that was not given the first layer."""
    return torch.optim.SGD([p for n, p in model.named_parameters() if "fc1" not in n], lr=1e-5)


class NeverCleared(torch.optim.SGD):
    """The line that clears is there, and does nothing: `optimizer.zero_grad`, not called."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear nothing."""


class Signed(Net):
    """A sign between two layers, by hand."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act1(self.fc2(torch.sign(self.fc1(x)))))


class Waves(nn.Module):
    """A sine of a high frequency."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * x)


class Cosines(nn.Module):
    """Normalised features against normalised prototypes, without a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.prototypes = stack(nn.Tanh, 1, 16), nn.Parameter(torch.randn(CLASSES, 16))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.body(x)) @ F.normalize(self.prototypes).T


class Inverted(nn.Module):
    """Attention over the features, whose scores are multiplied by the root of its size."""

    scale = 8.0 * 16**0.5

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.places = nn.Linear(1, 16), nn.Parameter(torch.randn(SIZE, 16))
        self.q, self.k, self.v = (nn.Linear(16, 32) for _ in range(3))
        self.head = nn.Linear(32, CLASSES)

    def parts(self, x: Tensor) -> list[Tensor]:
        h = self.lift(x[:, :, None]) + self.places
        return [f(h).unflatten(-1, (2, 16)).transpose(1, 2) for f in (self.q, self.k, self.v)]

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, scale=self.scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.attend(*self.parts(x)).mean(2).flatten(1))


class InvertedByHand(Inverted):
    """The same, written out, with a mask."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = self.scale * (q @ k.transpose(-1, -2))
        hidden = torch.ones(SIZE, SIZE).triu(1).bool()
        return scores.masked_fill(hidden, -torch.inf).softmax(-1) @ v


class Starved(nn.Module):
    """Six experts, one for each row, and a router whose bias keeps five of them out."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.head = nn.Linear(SIZE, 6), nn.Linear(16, CLASSES)
        self.up = nn.Parameter(torch.randn(6, SIZE, 16) * SIZE**-0.5)
        with torch.no_grad():
            self.router.bias[0] = 8.0

    def choose(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weight, pick = self.router(x).softmax(-1).topk(1, dim=-1)
        return weight, pick

    def forward(self, x: Tensor) -> Tensor:
        weight, pick = self.choose(x)
        return self.head(weight * torch.einsum("nd,ndh->nh", x, self.up[pick[:, 0]]).relu())


class Forgetful(nn.Module):
    """A plain cell with small recurrent weights that reads its features one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.RNN(1, 16, batch_first=True), nn.Linear(16, CLASSES)
        nn.init.normal_(self.rnn.weight_hh_l0, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x[:, :, None])[0][:, -1])


class Softened(nn.Module):
    """A softmax over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = stack(nn.ReLU, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.inner(x), dim=0)


def quantity(x: Tensor, _y: Tensor) -> Tensor:
    return 3 * x[:, :1] + 1


def column(x: Tensor, _y: Tensor) -> Tensor:
    return x[:, 0]


def spiking(rate: float, at: int, times: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Three steps of one rate among many of another, as a schedule's slip gives them."""

    def made(model: nn.Module) -> torch.optim.Optimizer:
        optimiser, taken = torch.optim.SGD(model.parameters(), lr=rate), [0]

        def after(*_: Any) -> None:
            taken[0] += 1
            optimiser.param_groups[0]["lr"] = rate * (times if at <= taken[0] < at + 3 else 1.0)

        optimiser.register_step_post_hook(after)
        return optimiser

    return made


class Bare(nn.Module):
    """Weights without layers, and a bias that keeps every hidden unit silent."""

    def __init__(self) -> None:
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.randn(32, SIZE) * 0.3), nn.Parameter(torch.zeros(32))
        self.w2 = nn.Parameter(torch.randn(CLASSES, 32) * 0.2)
        self.b2 = nn.Parameter(torch.zeros(CLASSES))
        nn.init.constant_(self.b1, -9.0)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.w1, self.b1)), self.w2, self.b2)


BROKEN = {
    "rate": Broken(optimiser=adam(0.5)),
    "spike": Broken(optimiser=spiking(0.01, 60, 500.0)),
    "slow": Broken(optimiser=sgd(1e-7)),
    "swinging": Broken(optimiser=sgd(3.0)),
    "deep": Broken(model=lambda: stack(nn.Sigmoid, 8), optimiser=sgd(0.1)),
    "wide": Broken(model=weights(lambda: stack(nn.Tanh, 4), 2.0), optimiser=sgd(0.02)),
    "narrow": Broken(model=weights(lambda: stack(nn.ReLU, 4), 1e-3), optimiser=sgd(0.1)),
    "blown": Broken(model=weights(lambda: stack(nn.ReLU, 5), 2.0), optimiser=sgd(0.1)),
    "underflow": Broken(
        model=weights(Net, 5.0),
        judge=lambda out, y: -(F.one_hot(y, CLASSES) * out.softmax(1).log()).sum(1).mean(),
        optimiser=sgd(0.01),
    ),
    "alike": Broken(model=alike(Net), optimiser=sgd(0.01)),
    "born-dead": Broken(model=biased(Net, -9.0)),
    "bare": Broken(model=Bare),
    "shut": Broken(model=Gated),
    "died": Broken(model=biased(Net, 0.0), optimiser=adam(0.3)),
    "shifted": Broken(shift=20.0, optimiser=sgd(1e-3)),
    "straight": Broken(model=lambda: stack(None, 2)),
    "softmax": Broken(judge=lambda out, y: F.cross_entropy(out.softmax(1), y)),
    "sigmoid": Broken(
        model=lambda: nn.Sequential(stack(nn.ReLU, 1, 1), nn.Sigmoid()),
        judge=F.binary_cross_entropy_with_logits,
        target=lambda x, y: (y > 1).float()[:, None],
    ),
    "rectified": Broken(model=lambda: nn.Sequential(stack(nn.ReLU, 1), nn.ReLU())),
    "raw": Broken(judge=F.nll_loss),
    "bounded": Broken(
        model=lambda: nn.Sequential(stack(nn.ReLU, 1, 1), nn.Tanh()),
        judge=F.mse_loss,
        target=quantity,
    ),
    "axis": Broken(model=Softened, judge=F.nll_loss),
    "spread": Broken(model=lambda: Net(out=1), judge=F.mse_loss, target=column),
    "twice": Broken(
        model=lambda: nn.Sequential(nn.Linear(SIZE, 8), nn.ReLU(), nn.Sigmoid(), nn.Linear(8, 4))
    ),
    "idle": Broken(
        model=lambda: nn.Sequential(nn.Linear(SIZE, 8), nn.ReLU(), nn.ReLU(), nn.Linear(8, 4))
    ),
    "decayed": Broken(optimiser=sgd(0.05, weight_decay=2.0), steps=200),
    "uncleared": Broken(optimiser=lambda model: NeverCleared(model.parameters(), lr=0.05)),
    "large-eps": Broken(optimiser=adam(1e-3, eps=10.0)),
    "signed": Broken(model=Signed),
    "cosines": Broken(model=Cosines),
    "wrapped": Broken(model=lambda: stack(Waves, 3)),
    "inverted": Broken(model=Inverted, optimiser=sgd(1e-3)),
    "starved": Broken(model=Starved, optimiser=sgd(1e-2)),
    "forgetful": Broken(model=Forgetful, optimiser=sgd(1e-3)),
    "forgotten": Broken(optimiser=forgotten),
    "one-unit": Broken(
        model=lambda: nn.Sequential(stack(nn.ReLU, 1, 1), nn.Softmax(dim=1)),
        judge=F.binary_cross_entropy,
        target=lambda x, y: (y > 1).float()[:, None],
    ),
}
