"""What is lost where a logarithm takes scores for probabilities? The measurement behind ACT203.

Digits with ten outputs and tumours with one, five paired seeds: accuracy on held-out rows with a
proper head, and with scores that were rectified and divided by their sum, or merely cut.

    python benchmarks/heads.py [--seeds 5]
"""

import argparse
import statistics
from collections.abc import Callable

import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import Tensor, nn

STEPS, BATCH = 500, 64
LIMIT = 1e-7  # against log(0), as people write it
Head = Callable[[Tensor], Tensor]


def shared(act: Head) -> Head:
    def head(z: Tensor) -> Tensor:
        p = act(z)
        return p / (p.sum(1, keepdim=True) + LIMIT)

    return head


MANY: dict[str, Head] = {
    "softmax": lambda z: z.softmax(1),
    "relu / sum": shared(torch.relu),
    "softplus / sum": shared(nn.functional.softplus),
    "sigmoid / sum": shared(torch.sigmoid),
    "exp / sum": shared(torch.exp),
    "cut": lambda z: z,
    "tanh, cut": torch.tanh,
}
ONE: dict[str, Head] = {"sigmoid": torch.sigmoid, "cut": lambda z: z, "tanh, cut": torch.tanh}


def accuracy(head: Head, x: Tensor, y: Tensor, out: int, seed: int) -> float:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, out))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    order = torch.randperm(len(x))
    train, test = order[: 3 * len(x) // 4], order[3 * len(x) // 4 :]
    target = nn.functional.one_hot(y, 10).float() if out > 1 else y.float()[:, None]
    for _ in range(STEPS):
        pick = train[torch.randint(len(train), (BATCH,))]
        p, t = head(model(x[pick])).clamp(LIMIT, 1 - LIMIT), target[pick]
        gain = t * p.log() if out > 1 else t * p.log() + (1 - t) * (1 - p).log()
        loss = -gain.sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        score = head(model(x[test]))
        guess = score.argmax(1) if out > 1 else (score[:, 0] > 0.5).long()
        return (guess == y[test]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    for name, load, heads, out in (
        ("digits", load_digits, MANY, 10),
        ("tumours", load_breast_cancer, ONE, 1),
    ):
        found, labels = load(return_X_y=True)
        x = torch.tensor(found, dtype=torch.float32)
        x, y = (x - x.mean(0)) / (x.std(0) + 1e-3), torch.tensor(labels)
        base: list[float] = []
        for kind, head in heads.items():
            got = [accuracy(head, x, y, out, seed) for seed in seeds]
            base = base or got
            lost = [a - b for a, b in zip(base, got, strict=True)]
            spread = statistics.stdev(lost) if len(lost) > 1 else 0.0
            mean = statistics.mean(got)
            print(
                f"{name:8} {kind:15} {mean:.3f}  lost {statistics.mean(lost):+.3f} +- {spread:.3f}"
            )


if __name__ == "__main__":
    main()
