"""How large are update ratios where a learning rate is too high? The measurement behind ACT605.

Small networks on scikit-learn's digits, over learning rates from far too low to far too high,
with and without a linear warm-up. For each run: test accuracy, outcome, and the median over the
weights of norm(W_after - W_before) / norm(W_before) at three places: its maximum, up to the best
loss of the run (median of five records), and in the last quarter.

    python benchmarks/learning_rate.py
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import relume
from relume.core import Trace

STEPS, BATCH, WARM = 288, 64, 96
Make = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]


def momentum(parameters: Iterable[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, rate, momentum=0.9)


OPTIMISERS: dict[str, tuple[Make, tuple[float, ...]]] = {
    "adam": (torch.optim.Adam, (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)),
    "sgd 0.9": (momentum, (1e-2, 3e-2, 1e-1, 3e-1, 1.0)),
}


def ratios(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    series = [trace.series(f"{index}.weight", "update_ratio") for index in (0, 2, 4, 6)]
    known = [one for one in series if one is not None]
    return known[0].steps, np.median([one.values for one in known], axis=0)


def train(act: type[nn.Module], make: Make, rate: float, warm: bool, seed: int) -> str:
    x, y = load_digits(return_X_y=True)
    inputs, labels = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    torch.manual_seed(seed)
    layers = [layer for _ in range(2) for layer in (nn.Linear(64, 64), act())]
    model = nn.Sequential(nn.Linear(64, 64), act(), *layers, nn.Linear(64, 10))
    optimizer = make(model.parameters(), rate)
    with tempfile.TemporaryDirectory() as folder:
        with relume.watch(model, path=Path(folder) / "run.sqlite", every=4) as run:
            for step in range(STEPS):
                if warm:
                    for group in optimizer.param_groups:
                        group["lr"] = rate * min(1.0, (step + 1) / WARM)
                batch = torch.randint(0, 1500, (BATCH,))
                loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        trace, diagnosis = run.trace(), run.diagnose()
    with torch.no_grad():
        accuracy = (model(inputs[1500:]).argmax(1) == labels[1500:]).float().mean().item()
    steps, typical = ratios(trace)
    best = diagnosis.outcome.numbers.get("best_step", 0)
    near = int(np.searchsorted(steps, best if isinstance(best, int) else 0))
    around = float(np.median(typical[max(0, near - 4) : near + 1]))
    last = float(np.median(typical[-len(typical) // 4 :]))
    roots = ", ".join(f"{f.code} {f.severity}" for f in diagnosis.roots if f.severity > 0)
    return (
        f"{accuracy:8.3f} {diagnosis.outcome.name:12}{typical.max():8.3f}{around:9.4f}{last:9.4f}"
        f"  {roots}"
    )


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'act':6}{'optimiser':10}{'rate':>7} warm{'accuracy':>9} {'outcome':12}", end="")
    print(f"{'max':>8}{'at best':>9}{'last':>9}  roots above fact")
    for act in (nn.ReLU, nn.Tanh):
        for name, (make, rates) in OPTIMISERS.items():
            for rate in rates:
                for warm in (False, True):
                    row = train(act, make, rate, warm, seed=0)
                    shown = "yes " if warm else "no  "
                    print(f"{act.__name__:6}{name:10}{rate:7.3f} {shown}{row}", flush=True)


if __name__ == "__main__":
    main()
