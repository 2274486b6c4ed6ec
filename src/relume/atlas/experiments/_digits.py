"""The handwritten digits, the small networks that read them, and how far they got.

1,797 real images of 8 by 8 pixels (Alpaydin & Kaynak, 1998), shipped with scikit-learn. Every
network starts from N(0, gain^2 / fan_in) with the gain that keeps its own act's signal, so that no
arm is handicapped by another's initialisation.
"""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from relume.acts.act import Act
from relume.acts.families.maxout_layers import Maxout
from relume.acts.gain import gain
from relume.acts.lookup import act as find

BATCH = 64
TRAIN = 1500
"""Images that are trained on; the other 297 are for testing."""


@cache
def images() -> tuple[Tensor, Tensor]:
    """Pixels in [0, 1], (1797, 64), and labels; shuffled once, always alike."""
    loaded: Any = import_module("sklearn.datasets").load_digits()
    order = torch.randperm(len(loaded.target), generator=torch.Generator().manual_seed(0))
    pixels = torch.tensor(loaded.data / 16, dtype=torch.float32)
    return pixels[order], torch.tensor(loaded.target)[order]


def split() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train and test images, each pixel around its mean on the training part, and labels."""
    x, y = images()
    x = (x - x[:TRAIN].mean(0)) / x[:TRAIN].std()
    return x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]


def layer(one: nn.Module, act: Act | None, source: torch.Generator) -> nn.Module:
    """The affine layer `one` drawn from the gain of the act behind it, biases at 0."""
    weight: Any = one.weight
    scale = 1.0 if act is None else gain(act)
    fan_in = weight[0].numel()
    with torch.no_grad():
        weight.normal_(std=scale / fan_in**0.5, generator=source)
        bias: Any = one.bias
        bias.zero_()
    return one


def mlp(
    name: str, seed: int, *, width: int = 64, hidden: int = 2, pieces: int = 2
) -> nn.Sequential:
    """64 pixels to 10 classes through `hidden` layers."""
    source = torch.Generator().manual_seed(seed)
    act = find(name)
    layers: list[nn.Module] = []
    units = 64
    for _ in range(hidden):
        if name == "maxout":
            layers.append(_maxout(units, width, pieces, source))
        else:
            layers += [layer(nn.Linear(units, width), act, source), act.module()]
        units = width
    return nn.Sequential(*layers, layer(nn.Linear(units, 10), None, source))


def _maxout(units: int, width: int, pieces: int, source: torch.Generator) -> Maxout:
    made = Maxout(units, width, pieces)
    with torch.no_grad():
        made.weight.normal_(std=gain(f"maxout(pieces={pieces})") / units**0.5, generator=source)
    return made


def convnet(name: str, seed: int) -> nn.Sequential:
    """Three convolutions and a layer of 64: AlexNet's shape, at the size of the images."""
    source = torch.Generator().manual_seed(seed)
    act = find(name)
    convs = [nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, 2, 1), nn.Conv2d(32, 32, 3, 2, 1)]
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8))]
    for conv in convs:
        layers += [layer(conv, act, source), act.module()]
    layers += [nn.Flatten(), layer(nn.Linear(128, 64), act, source), act.module()]
    return nn.Sequential(*layers, layer(nn.Linear(64, 10), None, source))


def batches(count: int, seed: int) -> Iterator[Tensor]:
    """Indices of batches, for ever, every image once an epoch."""
    source = torch.Generator().manual_seed(seed + 10_000)
    while True:
        order = torch.randperm(count, generator=source)
        yield from order[: count // BATCH * BATCH].split(BATCH)


def descend(
    net: nn.Module,
    data: tuple[Tensor, Tensor],
    seed: int,
    *,
    rate: float,
    steps: int,
    momentum: float = 0.0,
    stop: Callable[[int], bool] | None = None,
) -> None:
    """Plain SGD on the cross-entropy; `stop` is asked after every step."""
    x, y = data
    leaves: Any = net.parameters()
    optimiser = torch.optim.SGD(leaves, lr=rate, momentum=momentum)
    for step, rows in zip(range(1, steps + 1), batches(len(x), seed), strict=False):
        optimiser.zero_grad()
        loss = functional.cross_entropy(net(x[rows]), y[rows])
        if not bool(loss.isfinite()):
            return  # it diverged and will not come back
        torch.autograd.backward(loss)
        optimiser.step()
        if stop is not None and stop(step):
            return


def error(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of images that are told wrong; what is not finite is wrong."""
    with torch.no_grad():
        return float((net(x).nan_to_num(nan=-1e9).argmax(1) != y).double().mean())


def steps_to(
    net: nn.Module,
    data: tuple[Tensor, Tensor],
    seed: int,
    *,
    rate: float,
    goals: tuple[float, ...],
    most: int,
    every: int = 5,
    momentum: float = 0.0,
) -> list[float | None]:
    """Steps until the training error is at most each goal; None where it was never seen."""
    found: list[float | None] = [None] * len(goals)

    def stop(step: int) -> bool:
        if step % every:
            return False
        now = error(net, *data)
        for at, goal in enumerate(goals):
            if found[at] is None and now <= goal:
                found[at] = float(step)
        return None not in found

    descend(net, data, seed, rate=rate, steps=most, momentum=momentum, stop=stop)
    return found


def dead_share(net: nn.Sequential, x: Tensor) -> float:
    """The share of hidden units whose act has no slope on any of the images."""
    from relume.acts.module import ActModule

    dead = units = 0
    with torch.no_grad():
        for part in net:
            if isinstance(part, ActModule):
                flat = (part.act.exact_slope(x) == 0).all(0)
                dead, units = dead + int(flat.sum()), units + flat.numel()
            x = part(x)
    return dead / units
