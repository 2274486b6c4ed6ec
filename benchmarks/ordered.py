"""From which share of order on do data hurt, and how far do targets of a fixed data set move?

    python benchmarks/ordered.py [--seeds 3]

Order: handwritten digits, whose rows are sorted by class plus noise, from none (sorted) to much
(shuffled), and a regression sorted by its target. A network learns them in that order for ten
epochs. Printed are the share of the targets' variance that lies between batches (ACT703's number),
and what was lost against the same rows shuffled: in accuracy, or in explained variance, on rows
that were held out.

Drift: the same targets, and a series with a trend in the order of time, as the first 200 records
hold them. Printed is how far their mean moves from the first to the last quarter of the batches, in
deviations within a batch, beyond which targets count as moving (`DRIFT` of the outcome), and which
share of the last quarter's values the first half had: data in order come back (`COMES_BACK`).
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn

from relume.record.measure.target_stats import TargetStats

BATCH, EPOCHS, RECORDS = 32, 10, 200
NOISE = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.5, 4.0)  # in deviations of the targets
Rows = tuple[Tensor, Tensor, Tensor, Tensor]  # inputs and targets to learn from, and held out


def digits(seed: int) -> Rows:
    data = load_digits()
    x, y = torch.tensor(data.data / 16).float(), torch.tensor(data.target)
    return _split(x, y, seed)


def diabetes(seed: int) -> Rows:
    data = load_diabetes()
    x, y = torch.tensor(data.data * 21).float(), torch.tensor(data.target).float()
    return _split(x, (y - y.mean()) / y.std(), seed)


def _split(x: Tensor, y: Tensor, seed: int) -> Rows:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held = len(x) // 4
    return x[order[held:]], y[order[held:]], x[order[:held]], y[order[:held]]


def in_order(y: Tensor, noise: float, rng: np.random.Generator) -> Tensor:
    values = y.double().numpy()
    return torch.tensor(np.argsort(values + noise * values.std() * rng.normal(size=len(values))))


def batches(y: Tensor, epochs: int) -> list[slice]:
    return [slice(at, at + BATCH) for _ in range(epochs) for at in range(0, len(y), BATCH)]


def told(y: Tensor, epochs: int = EPOCHS) -> tuple[float, float, float]:
    """Share between batches, drift and returns, as a run over these targets records them."""
    stats = TargetStats()
    for batch in batches(y, epochs)[:RECORDS]:
        stats.add(y[batch])
    data = stats.data()
    names = ("target_between", "target_drift", "target_returns")
    between, moved, returns = (data[name] or 0.0 for name in names)
    return between, moved, returns


def score(rows: Rows, order: Tensor, adam: bool, seed: int) -> float:
    """Accuracy, or explained variance, of a network on the rows that were held out."""
    x, y, fresh, right = rows
    x, y = x[order], y[order]
    torch.manual_seed(seed)
    classes = not y.is_floating_point()
    model = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 10 if classes else 1))
    rate = 1e-3 if adam else 0.1 if classes else 0.01
    make = torch.optim.Adam if adam else torch.optim.SGD
    optimizer = make(model.parameters(), rate)
    loss_of: Callable[[Tensor, Tensor], Tensor] = nn.CrossEntropyLoss()
    if not classes:
        loss_of = lambda out, goal: nn.functional.mse_loss(out.squeeze(1), goal)  # noqa: E731
    for batch in batches(y, EPOCHS):
        optimizer.zero_grad()
        loss_of(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        out = model(fresh)
    if classes:
        return float((out.argmax(1) == right).float().mean())
    return 1 - float((out.squeeze(1) - right).square().mean() / right.var(correction=0))


def order_hurts(seeds: int) -> None:
    print(f"{'data':<10}{'noise':>6}{'between':>9}   lost under SGD, Adam")
    for name, make in (("digits", digits), ("diabetes", diabetes)):
        for noise in NOISE:
            shares, lost = [], []
            for seed in range(seeds):
                rows, rng = make(seed), np.random.default_rng(seed)
                order = in_order(rows[1], noise, rng)
                shares.append(told(rows[1][order])[0])
                other = torch.tensor(rng.permutation(len(order)))
                lost.append(
                    [
                        score(rows, other, a, seed) - score(rows, order, a, seed)
                        for a in (False, True)
                    ]
                )
            sgd, adam = np.mean(lost, 0)
            print(
                f"{name:<10}{noise:>6}{np.mean(shares):>9.2f}   {sgd:.2f}, {adam:.2f}", flush=True
            )


def drift(seeds: int) -> None:
    print(f"{'targets':<32}{'between':>9}{'drift':>7}{'returns':>9}   (worst of {seeds})")
    for epochs in (1, 3, EPOCHS):
        for noise in NOISE:
            numbers = []
            for seed in range(seeds):
                rows, rng = diabetes(seed), np.random.default_rng(seed)
                y = rows[1].repeat(4)  # so that an epoch has 42 batches
                y = y + 1e-3 * torch.tensor(rng.normal(size=len(y)))  # each value once
                numbers.append(told(y[in_order(y, noise, rng)], epochs))
            _row(f"diabetes, {noise} of noise, {epochs} epochs", numbers)
    for trend in (0.0, 1.0, 3.0, 10.0):
        numbers = []
        for seed in range(seeds):
            rng, at = np.random.default_rng(seed), np.linspace(0, 1, 3000)
            series = np.sin(at * 300) + trend * at + 0.2 * rng.normal(size=3000)
            numbers.append(told(torch.tensor(series), 1))
        _row(f"series in time, trend {trend}", numbers)


def _row(name: str, numbers: list[tuple[float, float, float]]) -> None:
    between, moved, _ = np.array(numbers).max(0)
    returns = min(number[2] for number in numbers)
    print(f"{name:<32}{between:>9.2f}{moved:>7.2f}{returns:>9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    words = parser.parse_args()
    order_hurts(words.seeds)
    drift(words.seeds)


if __name__ == "__main__":
    main()
