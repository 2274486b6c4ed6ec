"""The zoo: small trainings in the forms in which people write acts, and the sites of each.

Each entry is built under a fixed seed; `Training.step` is one iteration of the user's loop and
returns its loss. Used by the zoo tests, the no-trace tests and `benchmarks/zoo.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

Step = Callable[[], float]
Place = tuple[str, str, str, str]  # name, act, layer, role


@dataclass
class Training:
    """What a user's script holds: models, and one iteration."""

    models: tuple[nn.Module, ...]
    step: Step


@dataclass
class Entry:
    """One row of the zoo.

    Attributes:
        build: makes a training, under the seed that is set.
        sites: the act sites expected, in forward order.
        opaque: (site, operation) that must be said to be hidden.
        blind: stats that these sites cannot have, with the reason: ``{"grad_pre_rms": "..."}``.
        group: heading in the table.
        lines: whether each site's source line is expected.
    """

    build: Callable[[], Training]
    sites: list[Place]
    opaque: list[tuple[str, str]] = field(default_factory=list)
    blind: dict[str, str] = field(default_factory=dict)
    group: str = "forms of a call"
    lines: bool = True


def classifying(
    model: nn.Module, *, batch: int = 16, inputs: int = 6, optimizer: str = "sgd"
) -> Training:
    """Cross entropy on made data: the loop that most entries share."""
    made = {
        "sgd": lambda p: torch.optim.SGD(p, 0.1),
        "adamw": lambda p: torch.optim.AdamW(p, 1e-2),
    }[optimizer]([p for p in model.parameters() if p.requires_grad])

    def step() -> float:
        loss = F.cross_entropy(model(torch.randn(batch, inputs)), torch.randint(0, 3, (batch,)))
        made.zero_grad()
        loss.backward()
        made.step()
        return loss.item()

    return Training((model,), step)


class Functional(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(6, 8), nn.Linear(8, 3), act

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


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


class Recurrent(nn.Module):
    def __init__(self, cell: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.cell, self.out = cell(2, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.cell(x.reshape(-1, 3, 2))[0][:, -1])


class CellLoop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.LSTMCell(2, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for part in x.reshape(-1, 2, 3)[..., :2].unbind(1):
            state = self.cell(part, state)
        assert state is not None
        return self.out(state[0])


class Tokens(nn.Module):
    def __init__(self, act: str = "gelu") -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(
            6, 2, 12, batch_first=True, activation=act, dropout=0.1
        )
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.layer(x[:, None].expand(-1, 4, -1)).mean(1))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend, self.out = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, None].expand(-1, 4, -1)
        return self.out(self.attend(x, x, x)[0].mean(1))


class Image(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 2), nn.BatchNorm2d(4)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu_(self.norm(self.conv(x.reshape(-1, 1, 2, 3)))).flatten(1))


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


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act = nn.Linear(6, 6), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.act(self.fc(x)))


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.first, self.block, self.out = nn.Linear(6, 6), Block(), nn.Linear(6, 3)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sigmoid(self.first(x))
        return self.out(checkpoint(self.block, x, use_reentrant=self.reentrant))


class Frozen(nn.Module):
    """A backbone that is not trained, and a head that is."""

    def __init__(self, *, without_grad: bool = False) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.LeakyReLU(0.2)
        )
        self.backbone.requires_grad_(False)
        self.head = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
        self.without_grad = without_grad

    def forward(self, x: Tensor) -> Tensor:
        if self.without_grad:
            with torch.no_grad():
                x = self.backbone(x)
        else:
            x = self.backbone(x)
        return self.head(x)


def scripted() -> Callable[[Tensor], Tensor]:
    def relu(x: Tensor) -> Tensor:
        return torch.relu(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # deprecated, and still in use
        return torch.jit.trace(relu, torch.linspace(-1, 1, 6).reshape(2, 3))


def sequential(*acts: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), *acts, nn.Linear(8, 3))


def functional(act: Callable[[Tensor], Tensor]) -> Callable[[], Training]:
    return lambda: classifying(Functional(act))


def one(name: str, act: str, layer: str = "fc1", role: str = "hidden") -> list[Place]:
    return [(name, act, layer, role)]


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


