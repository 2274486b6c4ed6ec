"""The zoo: acts inside layers, of torch's own and of others."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from zoo_kinds import Entry, Functional, Training, classifying, one


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


class Squeeze(nn.Module):
    """Weighs the channels by what they hold on average (squeeze and excitation)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)
        self.act, self.gate = nn.SiLU(inplace=True), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.act(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * self.gate(self.expand(squeezed))


class NormAct(nn.BatchNorm2d):
    """Norm and act in one module, as timm has it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(super().forward(x))


class Inverted(nn.Module):
    """An inverted residual block: widen, depthwise, squeeze, narrow, stochastic depth."""

    def __init__(self) -> None:
        super().__init__()
        self.widen, self.bn1 = nn.Conv2d(2, 6, 1, bias=False), NormAct(6)
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False)
        self.bn2, self.squeeze = NormAct(6), Squeeze(6)
        self.narrow, self.bn3 = nn.Conv2d(6, 2, 1, bias=False), nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        z = self.bn2(self.depthwise(self.bn1(self.widen(x))))
        z = self.bn3(self.narrow(self.squeeze(z)))
        kept = (torch.rand(x.shape[0], 1, 1, 1) < 0.8).float()
        return x + z * kept / 0.8


class NextBlock(nn.Module):
    """A ConvNeXt block: depthwise, layer norm over channels, two products, a learned scale."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(2, 2, 3, padding=1, groups=2), nn.LayerNorm(2)
        self.fc1, self.act, self.fc2 = nn.Linear(2, 8), nn.GELU(), nn.Linear(8, 2)
        self.gamma = nn.Parameter(0.1 * torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        z = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        z = self.gamma * self.fc2(self.act(self.fc1(z)))
        return x + z.permute(0, 3, 1, 2)


class Convnet(nn.Module):
    """In the manner of timm: a stem, an inverted residual, a ConvNeXt block, a pooled head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.bn1 = nn.Conv2d(1, 2, 1, bias=False), NormAct(2)
        self.blocks = nn.Sequential(Inverted(), NextBlock())
        self.head, self.drop = nn.Linear(2, 3), nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.bn1(self.stem(x.reshape(-1, 1, 2, 3))))
        return self.head(self.drop(x.mean((2, 3))))


class Offloaded(nn.Module):
    """What backward needs waits elsewhere, packed."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.out = Block(), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autograd.graph.save_on_cpu():
            x = self.block(x)
        return self.out(x)


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


FROZEN = dict.fromkeys(("backbone.1", "backbone.3"), "nothing flows back through a frozen network")

LAYERS: dict[str, Entry] = {
    "conv, batch norm, relu_": Entry(lambda: classifying(Image()), one("relu()", "relu", "norm")),
    "TransformerEncoderLayer": Entry(
        lambda: classifying(Tokens()),
        [
            ("layer.self_attn.softmax()", "softmax", "", "attention"),
            ("layer.gelu()", "gelu", "layer.linear1", "hidden"),
        ],
    ),
    "TransformerEncoderLayer, fused in eval": Entry(
        fused,
        one("head.1", "relu", "head.0"),
        [("encoder", "fused path")],
    ),
    "MultiheadAttention": Entry(
        lambda: classifying(Attention()),
        one("attend.softmax()", "softmax", "", "attention"),
    ),
    "nn.LSTM": Entry(
        lambda: classifying(Recurrent(nn.LSTM)),
        [],
        [("cell", "MkldnnRnnLayer")],
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
        lines=False,
    ),
    "parametrize": Entry(parametrized, one("relu()", "relu")),
    "weight_norm": Entry(weight_normed, one("relu()", "relu")),
    "frozen backbone": Entry(
        lambda: classifying(Frozen()),
        [
            ("backbone.1", "relu", "backbone.0", "hidden"),
            ("backbone.3", "leaky_relu", "backbone.2", "hidden"),
            ("head.1", "tanh", "head.0", "hidden"),
        ],
        blind=FROZEN,
    ),
    "frozen backbone, no_grad": Entry(
        lambda: classifying(Frozen(without_grad=True)),
        [
            ("backbone.1", "relu", "backbone.0", "hidden"),
            ("backbone.3", "leaky_relu", "backbone.2", "hidden"),
            ("head.1", "tanh", "head.0", "hidden"),
        ],
        blind=FROZEN,
    ),
    "checkpoint": Entry(
        lambda: classifying(Checkpointed(reentrant=False)),
        [
            ("sigmoid()", "sigmoid", "first", "hidden"),
            ("block.act", "relu", "block.fc", "hidden"),
            ("block.tanh()", "tanh", "", "hidden"),
        ],
    ),
    "checkpoint, reentrant": Entry(
        lambda: classifying(Checkpointed(reentrant=True)),
        [
            ("sigmoid()", "sigmoid", "first", "hidden"),
            ("block.act", "relu", "block.fc", "hidden"),
            ("block.tanh()", "tanh", "", "hidden"),
        ],
    ),
    "nn.RNN": Entry(
        lambda: classifying(Recurrent(nn.RNN)),
        [(f"cell.tanh(){n}", "tanh", "cell", "hidden") for n in ("", "#2", "#3")],
        lines=False,
    ),
    "nn.LSTMCell in a loop": Entry(
        lambda: classifying(CellLoop()),
        [
            ("cell.sigmoid()", "sigmoid", "cell", "gate"),
            ("cell.sigmoid()#2", "sigmoid", "cell", "hidden"),  # forgets a state that is constant
            ("cell.tanh()", "tanh", "cell", "gate"),
            ("cell.sigmoid()#3", "sigmoid", "cell", "gate"),
            ("cell.tanh()#2", "tanh", "", "gate"),
            ("cell.sigmoid()#4", "sigmoid", "cell", "gate"),
            ("cell.sigmoid()#5", "sigmoid", "cell", "gate"),
            ("cell.tanh()#3", "tanh", "cell", "gate"),
            ("cell.sigmoid()#6", "sigmoid", "cell", "gate"),
            ("cell.tanh()#4", "tanh", "", "gate"),
        ],
    ),
    "convnet in the manner of timm": Entry(
        lambda: classifying(Convnet()),
        [
            ("bn1.act", "silu", "bn1", "hidden"),
            ("blocks.0.bn1.act", "silu", "blocks.0.bn1", "hidden"),
            ("blocks.0.bn2.act", "silu", "blocks.0.bn2", "gate"),
            ("blocks.0.squeeze.act", "silu", "blocks.0.squeeze.reduce", "hidden"),
            ("blocks.0.squeeze.gate", "sigmoid", "blocks.0.squeeze.expand", "gate"),
            ("blocks.1.act", "gelu", "blocks.1.fc1", "hidden"),
        ],
    ),
    "save_on_cpu": Entry(
        lambda: classifying(Offloaded()),
        [("block.act", "relu", "block.fc", "hidden"), ("block.tanh()", "tanh", "", "hidden")],
    ),
    "nn.DataParallel": Entry(
        lambda: classifying(nn.DataParallel(Functional(torch.relu))), one("relu()", "relu")
    ),
}
