"""What kills units of a network that learns well? The measurement behind the signs of ACT403.

A ReLU network on handwritten digits trains for 150 steps; then its learning rate is multiplied, or
its inputs are, by the same factor to the end. Printed is how many of the units that fired before
fire on none of the data any more, by factor: median and range over seeds.

    python benchmarks/deaths.py [--seeds 5]
"""

import argparse
import statistics

import torch
from sklearn.datasets import load_digits
from torch import nn

STEPS, CHANGE, ROWS, UNITS = 300, 150, 64, 64
FACTORS = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
RATES = {"SGD": 0.05, "SGD, near its limit": 0.5, "Adam": 3e-3}


def died(name: str, what: str, factor: float, seed: int) -> float:
    """The share of units that fired before the change and never fire after the end."""
    torch.manual_seed(seed)
    data, target = load_digits(return_X_y=True)
    x, y = torch.tensor(data / 8 - 1, dtype=torch.float32), torch.tensor(target)
    hidden = nn.Sequential(nn.Linear(64, UNITS), nn.ReLU(), nn.Linear(UNITS, UNITS), nn.ReLU())
    model = nn.Sequential(hidden, nn.Linear(UNITS, 10))
    kind = torch.optim.Adam if name == "Adam" else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=RATES[name])  # type: ignore[call-arg]
    before = torch.zeros(0)
    scale = 1.0
    for step in range(STEPS):
        if step == CHANGE:
            before = fires(hidden, x)
            if what == "rate":
                optimizer.param_groups[0]["lr"] *= factor
            else:
                scale = factor
        rows = torch.randint(0, len(x), (ROWS,))
        loss = nn.functional.cross_entropy(model(x[rows] * scale), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float((before & ~fires(hidden, x * scale)).sum() / before.sum())


def fires(hidden: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        first = hidden[1](hidden[0](x))
        second = hidden[3](hidden[2](first))
    return torch.cat(((first > 0).any(0), (second > 0).any(0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    for what in ("rate", "input"):
        for name in RATES:
            for factor in FACTORS:
                some = [died(name, what, factor, seed) for seed in seeds]
                span = f"{min(some):.0%} to {max(some):.0%}"
                middle = statistics.median(some)
                print(f"{what:5} x {factor:<5g} {name:20} died {middle:4.0%} ({span})", flush=True)


if __name__ == "__main__":
    main()
