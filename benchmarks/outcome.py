"""What tells a run that learned from one that did not? The measurement behind the outcomes, and
behind ACT204's "nowhere near its targets".

Learning: a network on handwritten digits, at rates from far too low to far too high, under SGD and
Adam. Whether it learned is asked of fresh examples and not of the loss; of the loss are printed how
far it ended below chance as a share of chance (`GAIN` of the outcome), and what was said.

Far: a regression whose targets are multiplied, at one rate; printed are the greatest target over
the greatest output of the run, and how much of the variance is explained in the end.

    python benchmarks/outcome.py [--seeds 3]
"""

import argparse
import math

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn

from relume.core import Fact, Series, Trace
from relume.rules.outcome import GAIN, judge

STEPS, ROWS, CLASSES = 300, 64, 10
CHANCE = math.log(CLASSES)
LEARNED, NOT = 0.5, 0.2  # accuracy; chance is 0.1
SGD = (1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0, 3.0, 10.0, 30.0)
ADAM = (1e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SCALES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 10_000.0)


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 8 - 1, dtype=torch.float32), torch.tensor(y)
    return x[:1200], y[:1200], x[1200:], y[1200:]


def classify(kind: type[torch.optim.Optimizer], rate: float, seed: int) -> tuple[float, Trace]:
    """Accuracy on fresh examples, and a trace of the loss."""
    torch.manual_seed(seed)
    x, y, fresh, right = digits()
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES)
    )
    optimizer = kind(model.parameters(), lr=rate)  # type: ignore[call-arg]
    losses: list[float] = []
    for _ in range(STEPS):
        rows = torch.randint(0, len(x), (ROWS,))
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = float((model(fresh).argmax(1) == right).float().mean())
    series = Series(np.arange(STEPS), np.array(losses))
    fact = Fact("criterion", data={"loss": "cross_entropy", "chance": CHANCE})
    return accuracy, Trace({}, (), {("", "loss"): series}, {}, (fact,))


def regress(scale: float, seed: int) -> tuple[float, float]:
    """Greatest target over greatest output of the run, and R squared in the end."""
    torch.manual_seed(seed)
    data, target = load_diabetes(return_X_y=True)
    x = torch.tensor(data * 21, dtype=torch.float32)
    y = torch.tensor((target - target.mean()) / target.std() + 2, dtype=torch.float32) * scale
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    top = 0.0
    for _ in range(STEPS):
        rows = torch.randint(0, len(x), (ROWS,))
        output = model(x[rows])[:, 0]
        top = max(top, float(output.detach().abs().max()))
        loss = nn.functional.mse_loss(output, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        left = float(((model(x)[:, 0] - y) ** 2).mean() / y.var())
    return float(y.abs().max()) / top, 1 - left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    gains: dict[str, list[float]] = {"learned": [], "between": [], "not": []}
    said: dict[str, dict[str, int]] = {name: {} for name in gains}
    for kind, rates in ((torch.optim.SGD, SGD), (torch.optim.Adam, ADAM)):
        for rate in rates:
            for seed in seeds:
                accuracy, trace = classify(kind, rate, seed)
                outcome = judge(trace)
                end = outcome.numbers.get("end")
                gain = 1 - end / CHANCE if isinstance(end, float) else float("-inf")
                name = "learned" if accuracy > LEARNED else "not" if accuracy < NOT else "between"
                gains[name].append(gain)
                said[name][outcome.name] = said[name].get(outcome.name, 0) + 1
                line = f"accuracy {accuracy:.2f}  gain {gain:+.3f}  {outcome.name}"
                print(f"{kind.__name__:5} {rate:<8g} seed {seed}  {line}", flush=True)
    for name, some in gains.items():
        if some:
            span = f"{min(some):+.3f} to {max(some):+.3f}"
            print(f"{name:8} {len(some):3} runs, gain {span} (limit {GAIN}), said {said[name]}")
    for scale in SCALES:
        told = [regress(scale, seed) for seed in seeds]
        print(f"targets x {scale:<7g}", *(f"  {far:8.1f} away, R2 {r2:+.3f}" for far, r2 in told))


if __name__ == "__main__":
    main()
