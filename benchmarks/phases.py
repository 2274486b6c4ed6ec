"""How far the phase of sine layers spreads at the start, and how the training then ends.

    python benchmarks/phases.py [--runs 24] [--steps 300]

Networks of sines as implicit representations use them: widths, depths, frequencies, seeds and what
is fitted are drawn; a third each has SIREN's initialisation, torch's own, and torch's with weights
of half or double the size. Told are the largest spread of a hidden layer's phase over rows (the
root of the mean over units of the variance, in radians), the error at the end on points that were
not fitted, as a share of the target's variance, and what ACT304 says. The limit is set with this
table (`periodic_phase.py`).
"""

import argparse
import math
import random
import tempfile
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

import relume
from relume.rules.initialisation.periodic_phase import spreads

FAR = 0.5  # of the target's variance: not fitted


class Waves(nn.Module):
    """A layer and its sine."""

    def __init__(self, inside: int, outside: int, omega: float) -> None:
        super().__init__()
        self.layer, self.omega = nn.Linear(inside, outside), omega

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.omega * self.layer(x))


def network(width: int, depth: int, omega: float, init: str, inside: int) -> nn.Sequential:
    """`depth` layers of sines, and a linear one."""
    sizes = [inside] + [width] * depth
    layers = [Waves(a, b, omega) for a, b in pairwise(sizes)]
    head = nn.Linear(width, 1)
    if init == "siren":
        for at, wave in enumerate(layers):
            bound = 1 / inside if at == 0 else math.sqrt(6 / width) / omega
            nn.init.uniform_(wave.layer.weight, -bound, bound)
        nn.init.uniform_(head.weight, -math.sqrt(6 / width) / omega, math.sqrt(6 / width) / omega)
    elif init != "torch":
        for wave in layers[1:]:
            wave.layer.weight.data.mul_(float(init))
    return nn.Sequential(*layers, head)


def picture(points: Tensor) -> Tensor:
    """Waves and edges."""
    x, y = points[:, :1], points[:, -1:]
    return torch.sin(9 * x) * torch.cos(14 * y) + 0.5 * torch.sign(torch.sin(20 * (x + y)))


def sound(points: Tensor) -> Tensor:
    """Two tones."""
    return torch.sin(40 * points[:, :1]) + 0.5 * torch.sin(93 * points[:, :1])


def smooth(points: Tensor) -> Tensor:
    """A field without fine detail."""
    return torch.exp(-3 * points.square().sum(1, keepdim=True)) + 0.2 * points[:, :1]


TARGETS = {"picture": (picture, 2), "sound": (sound, 1), "smooth": (smooth, 2)}


def one(number: int, steps: int, folder: Path) -> tuple[str, float, float, str]:
    """Draw and train one network: what it is, its spread, its error, and what is told."""
    draw = random.Random(number)
    init = ("siren", "torch", draw.choice(("0.5", "2")))[number % 3]
    what = draw.choice(sorted(TARGETS))
    target, inside = TARGETS[what]
    width, depth = draw.choice((32, 64, 128, 256)), draw.choice((2, 3, 4))
    omega = draw.choice((5.0, 10.0, 20.0, 30.0, 60.0))
    torch.manual_seed(number)
    net = network(width, depth, omega, init, inside)
    points = torch.rand(4096, inside) * 2 - 1
    values = target(points)
    optimizer = torch.optim.Adam(net.parameters(), 10 ** draw.uniform(-3.7, -2.7))
    with relume.watch(net, path=folder / f"{number}.sqlite") as run:
        for _ in range(steps):
            rows = torch.randint(len(points), (512,))
            loss = (net(points[rows]) - values[rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    trace = run.trace()
    found = run.diagnose(select=["ACT304"]).findings
    told = found[0].severity.name.lower() if found else "-"
    with torch.no_grad():
        fresh = torch.rand(2048, inside) * 2 - 1
        share = float((net(fresh) - target(fresh)).square().mean() / values.var())
    name = f"{what:<8} width {width:<4} depth {depth} omega {omega:<4g} init {init}"
    return name, max((s for _, s in spreads(trace)), default=0.0), share, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--steps", type=int, default=300)
    words = parser.parse_args()
    rows: list[tuple[str, float, float, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(words.first, words.first + words.runs):
            rows.append(one(number, words.steps, Path(folder)))
            name, spread, share, told = rows[-1]
            print(f"{name:<56} spread {spread:6.2f}  error {share:6.3f}  {told}", flush=True)
    fitted = [row for row in rows if row[2] < FAR]
    loud = sum(row[3] in ("warning", "error") for row in fitted)
    named = sum(row[3] in ("warning", "error") for row in rows if row[2] >= FAR)
    print(f"fitted: {len(fitted)} of {len(rows)}; of these with a warning {loud}")
    print(f"not fitted: {len(rows) - len(fitted)}; of these named {named}")


if __name__ == "__main__":
    main()
