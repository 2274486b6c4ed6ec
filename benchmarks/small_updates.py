"""How far must weights move before a network learns? The measurement behind ACT606.

A network of four layers on scikit-learn's digits, over learning rates from far too low to usual,
for two lengths of training. For each run: outcome, how much of the start loss is gone, the median
update ratio of the last half, and that ratio times the steps (how far the weights can have moved,
as a share of themselves).

    python benchmarks/small_updates.py
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from relume.core import Fact, Series, Trace
from relume.rules.outcome import judge

Make = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]
OPTIMISERS: dict[str, tuple[Make, tuple[float, ...]]] = {
    "adam": (torch.optim.Adam, (1e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)),
    "sgd": (torch.optim.SGD, (1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)),
}
ACTS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def train(act: type[nn.Module], make: Make, rate: float, steps: int) -> str:
    x, y = load_digits(return_X_y=True)
    inputs, labels = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    torch.manual_seed(0)
    layers = [layer for _ in range(3) for layer in (nn.Linear(64, 64), act())]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    weights = [p for p in model.parameters() if p.dim() > 1]
    optimizer = make(model.parameters(), rate)
    losses: list[float] = []
    ratios: list[float] = []
    for step in range(steps):
        batch = torch.randint(0, len(labels), (64,))
        loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        before = [w.detach().clone() for w in weights] if step % 4 == 0 else []
        optimizer.step()
        losses.append(loss.item())
        pairs = zip(weights, before, strict=False)
        moved = [float((w.detach() - b).norm() / b.norm()) for w, b in pairs]
        ratios += [float(np.median(moved))] if moved else []
    outcome = judge(traced(losses))
    late = float(np.median(ratios[len(ratios) // 2 :]))
    start, end = (float(outcome.numbers[name] or 0) for name in ("start", "end"))
    return f"{outcome.name:12}{(start - end) / start:8.3f}{late:11.1e}{late * steps:9.4f}"


def traced(losses: list[float]) -> Trace:
    """The loss alone as a trace, which is all that the outcome is judged from."""
    values = np.array(losses)
    known = Fact("criterion", data={"loss": "cross_entropy", "chance": float(np.log(10))})
    return Trace({}, table={("", "loss"): Series(np.arange(len(values)), values)}, facts=(known,))


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'act':6}{'optimiser':10}{'rate':>8}{'steps':>6} {'outcome':12}{'gone':>8}", end="")
    print(f"{'ratio':>11}{'x steps':>9}")
    for name, act in ACTS.items():
        for optimiser, (make, rates) in OPTIMISERS.items():
            for rate in rates:
                for steps in (300, 1200):
                    row = train(act, make, rate, steps)
                    print(f"{name:6}{optimiser:10}{rate:8.0e}{steps:6d} {row}", flush=True)


if __name__ == "__main__":
    main()
