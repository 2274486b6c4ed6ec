"""What cures which fault, and what does not: digits, paired seeds, edits laid over a live run.

    python benchmarks/cures.py [--seeds 5] [--only NAME]

Every arm trains the same broken script from the same seeds; only the edit differs. Printed is the
accuracy on held-out digits, as a mean over the seeds, with the least and the largest.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from relume.core.trial import Edit
from relume.fixes.apply import applied

EPOCHS, BATCH, WIDTH = 30, 64, 64


def data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Digits, standardised with one mean and deviation; a fifth is held out."""
    pixels, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels, dtype=torch.float32), torch.tensor(labels)
    x = (x - x.mean()) / x.std()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    held, train = order[:360], order[360:]
    return x[train], y[train], x[held], y[held]


X, Y, HELD_X, HELD_Y = data()


def net(act: Callable[[], nn.Module] | None, depth: int) -> nn.Sequential:
    """`depth` hidden layers and a head."""
    layers: list[nn.Module] = []
    size = 64
    for _ in range(depth):
        layers += [nn.Linear(size, WIDTH)] + ([] if act is None else [act()])
        size = WIDTH
    return nn.Sequential(*layers, nn.Linear(size, 10))


@dataclass(frozen=True)
class Fault:
    """A broken training: how the model is made, stepped and judged, and what is tried on it."""

    name: str
    make: Callable[[], nn.Module]
    cures: Sequence[Edit]
    no_cures: Sequence[Edit] = ()
    rate: float = 1e-3
    optimiser: Any = torch.optim.Adam
    shift: float = 0.0
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy


