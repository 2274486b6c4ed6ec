"""What recording costs a training step: time with it over time without it.

Three models, in one process. Blocks of steps alternate A B B A (A: nothing of relume in torch; B:
recording), so that a drift of the machine falls on both alike. A block is long enough to hold
several records, since a median over blocks would not see a record that few of them hold. Time is
that of this process on the processor, which other programs do not add to; `--wall` takes the
clock on the wall. Of the ratios B/A of neighbouring blocks the median and the quartiles are
printed. Three ways of recording:

    never      the hooks alone, no step recorded: what runs between records
    default    the budget of 1 % after the allowance is spent (`short_runs.py` times the beginning)
    always     every step recorded: what one record costs

and, to compare, what people write or install instead, on every step, nothing of relume in torch:

    hook       a forward hook on each module without children: mean, std and share of zeros
    histogram  the same hook with a histogram of 64 bins of the output and of each gradient, as
               experiment trackers take them
    fastai     the hook of fastai's ActivationStats on the same modules, with its histogram; where
               fastai is installed (it brings some forty packages)

    python benchmarks/overhead.py [--pairs 8] [--modes never,default,always,...] [--wall]
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import relume
from relume.record.schedule.overhead_budget import ALLOWANCE


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


MODELS: dict[str, Callable[[], tuple[nn.Module, Tensor, Tensor]]] = {
    "mlp": mlp,
    "convnet": convnet,
    "transformer": transformer,
}
LONG, SHORT = 0.8, 0.2  # seconds of a block: where few steps are recorded, and where all are
LATE = 50_000  # steps that count as made: the loss is read on one in 32
SETTLED = 28  # records after which the controller has seen steps of both kinds


class Training:
    def __init__(
        self, make: Callable[[], tuple[nn.Module, Tensor, Tensor]], clock: Callable[[], float]
    ) -> None:
        torch.manual_seed(0)
        self.model, self.x, self.y = make()
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)
        self.clock = clock

    def steps(self, count: int) -> float:
        """Seconds a step."""
        start = self.clock()
        for _ in range(count):
            loss = F.cross_entropy(self.model(self.x), self.y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return (self.clock() - start) / count

    def block(self, seconds: float) -> int:
        """How many steps take so long."""
        self.steps(5)
        return max(4, round(seconds / min(self.steps(5) for _ in range(5))))


@dataclass(frozen=True)
class Cost:
    """Milliseconds of a plain step, the ratio of each pair of blocks, the share recorded."""

    plain: float
    ratios: list[float]
    share: float


def alternated(
    training: Training, block: int, pairs: int, on: Callable[[], None], off: Callable[[], None]
) -> tuple[float, list[float]]:
    """(milliseconds of a plain step, ratios) of blocks in the order A B B A."""
    plain: list[float] = []
    found: list[float] = []
    for pair in range(pairs):
        times: dict[bool, float] = {}
        for with_it in (False, True) if pair % 2 == 0 else (True, False):
            (on if with_it else off)()
            times[with_it] = training.steps(block)
        plain.append(times[False])
        found.append(times[True] / times[False])
    off()
    return 1e3 * statistics.median(plain), found


def ours(training: Training, mode: str, pairs: int, path: Path) -> Cost:
    """What recording costs."""
    block = training.block(SHORT if mode == "always" else LONG)
    options = {"default": {}, "never": {"every": 10**9}, "always": {"every": 1}}[mode]
    run = relume.watch(training.model, path=path, **options)
    recorder = run._recorder
    assert recorder is not None
    if mode == "default":
        while recorder.records < SETTLED:
            training.steps(block)
    if mode != "always":
        # As far on as a run of minutes: the allowance is spent, and income alone is measured.
        recorder.budget.steps += LATE
        recorder.budget._used, recorder.budget.credit = ALLOWANCE, 0.0
    training.steps(block)
    begun = recorder.records
    plain, found = alternated(training, block, pairs, recorder.start, recorder.pause)
    share = (recorder.records - begun) / (pairs * block)
    run.close()
    assert not run.problems, run.problems
    return Cost(plain, found, share)


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


def of_fastai(model: nn.Module) -> Callable[[], None]:
    """The same for fastai's callback, whose hook runs on every step whatever it keeps."""
    from fastai.callback import hook  # type: ignore[import-not-found]  # only where it is asked for

    leaves = [m for m in model.modules() if next(m.children(), None) is None]
    hooks: Any = hook.Hooks(leaves, hook.ActivationStats(with_hist=True).hook)
    return hooks.remove


def theirs(training: Training, mode: str, pairs: int) -> Cost:
    """What hooks cost that are not ours."""
    block = training.block(SHORT)
    held: list[Callable[[], None]] = []

    def off() -> None:
        while held:
            held.pop()()

    def on() -> None:
        off()
        if mode == "fastai":
            held.append(of_fastai(training.model))
        else:
            held.append(hand_written(training.model, histogram=mode == "histogram"))

    plain, found = alternated(training, block, pairs, on, off)
    return Cost(plain, found, 1.0)


def row(name: str, mode: str, cost: Cost) -> str:
    low, middle, high = statistics.quantiles(cost.ratios, n=4)
    each = f"1 in {1 / cost.share:.0f}" if cost.share else "none"
    spread = f"{low:.3f} .. {high:.3f}"
    return f"{name:12}{mode:10}{cost.plain:9.2f}{middle:8.3f}{spread:>18}{each:>10}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--modes", default="never,default,always,hook,histogram")
    parser.add_argument("--models", default=",".join(MODELS))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clock = time.perf_counter if arguments.wall else time.process_time
    print(f"torch {torch.__version__}, {platform.machine()}, {arguments.threads} thread(s)")
    print(f"{'model':12}{'mode':10}{'plain ms':>9}{'ratio':>8}{'quartiles':>18}{'recorded':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models.split(","):
            for mode in arguments.modes.split(","):
                training = Training(MODELS[name], clock)
                if mode in ("never", "default", "always"):
                    path = Path(folder, f"{name}-{mode}.sqlite")
                    found = ours(training, mode, arguments.pairs, path)
                else:
                    found = theirs(training, mode, arguments.pairs)
                print(row(name, mode, found), flush=True)


if __name__ == "__main__":
    main()
