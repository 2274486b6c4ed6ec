"""Do the updates of a swinging loss turn back? The measurement behind ACT607.

Digits, a network of three layers, over learning rates from usual to too high, with small and large
batches, with dropout and with data in the order of their labels. For each run: the outcome, and the
median over the weights and the later half of the steps of the cosine between one update of a weight
and the next.

    python benchmarks/swinging.py
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from relume.core import Fact, Series, Trace
from relume.rules.outcome import judge

STEPS = 400
Make = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]


def momentum(parameters: Iterable[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, rate, momentum=0.9)


OPTIMISERS: dict[str, tuple[Make, tuple[float, ...]]] = {
    "sgd": (torch.optim.SGD, (0.03, 0.1, 0.3, 1.0, 2.0)),
    "sgd 0.9": (momentum, (0.01, 0.03, 0.1, 0.3)),
    "adam": (torch.optim.Adam, (1e-3, 1e-2, 3e-2, 1e-1)),
}
# rows a batch, and how they come: shuffled, with dropout, or all rows of a class after another
KINDS = ((16, "shuffled"), (64, "shuffled"), (64, "dropout"), (64, "in order"), (1400, "shuffled"))


def batches(labels: Tensor, rows: int, kind: str) -> Iterator[Tensor]:
    order = labels[:1400].argsort(stable=True)
    while True:
        yield from (order if kind == "in order" else torch.randperm(1400)).split(rows)


def train(make: Make, rate: float, rows: int, kind: str) -> str:
    x, y = load_digits(return_X_y=True)
    inputs, labels = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    torch.manual_seed(0)
    drop = nn.Dropout(0.5 if kind == "dropout" else 0.0)
    layers = [nn.Linear(64, 64), nn.ReLU(), drop, nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
    model = nn.Sequential(*layers)
    weights = [p for p in model.parameters() if p.dim() > 1]
    optimizer = make(model.parameters(), rate)
    losses: list[float] = []
    cosines: list[float] = []
    last: list[Tensor] = []
    for _, batch in zip(range(STEPS), batches(labels, rows, kind), strict=False):
        loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        before = [w.detach().clone() for w in weights]
        optimizer.step()
        losses.append(loss.item())
        moves = [(w.detach() - b).flatten() for w, b in zip(weights, before, strict=True)]
        pairs = zip(moves, last, strict=False)
        found = [float(torch.cosine_similarity(a, b, dim=0)) for a, b in pairs]
        cosines += [float(np.median(found))] if found else []
        last = moves
    values = np.array(losses)
    known = Fact("criterion", data={"loss": "cross_entropy", "chance": float(np.log(10))})
    table = {("", "loss"): Series(np.arange(len(values)), values)}
    outcome = judge(Trace({}, table=table, facts=(known,)))
    late = np.array(cosines[len(cosines) // 2 :])
    typical = float(np.median(late[np.isfinite(late)])) if np.isfinite(late).any() else float("nan")
    return f"{outcome.name:12}{values[-20:].mean():9.3f}{typical:9.3f}"


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'optimiser':10}{'rate':>7}{'rows':>6}  {'data':10}{'outcome':12}", end="")
    print(f"{'end loss':>9}{'cosine':>9}")
    for name, (make, rates) in OPTIMISERS.items():
        for rate in rates:
            for rows, kind in KINDS:
                row = train(make, rate, rows, kind)
                print(f"{name:10}{rate:7.3f}{rows:6d}  {kind:10}{row}", flush=True)


if __name__ == "__main__":
    main()
