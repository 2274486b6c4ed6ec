"""What recording costs a training step: time with it over time without it.

Three models, in one process. Blocks of steps alternate A B A B (A: nothing of relume in torch;
B: recording), so that drift of the machine falls on both alike. For each pair of blocks the ratio
B/A is taken; median and interquartile range over pairs are printed. Three ways of recording:

    default   the budget of 1 % after the first quarter of a second is spent
    never     the hooks alone, no step recorded: what runs between records
    always    every step recorded: what one record costs

and, to compare, what people write or install instead, on every step, nothing of relume in torch:

    hook       a forward hook on each module without children: mean, std and share of zeros
    histogram  the same hook with a histogram of 64 bins of the output and of each gradient, as
               experiment trackers take them

    python benchmarks/overhead.py [--pairs 40] [--modes never,default,always,hook,histogram]
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import relume


class Convnet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.fc = nn.Linear(64 * 8 * 8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(256, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True, activation="gelu")
        self.blocks = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.out = nn.Linear(128, 256)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.blocks(self.tokens(x))).flatten(0, 1)


def mlp() -> tuple[nn.Module, Tensor, Tensor]:
    sizes = [64, 128, 128, 10]
    layers = [nn.Linear(sizes[0], sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[2]), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(sizes[2], sizes[3]))
    return model, torch.randn(64, 64), torch.randint(0, 10, (64,))


def convnet() -> tuple[nn.Module, Tensor, Tensor]:
    return Convnet(), torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))


def transformer() -> tuple[nn.Module, Tensor, Tensor]:
    x = torch.randint(0, 256, (8, 64))
    return Transformer(), x, x.flatten()


MODELS: dict[str, tuple[Callable[[], tuple[nn.Module, Tensor, Tensor]], int]] = {
    "mlp": (mlp, 150),
    "convnet": (convnet, 12),
    "transformer": (transformer, 8),
}


class Training:
    def __init__(self, make: Callable[[], tuple[nn.Module, Tensor, Tensor]]) -> None:
        torch.manual_seed(0)
        self.model, self.x, self.y = make()
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)

    def steps(self, count: int) -> float:
        """Seconds a step."""
        start = time.perf_counter()
        for _ in range(count):
            loss = F.cross_entropy(self.model(self.x), self.y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return (time.perf_counter() - start) / count


def ratios(name: str, mode: str, pairs: int, folder: Path) -> tuple[float, list[float], float]:
    """(milliseconds of a plain step, ratio for each pair of blocks, share of steps recorded)."""
    make, block = MODELS[name]
    training = Training(make)
    training.steps(block)
    options = {"default": {}, "never": {"every": 10**9}, "always": {"every": 1}}[mode]
    run = relume.watch(training.model, path=folder / f"{name}-{mode}.sqlite", **options)
    recorder = run._recorder
    assert recorder is not None
    if mode == "default":
        # Past the first credit, and with an alpha that has seen steps of both kinds. What is
        # left of the first credit is taken away, so that income alone is measured.
        while recorder.records < 60:
            training.steps(block)
        recorder.budget.credit = 0.0
    else:
        training.steps(block)
    begun, done, found, plain = recorder.records, 0, list[float](), list[float]()
    for _ in range(pairs):
        recorder.pause()
        plain.append(training.steps(block))
        recorder.start()
        found.append(training.steps(block) / plain[-1])
        done += block
    share = (recorder.records - begun) / done
    run.close()
    assert not run.problems, run.problems
    return 1e3 * statistics.median(plain), found, share


def hand_written(model: nn.Module, *, histogram: bool) -> Callable[[], None]:
    """Put the hooks of a mode in; returns what takes them out."""
    log: dict[str, Any] = {}

    def take(name: str, tensor: Tensor) -> None:
        values = tensor.detach().float()
        if histogram:
            bins = torch.histc(values, 64).tolist()
            log[name] = (bins, values.min().item(), values.max().item())
        else:
            zero = (values == 0).float().mean().item()
            log[name] = (values.mean().item(), values.std().item(), zero)

    handles: list[Any] = []
    for name, module in model.named_modules():
        if next(module.children(), None) is None:
            handles.append(
                module.register_forward_hook(
                    lambda m, a, out, name=name: take(name, out) if type(out) is Tensor else None
                )
            )
    if histogram:
        for name, parameter in model.named_parameters():
            handles.append(
                parameter.register_hook(lambda grad, name=name: take(f"{name}.grad", grad))
            )
    return lambda: [handle.remove() for handle in handles] and None


def peer_ratios(name: str, mode: str, pairs: int) -> tuple[float, list[float], float]:
    """As `ratios`, for hooks that are not ours."""
    make, block = MODELS[name]
    training = Training(make)
    training.steps(block)
    found, plain = list[float](), list[float]()
    for _ in range(pairs):
        plain.append(training.steps(block))
        remove = hand_written(training.model, histogram=mode == "histogram")
        found.append(training.steps(block) / plain[-1])
        remove()
    return 1e3 * statistics.median(plain), found, 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--modes", default="never,default,always,hook,histogram")
    parser.add_argument("--models", default=",".join(MODELS))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {arguments.threads} thread(s)")
    print(f"{'model':12}{'mode':10}{'plain ms':>9}{'ratio':>8}{'quartiles':>18}{'recorded':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models.split(","):
            for mode in arguments.modes.split(","):
                if mode in ("hook", "histogram"):
                    plain, found, share = peer_ratios(name, mode, arguments.pairs)
                else:
                    plain, found, share = ratios(name, mode, arguments.pairs, Path(folder))
                low, middle, high = statistics.quantiles(found, n=4)
                each = f"1 in {1 / share:.0f}" if share else "none"
                print(
                    f"{name:12}{mode:10}{plain:9.2f}{middle:8.3f}{f'{low:.3f} .. {high:.3f}':>18}"
                    f"{each:>10}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
