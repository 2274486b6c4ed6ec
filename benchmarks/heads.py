"""What is lost where a logarithm takes scores for probabilities? The measurement behind ACT203.

Digits with ten outputs and tumours with one, five paired seeds: accuracy on held-out rows with a
proper head, and with scores that were rectified and divided by their sum, or merely cut.

    python benchmarks/heads.py [--seeds 5]
    python benchmarks/heads.py --latents [--seeds 3]  # an act on a VAE's mean or log-variance
"""

import argparse
import statistics
from collections.abc import Callable

import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

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

LATENTS: dict[str, tuple[Head, Head]] = {
    "none": (lambda z: z, lambda z: z),
    "relu mean": (torch.relu, lambda z: z),
    "softplus mean": (F.softplus, lambda z: z),
    "tanh mean": (torch.tanh, lambda z: z),
    "relu log-variance": (lambda z: z, torch.relu),
    "softplus log-variance": (lambda z: z, F.softplus),
    "sigmoid log-variance": (lambda z: z, torch.sigmoid),
    "tanh log-variance": (lambda z: z, torch.tanh),
    "relu both": (torch.relu, torch.relu),
}


def latents(heads: tuple[Head, Head], seed: int) -> tuple[float, float]:
    """The held-out bound and the squared error over the variance of a VAE of eight latents."""
    torch.manual_seed(seed)
    x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    train, test = x[:1500], x[1500:]
    first, mean, spread = nn.Linear(64, 128), nn.Linear(128, 8), nn.Linear(128, 8)
    decoder = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 64), nn.Sigmoid())
    optimizer = torch.optim.Adam(
        [p for m in (first, mean, spread, decoder) for p in m.parameters()], 1e-3
    )

    def bound(rows: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(first(rows))
        mu, log_variance = heads[0](mean(h)), heads[1](spread(h))
        out = decoder(mu + torch.randn_like(mu) * (0.5 * log_variance).exp())
        divergence = 0.5 * (mu.pow(2) + log_variance.exp() - 1 - log_variance).sum()
        error = F.binary_cross_entropy(out, rows, reduction="sum")
        return (error + divergence) / len(rows), out

    for _ in range(30):
        for rows in train[torch.randperm(len(train))].split(BATCH):
            loss, _ = bound(rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        loss, out = bound(test)
        return loss.item(), (F.mse_loss(out, test) / test.var(0).mean()).item()


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
    parser.add_argument("--latents", action="store_true")
    options = parser.parse_args()
    seeds = range(options.seeds)
    torch.set_num_threads(1)
    if options.latents:
        for kind, acts in LATENTS.items():
            bounds, errors = zip(*(latents(acts, seed) for seed in seeds), strict=True)
            spread = f"{min(errors):.3f} to {max(errors):.3f}"
            bound, error = statistics.mean(bounds), statistics.mean(errors)
            print(f"latents {kind:22} bound {bound:.2f}  error / variance {error:.3f} ({spread})")
        return
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
