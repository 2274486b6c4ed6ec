"""How the two losses of small GANs end: the bounds of `rules/alternating_losses.py`.

    python benchmarks/adversaries.py [--seeds 3] [--steps 800] [--only NAME]

Whether a maker has learned is asked of what it makes, never of a loss: its energy distance
(Szekely and Rizzo) to fresh examples, as a share of what it was before training; below 0.5 it has
learned, above 1 it is further from the data than it began. A loss's ratio is the mean of the last
tenth over that of the first five steps; ``back`` is how far the maker's loss has come down from its
summit (the highest of 20 blocks), as a share of its rise; ``said`` is the outcome that is told.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from relume.core import Fact, Series, Trace
from relume.rules.outcome import judge as outcome_of

NOISE, ROWS = 8, 64


@dataclass(frozen=True)
class Kind:
    """A GAN, and what is wrong with it."""

    what: str
    last: type[nn.Module] = nn.Identity
    rates: tuple[float, float] = (1e-3, 1e-3)  # of judge and maker
    scale: float = 1.0
    clusters: int = 0  # 0: on handwritten digits, else on points of the plane
    batch_norm: bool = False


KINDS = (
    Kind("points, one cluster", clusters=1),
    Kind("points, two clusters", clusters=2),
    Kind("points, maker ends in ReLU, data are negative too", nn.ReLU, clusters=1),
    Kind("points, maker ends in sigmoid, data are far away", nn.Sigmoid, scale=3.0, clusters=1),
    Kind("points, maker hardly learns", rates=(1e-3, 1e-6), clusters=1),
    Kind("points, judge hardly learns", rates=(1e-6, 1e-3), clusters=1),
    Kind("digits", nn.Tanh),
    Kind("digits, batch norm", nn.Tanh, batch_norm=True),
    Kind("digits, batch norm, slow judge", nn.Tanh, (2e-4, 1e-3), batch_norm=True),
    Kind("digits, fast judge", nn.Tanh, (5e-3, 1e-3)),
    Kind("digits, fast judge, no act at the end", nn.Identity, (5e-3, 1e-3)),
    Kind("digits, slow judge", nn.Tanh, (2e-4, 1e-3)),
    Kind("digits, maker hardly learns", nn.Tanh, (1e-3, 1e-6)),
    Kind("digits, maker ends in ReLU", nn.ReLU),
    Kind("digits, maker's rate far too high", nn.Tanh, (1e-3, 0.3)),
)


def source(kind: Kind) -> tuple[int, Callable[[int], Tensor]]:
    """How many numbers an example has, and how to draw some."""
    if kind.clusters == 0:
        x = torch.tensor(load_digits(return_X_y=True)[0] / 8 - 1, dtype=torch.float32)
        return 64, lambda n: x[torch.randint(0, len(x), (n,))]

    def points(n: int) -> Tensor:
        x = 0.5 * torch.randn(n, 2) + kind.scale * torch.tensor([2.0, -1.0])
        return x + 3.0 * torch.randint(0, kind.clusters, (n, 1))

    return 2, points


def pair(kind: Kind, size: int) -> tuple[nn.Module, nn.Module]:
    """Judge and maker."""
    width = 32 if kind.clusters else 64
    norm = [nn.BatchNorm1d(width)] if kind.batch_norm else []
    made = (nn.Linear(NOISE, width), *norm, nn.ReLU(), nn.Linear(width, width), nn.ReLU())
    leaky = (nn.Linear(size, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2))
    maker = nn.Sequential(*made, nn.Linear(width, size), kind.last())
    return nn.Sequential(*leaky, nn.Linear(width, 1)), maker


def energy(a: Tensor, b: Tensor) -> float:
    """Szekely and Rizzo's distance of two samples."""
    between, one, two = (torch.cdist(u, v).mean() for u, v in ((a, b), (a, a), (b, b)))
    return float(2 * between - one - two)


def trained(kind: Kind, seed: int, steps: int) -> tuple[Tensor, float]:
    """Both losses, shape (steps, 2), and the maker's distance at the end over the first."""
    torch.manual_seed(seed)
    size, draw = source(kind)
    judge, maker = pair(kind, size)
    rates = zip((judge, maker), kind.rates, strict=True)
    first, second = (torch.optim.Adam(m.parameters(), r, betas=(0.5, 0.999)) for m, r in rates)
    loss = nn.BCEWithLogitsLoss()
    real, fake = torch.ones(ROWS, 1), torch.zeros(ROWS, 1)
    fresh, noise = draw(500), torch.randn(500, NOISE)
    far = [energy(maker(noise).detach(), fresh)]
    told: list[tuple[float, float]] = []
    for _ in range(steps):
        made = maker(torch.randn(ROWS, NOISE))
        one = loss(judge(draw(ROWS)), real) + loss(judge(made.detach()), fake)
        first.zero_grad()
        one.backward()
        first.step()
        two = loss(judge(made), real)
        second.zero_grad()
        two.backward()
        second.step()
        told.append((one.item(), two.item()))
    far.append(energy(maker(noise).detach(), fresh))
    return torch.tensor(told), far[1] / far[0]


def back(losses: Tensor) -> float:
    """How far a loss has come down from its summit, as a share of its rise."""
    blocks = torch.stack([part.mean() for part in losses.tensor_split(20)])
    top, start = blocks.max(), losses[:5].mean()
    return float((top - blocks[-2:].mean()) / (top - start)) if top > start else 0.0


def said(losses: Tensor) -> str:
    """The outcome that a diagnosis tells of these two losses."""
    steps = np.arange(len(losses))
    names = ("loss", "loss_2")
    table = {
        ("", name): Series(steps, losses[:, at].double().numpy()) for at, name in enumerate(names)
    }
    turn = {"optimizer": "Adam"}
    facts = (
        Fact("turn", data={**turn, "loss": "loss", "model": "judge", "reaches": []}),
        Fact("turn", data={**turn, "loss": "loss_2", "model": "maker", "reaches": ["loss"]}),
    )
    return outcome_of(Trace({}, (), table, {}, facts)).name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--only", default="", help="kinds whose words contain this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| GAN | distance, end / start | judge's loss | maker's loss | back | said |")
    print("|" + 6 * "---|")
    for kind in KINDS:
        if arguments.only not in kind.what:
            continue
        rows: list[tuple[float, float, float, float]] = []
        told: list[str] = []
        for seed in range(arguments.seeds):
            losses, far = trained(kind, seed, arguments.steps)
            ends = losses[-(arguments.steps // 10) :].mean(0) / losses[:5].mean(0)
            one, two = (float(x) for x in ends)
            rows.append((far, one, two, back(losses[:, 1])))
            told.append(said(losses))
        cells = [", ".join(f"{x:.2g}" for x in column) for column in zip(*rows, strict=True)]
        names = ", ".join(dict.fromkeys(told))
        print(f"| {kind.what} | {' | '.join(cells)} | {names} |", flush=True)


if __name__ == "__main__":
    main()
