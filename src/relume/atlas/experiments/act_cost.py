"""What an act costs: of itself, and of a whole step of training."""

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from relume.acts.lookup import act as find
from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import convnet, mlp

ELEMENTS = 1 << 14
"""64 KiB of float32, which any second-level cache holds: the act itself is timed, not memory."""


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Nanoseconds an element forward, and forward and backward, in cache on one thread; and
    microseconds of a whole step of a perceptron and of a convnet."""
    del rate
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        act = find(arm)
        z = torch.randn(ELEMENTS // 128, 128, generator=torch.Generator().manual_seed(seed))
        leaf = z.clone().requires_grad_()
        ones = torch.ones_like(act(z))
        found: dict[str, float | None] = {
            "train": _best(lambda: torch.autograd.grad(act(leaf), leaf, ones)) / ELEMENTS,
            "forward": _best(lambda: act(z)) / ELEMENTS,
            "perceptron": _best(_step(mlp(arm, seed, width=256), seed)) / 1e3,
            "convnet": None if arm == "maxout" else _best(_step(convnet(arm, seed), seed)) / 1e3,
        }
    finally:
        torch.set_num_threads(threads)
    return found


def _step(net: nn.Sequential, seed: int) -> Callable[[], object]:
    source = torch.Generator().manual_seed(seed)
    x, y = torch.randn(128, 64, generator=source), torch.arange(128) % 10
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        torch.autograd.backward(functional.cross_entropy(net(x), y))
        optimiser.step()

    return step


def _best(call: Callable[[], object], rounds: int = 15) -> float:
    """Nanoseconds of a call: the least of several rounds, which the machine disturbed least."""
    call()
    start = time.perf_counter_ns()
    call()
    calls = max(1, int(5e5 / max(time.perf_counter_ns() - start, 1)))
    times: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        times.append((time.perf_counter_ns() - start) / calls)
    return min(times)


ACT_COST = Experiment(
    "act-cost",
    "What does an act cost: alone, and of a whole step of training?",
    measure,
    {"relu": "ReLU", "leaky_relu": "Leaky ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}
    | {"prelu": "PReLU", "elu": "ELU", "maxout": "Maxout of 2", "gelu": "GELU", "silu": "SiLU"},
    {
        "forward": "the act forward, in cache, ns an element",
        "train": "the act forward and backward, in cache, ns an element",
        "perceptron": "a step of a perceptron of 2 × 256, µs",
        "convnet": "a step of a small convnet, µs",
    },
    seeds=10,
    unit="ns",
    setting="float32 on one thread, the least of 15 rounds, batches of 128",
)