def parametrized() -> Training:
    class Positive(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return F.softplus(weight)

    model = Functional(torch.relu)
    nn.utils.parametrize.register_parametrization(model.fc1, "weight", Positive())
    return classifying(model)


def weight_normed() -> Training:
    model = Functional(torch.relu)
    nn.utils.parametrizations.weight_norm(model.fc1)
    return classifying(model)


def threads() -> Training:
    """Data parallel by hand: the halves of a batch go through the model in two threads."""
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        halves, found = torch.randn(2, 8, 6), [torch.empty(0)] * 2

        def forward(index: int) -> None:
            found[index] = model(halves[index])

        workers = [Thread(target=forward, args=(index,)) for index in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        loss = F.cross_entropy(torch.cat(found), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def evaluated() -> Training:
    """Evaluations between steps, with and without gradients, on data a hundred times larger."""
    model = Functional(torch.relu)
    train = classifying(model)

    def step() -> float:
        loss = train.step()
        model.eval()
        with torch.no_grad():
            model(100 * torch.ones(4, 6))
        model(-100 * torch.ones(4, 6))  # and one that forgot no_grad
        model.train()
        return loss

    return Training((model,), step)


def accumulated() -> Training:
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for _ in range(4):
            loss = F.cross_entropy(model(torch.randn(8, 6)), torch.randint(0, 3, (8,))) / 4
            loss.backward()
            total += loss.item()
        optimizer.step()
        return total

    return Training((model,), step)


def siamese() -> Training:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        one_side, other = model(torch.randn(16, 6)), model(torch.randn(16, 6))
        loss = (one_side - other).square().mean() + (1 - one_side.std(0)).relu().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def gan() -> Training:
    """Two networks in a ModuleDict that is never called, two optimisers."""
    nets = nn.ModuleDict(
        {
            "G": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
            "D": nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)),
        }
    )
    g, d = (torch.optim.Adam(nets[name].parameters(), 1e-3) for name in "GD")
    judge = nn.BCEWithLogitsLoss()

    def step() -> float:
        fake = nets["G"](torch.randn(16, 4))
        real, made = nets["D"](torch.randn(16, 2)), nets["D"](fake.detach())
        d.zero_grad()
        first = judge(real, torch.ones(16, 1)) + judge(made, torch.zeros(16, 1))
        first.backward()
        d.step()
        g.zero_grad()
        second = judge(nets["D"](fake), torch.ones(16, 1))
        second.backward()
        g.step()
        return first.item() + second.item()

    return Training((nets,), step)


def two_optimizers() -> Training:
    model = Functional(torch.relu)
    pair = (
        torch.optim.SGD(model.fc1.parameters(), 0.1),
        torch.optim.Adam(model.fc2.parameters(), 1e-2),
    )

    def step() -> float:
        loss = F.cross_entropy(model(torch.randn(16, 6)), torch.randint(0, 3, (16,)))
        for optimizer in pair:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in pair:
            optimizer.step()
        return loss.item()

    return Training((model,), step)


def lbfgs() -> Training:
    model = Functional(torch.tanh)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    x, y = torch.randn(16, 6), torch.arange(16) % 3

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return Training((model,), lambda: optimizer.step(closure).item())


def scaled(dtype: torch.dtype = torch.bfloat16) -> Training:
    """Mixed precision with loss scaling, and a step that overflows now and then."""
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=5)
    count = 0

    def step() -> float:
        nonlocal count
        count += 1
        with torch.autocast("cpu", dtype=dtype):
            out = model(torch.randn(16, 6))
            loss = F.cross_entropy(out.float(), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        big = loss * (float("inf") if count % 7 == 3 else 1.0)  # as an overflow would
        scaler.scale(big).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss.item()

    return Training((model,), step)


def autocast() -> Training:
    model = Functional(F.gelu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(torch.randn(16, 6)), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def penalised() -> Training:
    """A gradient penalty: the graph is walked twice, and kept in between."""
    model = Functional(torch.tanh)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        x = torch.randn(16, 6, requires_grad=True)
        out = model(x)
        (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        loss = F.cross_entropy(out, torch.randint(0, 3, (16,)))
        loss = loss + slope.square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        (0.1 * loss).backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def functorch() -> Training:
    """Gradients by torch.func: backward() is never called."""
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    named = dict(model.named_parameters())

    def loss_of(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        out = torch.func.functional_call(model, parameters, (x[None],))
        return F.cross_entropy(out, y[None])

    each = torch.func.vmap(torch.func.grad_and_value(loss_of), in_dims=(None, 0, 0))

    def step() -> float:
        held = {name: p.detach() for name, p in named.items()}
        grads, losses = each(held, torch.randn(8, 6), torch.randint(0, 3, (8,)))
        for name, parameter in named.items():
            parameter.grad = grads[name].mean(0)
        optimizer.step()
        return losses.mean().item()

    return Training((model,), step)


def compiled(model: nn.Module | None = None) -> Training:
    model = model or Functional(torch.relu)
    return Training((model,), classifying(torch.compile(model, backend="aot_eager")).step)


def fused() -> Training:
    """A frozen encoder in eval mode takes torch's fused path, which must stay the fused path."""
    encoder = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True).eval().requires_grad_(False)
    head = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = encoder, head

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.encoder(x[:, None].expand(-1, 4, -1)).mean(1))

    return classifying(Model())


_FIRST = {"": "", "#2": "#3", "#3": "#5"}  # a GRU's two gates a step, before its candidate
_SECOND = {"": "#2", "#2": "#4", "#3": "#6"}
HIDDEN_INPUT = {"pre_rms": "the act's input is not kept, and what feeds it cannot be replayed"}
NO_GRADIENT = {"grad_pre_rms": "nothing flows back through a frozen network"}

ZOO: dict[str, Entry] = {
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
    "TorchScript": Entry(lambda: classifying(Functional(scripted())), one("relu()", "relu")),
    "relume.acts.register": Entry(own_act, one("zoo_softly()", "zoo_softly")),
    "autograd.Function": Entry(functional(Square.apply), [], [("", "Square")]),
    "x * sigmoid(x)": Entry(
        lambda: classifying(sequential(Gated())), one("1", "sigmoid", "0", "gate")
    ),
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
    "conv, batch norm, relu_": Entry(
        lambda: classifying(Image()), one("relu()", "relu", "norm"), group="layers"
    ),
    "TransformerEncoderLayer": Entry(
        lambda: classifying(Tokens()),
        [
            ("layer.self_attn.softmax()", "softmax", "", "attention"),
            ("layer.gelu()", "gelu", "layer.linear1", "hidden"),
        ],
        group="layers",
    ),
    "TransformerEncoderLayer, fused in eval": Entry(
        fused,
        one("head.1", "relu", "head.0"),
        [("encoder", "fused path")],
        group="layers",
    ),
    "MultiheadAttention": Entry(
        lambda: classifying(Attention()),
        one("attend.softmax()", "softmax", "", "attention"),
        group="layers",
    ),
    "nn.LSTM": Entry(
        lambda: classifying(Recurrent(nn.LSTM)),
        [],
        [("cell", "MkldnnRnnLayer")],
        group="layers",
    ),
    "nn.GRU": Entry(
        lambda: classifying(Recurrent(nn.GRU)),
        [
            place
            for n in ("", "#2", "#3")
            for place in (
                (f"cell.sigmoid(){_FIRST[n]}", "sigmoid", "cell", "gate"),
                (f"cell.sigmoid(){_SECOND[n]}", "sigmoid", "cell", "gate"),
                (f"cell.tanh(){n}", "tanh", "", "hidden"),
            )
        ],
        group="layers",
        lines=False,
    ),
    "parametrize": Entry(parametrized, one("relu()", "relu"), group="layers"),
    "weight_norm": Entry(weight_normed, one("relu()", "relu"), group="layers"),
    "frozen backbone": Entry(
        lambda: classifying(Frozen()),
        [
            ("backbone.1", "relu", "backbone.0", "hidden"),
            ("backbone.3", "leaky_relu", "backbone.2", "hidden"),
            ("head.1", "tanh", "head.0", "hidden"),
        ],
        blind=NO_GRADIENT,
        group="layers",
    ),
    "frozen backbone, no_grad": Entry(
        lambda: classifying(Frozen(without_grad=True)),
        [
            ("backbone.1", "relu", "backbone.0", "hidden"),
            ("backbone.3", "leaky_relu", "backbone.2", "hidden"),
            ("head.1", "tanh", "head.0", "hidden"),
        ],
        blind=NO_GRADIENT,
        group="layers",
    ),
    "checkpoint": Entry(
        lambda: classifying(Checkpointed(reentrant=False)),
        [
            ("sigmoid()", "sigmoid", "first", "hidden"),
            ("block.act", "relu", "block.fc", "hidden"),
            ("block.tanh()", "tanh", "", "hidden"),
        ],
        group="layers",
    ),
    "checkpoint, reentrant": Entry(
        lambda: classifying(Checkpointed(reentrant=True)),
        [
            ("sigmoid()", "sigmoid", "first", "hidden"),
            ("block.act", "relu", "block.fc", "hidden"),
            ("block.tanh()", "tanh", "", "hidden"),
        ],
        group="layers",
    ),
    "threads": Entry(
        threads,
        [("relu()", "relu", "fc1", "hidden"), ("relu()#2", "relu", "fc1", "hidden")],
        group="loops",
        lines=False,  # anomaly mode is the thread's that switched it on
    ),
    "evaluation between steps": Entry(evaluated, one("relu()", "relu"), group="loops"),
    "gradient accumulation": Entry(accumulated, one("relu()", "relu"), group="loops"),
    "Siamese": Entry(
        siamese,
        [
            ("1", "relu", "0", "hidden"),
            ("1#2", "relu", "0", "hidden"),
            ("relu()", "relu", "", "output"),  # the hinge in the loss
        ],
        group="loops",
    ),
    "GAN in a ModuleDict": Entry(
        gan,
        [
            ("G.1", "relu", "G.0", "hidden"),
            ("D.1", "leaky_relu", "D.0", "hidden"),
            ("D.1#2", "leaky_relu", "D.0", "hidden"),
        ],
        group="loops",
    ),
    "two optimisers": Entry(two_optimizers, one("relu()", "relu"), group="loops"),
    "LBFGS closure": Entry(lbfgs, one("tanh()", "tanh"), group="loops"),
    "autocast": Entry(autocast, one("gelu()", "gelu"), group="loops"),
    "GradScaler": Entry(scaled, one("relu()", "relu"), group="loops"),
    "gradient penalty": Entry(penalised, one("tanh()", "tanh"), group="loops"),
    "torch.func": Entry(functorch, [], [("", "torch.func")], group="loops"),
    "torch.compile": Entry(compiled, one("relu()", "relu"), group="loops"),
}
