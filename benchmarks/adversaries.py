"""How the two losses of small GANs end, healthy ones and broken: the bounds of `rules/_turns.py`.

    python benchmarks/adversaries.py [--seeds 3] [--steps 800]

A ratio is the mean of the last tenth of a loss over that of its first five steps.
"""

import argparse
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Kind:
    """A GAN on points of the plane, and what is wrong with it."""

    what: str
    last: type[nn.Module] = nn.Identity
    rates: tuple[float, float] = (1e-3, 1e-3)  # of judge and maker
    scale: float = 1.0
    clusters: int = 1


KINDS = (
    Kind("healthy, one cluster"),
    Kind("healthy, two clusters", clusters=2),
    Kind("maker ends in ReLU, data are negative too", last=nn.ReLU),
    Kind("maker ends in sigmoid, data are far away", last=nn.Sigmoid, scale=3.0),
    Kind("maker hardly learns", rates=(1e-3, 1e-6)),
    Kind("judge hardly learns", rates=(1e-6, 1e-3)),
)


def ratios(kind: Kind, seed: int, steps: int) -> tuple[float, float]:
    """End over start of the judge's loss and of the maker's."""
    torch.manual_seed(seed)
    wide = (nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    maker = nn.Sequential(*wide, kind.last())
    leaky = (nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2))
    judge = nn.Sequential(*leaky, nn.Linear(32, 1))
    rates = zip((judge, maker), kind.rates, strict=True)
    first, second = (torch.optim.Adam(m.parameters(), r, betas=(0.5, 0.999)) for m, r in rates)
    loss = nn.BCEWithLogitsLoss()
    real, fake = torch.ones(64, 1), torch.zeros(64, 1)
    told: list[tuple[float, float]] = []
    for _ in range(steps):
        x = 0.5 * torch.randn(64, 2) + kind.scale * torch.tensor([2.0, -1.0])
        x = x + 3.0 * torch.randint(0, kind.clusters, (64, 1))
        made = maker(torch.randn(64, 4))
        one = loss(judge(x), real) + loss(judge(made.detach()), fake)
        first.zero_grad()
        one.backward()
        first.step()
        two = loss(judge(made), real)
        second.zero_grad()
        two.backward()
        second.step()
        told.append((one.item(), two.item()))
    curve = torch.tensor(told)
    one_end, two_end = (curve[-steps // 10 :].mean(0) / curve[:5].mean(0)).tolist()
    return one_end, two_end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=800)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| GAN | judge's loss, end / start | maker's loss, end / start |\n|---|---|---|")
    for kind in KINDS:
        found = [ratios(kind, seed, arguments.steps) for seed in range(arguments.seeds)]
        cells = [", ".join(f"{x:.3g}" for x in column) for column in zip(*found, strict=True)]
        print(f"| {kind.what} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