def weights(model: nn.Module, std: float) -> nn.Module:
    """Every weight matrix from N(0, std^2)."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=std)
    return model


def biased(model: nn.Module, share: float, value: float) -> nn.Module:
    """A share of the units of every hidden layer with this bias."""
    hidden = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][:-1]
    for layer in hidden:
        with torch.no_grad():
            layer.bias[: round(share * len(layer.bias))] = value
    return model


def edit(fix: str, text: str, **options: Any) -> Edit:
    """An edit at every site."""
    return Edit(fix, options, (), text)


def swap(act: str, init: str = "match") -> Edit:
    """All hidden acts."""
    text = f"{act}, layers drawn anew" if init == "match" else act
    return edit("swap-act", text, act=act, init=init)


def rate(factor: float) -> Edit:
    """The learning rate, multiplied."""
    fix = "lower-learning-rate" if factor < 1 else "raise-learning-rate"
    return edit(fix, f"learning rate times {factor:g}", factor=factor)


GAIN = edit("matching-init", "weights drawn anew at the gain")
XAVIER = edit("xavier-init", "Xavier")
HE = edit("he-init", "He")
CLIP = edit("clip-gradient", "clipping", norm=1.0)
STANDARD = edit("standardise-inputs", "inputs standardised")
RECYCLE = edit("recycle-dead-units", "dead units recycled")
MARGIN = edit("margin-bias", "biases moved to the data")
ZERO = edit("zero-bias", "biases zero")
NORM = edit("insert-norm", "norm layers")
RESCALE = edit("rescale-init", "weights rescaled")
SGD = torch.optim.SGD

FAULTS = (
    Fault(
        "learning rate too high (Adam 0.1)",
        lambda: net(nn.ReLU, 5),
        [rate(0.1), rate(0.01)],
        [swap("leaky_relu"), swap("selu"), CLIP, GAIN],
        rate=0.1,
    ),
    Fault(
        "eight sigmoids, SGD",
        lambda: net(nn.Sigmoid, 8),
        [swap("relu"), swap("tanh"), swap("selu"), swap("gelu")],
        [swap("relu", "keep"), rate(10), GAIN],
        rate=0.1,
        optimiser=SGD,
    ),
    Fault(
        "tanh, weights of N(0, 1)",
        lambda: weights(net(nn.Tanh, 5), 1.0),
        [XAVIER, GAIN, RESCALE],
        [CLIP, rate(10)],
        rate=0.02,
        optimiser=SGD,
    ),
    Fault(
        "ReLU, weights of std 0.001",
        lambda: weights(net(nn.ReLU, 3), 0.001),
        [HE, GAIN, RESCALE],
        [swap("leaky_relu", "keep"), rate(10)],
        rate=0.1,
        optimiser=SGD,
    ),
    Fault(
        "ReLU, weights of N(0, 1)",
        lambda: weights(net(nn.ReLU, 5), 1.0),
        [HE, GAIN, RESCALE],
        [CLIP, rate(0.01)],
        rate=0.1,
        optimiser=SGD,
    ),
    Fault(
        "inputs plus 20",
        lambda: net(nn.ReLU, 2),
        [STANDARD, edit("fold-input-mean", "mean folded into the first bias")],
        [swap("leaky_relu"), swap("elu"), rate(0.1)],
        rate=0.01,
        optimiser=SGD,
        shift=20.0,
    ),
    Fault(
        "dead by a bias of -6",
        lambda: biased(net(nn.ReLU, 2), 0.9, -6.0),
        [MARGIN, ZERO, RECYCLE],
        [rate(0.1)],
    ),
    Fault(
        "28 % dead, but learning",
        lambda: biased(net(nn.ReLU, 2), 0.28, -6.0),
        [],
        [MARGIN, ZERO, RECYCLE, swap("leaky_relu"), NORM],
    ),
    Fault(
        "softmax before cross-entropy",
        lambda: nn.Sequential(net(nn.ReLU, 2), nn.Softmax(dim=1)),
        [edit("logits-to-criterion", "softmax removed")],
    ),
    Fault(
        "ReLU on the logits",
        lambda: nn.Sequential(net(nn.ReLU, 2), nn.ReLU()),
        [Edit("drop-act", {}, ("1",), "ReLU removed")],
        optimiser=SGD,
        rate=0.05,
    ),
    Fault(
        "three linear layers in a row",
        lambda: net(None, 3),
        [Edit("insert-act", {"act": "relu"}, ("0", "1", "2"), "ReLU inserted")],
    ),
)  # fmt: skip


def train(fault: Fault, edits: Sequence[Edit], seed: int) -> tuple[float, list[str]]:
    """Accuracy on the held-out digits after training, and what the session could not do."""
    torch.manual_seed(seed)
    with applied(edits) as session:
        model = fault.make()
        optimiser = fault.optimiser(model.parameters(), lr=fault.rate)
        for _ in range(EPOCHS):
            order = torch.randperm(len(X))
            for start in range(0, len(X) - BATCH + 1, BATCH):
                rows = order[start : start + BATCH]
                optimiser.zero_grad()
                fault.loss(model(X[rows] + fault.shift), Y[rows]).backward()
                optimiser.step()
        model.eval()
        with torch.no_grad():
            right = model(HELD_X + fault.shift).argmax(1) == HELD_Y
    return float(right.float().mean()), session.missed


def shown(values: Sequence[float]) -> str:
    """Mean, least and largest."""
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Print a row for each arm of each fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    print("| fault | edit | accuracy, mean (least to largest) | wins |\n|---|---|---|---|")
    for fault in FAULTS:
        if wanted.only not in fault.name:
            continue
        seeds = range(wanted.seeds)
        base = [train(fault, (), seed)[0] for seed in seeds]
        print(f"| **{fault.name}** | none | {shown(base)} | |")
        for kind, edits in (("", fault.cures), ("not: ", fault.no_cures)):
            for one in edits:
                runs = [train(fault, (one,), seed) for seed in seeds]
                missed = {text for _, texts in runs for text in texts}
                values = [value for value, _ in runs]
                wins = sum(v > b for v, b in zip(values, base, strict=True))
                told = f"{kind}{one.text}" + "".join(f" ({text})" for text in missed)
                print(f"| | {told} | {shown(values)} | {wins} of {len(values)} |", flush=True)


if __name__ == "__main__":
    main()
