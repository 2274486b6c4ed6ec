"""How straight may an act be before its network is a line? The measurement behind ACT102.

Two interleaved half-circles with noise in the plane, three hidden layers of 32 units with the act
tanh(a z) / a: the same network for every a, bent less the smaller a is. Accuracy on fresh points,
and at the end the share of the variance of an act's output that the best straight line through
(pre, post) of each unit leaves over (1 - R squared), least bent layer and most bent layer.

    python benchmarks/straight_acts.py [--seeds 3]
"""

import argparse
import statistics

import numpy as np
import torch
from torch import Tensor, nn

STEPS, ROWS = 600, 1000
SCALES = (1.0, 0.3, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)


def moons(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    draw = np.random.default_rng(seed)
    label = draw.integers(0, 2, rows)
    turn = draw.uniform(0, np.pi, rows)
    x = np.where(label, 1 - np.cos(turn), np.cos(turn)) - 0.5
    y = np.where(label, 0.5 - np.sin(turn), np.sin(turn)) - 0.25
    points = np.stack([x, y], 1) + draw.normal(0, 0.1, (rows, 2))
    return torch.tensor(points * 1.4, dtype=torch.float32), torch.tensor(label)


class Bent(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale, self.left = scale, float("nan")

    def forward(self, z: Tensor) -> Tensor:
        post = torch.tanh(self.scale * z) / self.scale
        if not self.training:
            x, y = z.double() - z.double().mean(0), post.double() - post.double().mean(0)
            cross, power = (x * y).sum(0), (x * x).sum(0)
            rest = (y * y).sum(0) - cross**2 / power
            self.left = float(rest.clamp(min=0).sum() / (y * y).sum())
        return post


def accuracy(scale: float, seed: int) -> tuple[float, float, float]:
    torch.manual_seed(seed)
    acts = [Bent(scale) for _ in range(3)]
    body = [part for act in acts for part in (nn.Linear(32, 32), act)][1:]
    model = nn.Sequential(nn.Linear(2, 32), *body, nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    points, labels = moons(ROWS, seed)
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    points, labels = moons(ROWS, seed + 100)
    with torch.no_grad():
        hit = (model.eval()(points).argmax(1) == labels).float().mean().item()
    left = [act.left for act in acts]
    return hit, min(left), max(left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    print(f"{'a':>7}{'accuracy (least to most)':>28}{'left over, least':>18}{'most':>10}")
    for scale in SCALES:
        found = [accuracy(scale, seed) for seed in range(seeds)]
        hits = sorted(hit for hit, *_ in found)
        low, high = (statistics.median(one[at] for one in found) for at in (1, 2))
        told = f"{statistics.median(hits):.3f} ({hits[0]:.3f} to {hits[-1]:.3f})"
        print(f"{scale:7.3f}{told:>28}{low:18.1e}{high:10.1e}", flush=True)


if __name__ == "__main__":
    main()
