"""What does a second act in a row cost? The measurement behind ACT103.

Digits, a network of so many hidden layers, five paired seeds: the accuracy with one act a layer and
with a second one on top of it, and the difference of the pairs. The same for a last act on the
logits, which is behind the severities of ACT203.

    python benchmarks/act_pairs.py [--seeds 5]
"""

import argparse
import statistics

import torch
from sklearn.datasets import load_digits
from torch import nn

EPOCHS, BATCH, TRAINED = 12, 64, 1400
ACTS = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "log_sigmoid": nn.LogSigmoid,
    "softplus": nn.Softplus,
}
PAIRS = (
    ("relu", "relu"),
    ("sigmoid", "relu"),
    ("relu", "tanh"),
    ("relu", "sigmoid"),
    ("tanh", "relu"),
    ("tanh", "tanh"),
    ("tanh", "sigmoid"),
    ("sigmoid", "tanh"),
    ("sigmoid", "sigmoid"),
    ("log_sigmoid", "relu"),
)
LOGITS = ("relu", "sigmoid", "tanh", "softplus")


def accuracy(acts: tuple[str, ...], depth: int, seed: int, logits: str = "") -> float:
    x, y = load_digits(return_X_y=True)
    inputs, labels = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(64, 64), *(ACTS[act]() for act in acts)]
    layers += [nn.Linear(64, 10), *([ACTS[logits]()] if logits else [])]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(TRAINED).split(BATCH):
            loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return (model(inputs[TRAINED:]).argmax(1) == labels[TRAINED:]).float().mean().item()


def told(name: str, one: list[float], two: list[float]) -> None:
    apart = [a - b for a, b in zip(one, two, strict=True)]
    mean, spread = statistics.mean(apart), statistics.stdev(apart)
    first, second = statistics.median(one), statistics.median(two)
    print(f"{name:28}{first:8.3f}{second:8.3f}{mean:+9.3f} +- {spread:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    print(f"{'':28}{'one':>8}{'both':>8}{'lost':>9}")
    for depth in (2, 4):
        alone: dict[str, list[float]] = {}
        for first, second in PAIRS:
            if first not in alone:
                alone[first] = [accuracy((first,), depth, seed) for seed in seeds]
            both = [accuracy((first, second), depth, seed) for seed in seeds]
            told(f"{depth} layers, {second} of {first}", alone[first], both)
    plain = [accuracy(("relu",), 2, seed) for seed in seeds]
    for act in LOGITS:
        told(f"{act} on the logits", plain, [accuracy(("relu",), 2, s, act) for s in seeds])


if __name__ == "__main__":
    main()
