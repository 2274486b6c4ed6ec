"""How fast the acts are, as a ratio to torch: A B A B in one process, medians and quartiles.

    python benchmarks/acts.py [--pairs 60] [--threads 1] [--rows 512] [--json FILE]

Each line times torch's way (A) and ours (B) in turn, so that drift of the machine falls on both
alike; the ratio A/B is taken for each pair, and its median and quartiles are printed: above 1
ours is the faster. Tensors are float32, (rows, 512) unless a line says otherwise; forward plus
backward where it says so. Kept is what autograd holds for backward, ours and torch's, in bytes a
unit of the output. One thread by default: with more, a busy machine measures its own scheduler.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import relume.acts as acts

WIDTH = 512
ALIKE = ("relu", "leaky_relu", "sigmoid", "silu", "tanh", "gelu", "elu", "hardswish", "softplus")


class Case(NamedTuple):
    """One line: what torch does, what we do, the ratio that is wanted, what each keeps."""

    name: str
    torchs: Callable[[], Any]
    ours: Callable[[], Any]
    wanted: str = ""
    kept: tuple[float, float] | None = None


def both_ways(call: Callable[[Tensor], Tensor], z: Tensor, pull: Tensor) -> Callable[[], Any]:
    """Forward and backward."""
    return lambda: torch.autograd.grad(call(z), z, pull)


def backward(
    call: Callable[..., Tensor], inputs: tuple[Tensor, ...], pull: Tensor
) -> Callable[[], Any]:
    """Backward alone, through a graph that is made once."""
    value = call(*inputs)
    return lambda: torch.autograd.grad(value, inputs, pull, retain_graph=True)


def kept(call: Callable[[Tensor], Tensor], z: Tensor, units: int) -> float:
    """Bytes a unit that autograd holds, behind a step that makes `z` a tensor of the graph."""
    return acts.bytes_for_backward(lambda at: call(at * 1), z).bytes / units


def maxout(pieces: int, rows: int) -> Case:
    z = torch.randn(rows, pieces * WIDTH, requires_grad=True)
    pull = torch.randn(rows, WIDTH)

    def torchs(at: Tensor) -> Tensor:
        return at.view(rows, WIDTH, pieces).max(-1).values

    def ours(at: Tensor) -> Tensor:
        return acts.maxout(at, pieces)

    sizes = kept(torchs, z, rows * WIDTH), kept(ours, z, rows * WIDTH)
    name = f"maxout of {pieces}, forward + backward"
    return Case(name, both_ways(torchs, z, pull), both_ways(ours, z, pull), ">= 3", sizes)


def maxout_layer(rows: int) -> Case:
    x, pull = torch.randn(rows, WIDTH, requires_grad=True), torch.randn(rows, WIDTH)
    relu = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU())
    ours = acts.Maxout(WIDTH, WIDTH)

    def step(layer: nn.Module) -> Callable[[], Any]:
        inputs = (x, *layer.parameters())
        return lambda: torch.autograd.grad(layer(x), inputs, pull)

    return Case("a ReLU layer against a Maxout layer", step(relu), step(ours), ">= 0.45 (1/2.2)")


def prelu(slopes: int, rows: int) -> Case:
    z, pull = torch.randn(rows, WIDTH, requires_grad=True), torch.randn(rows, WIDTH)
    weight = torch.full((slopes,), 0.25, requires_grad=True)
    which = "one slope" if slopes == 1 else "a slope a channel"
    wanted = ">= 5" if slopes == 1 else ""
    torchs = backward(F.prelu, (z, weight), pull)
    return Case(
        f"prelu, {which}, backward", torchs, backward(acts.prelu, (z, weight), pull), wanted
    )


def mish(rows: int) -> list[Case]:
    z, pull = torch.randn(rows, WIDTH), torch.randn(rows, WIDTH)
    at = z.clone().requires_grad_()
    return [
        Case("mish, forward", lambda: F.mish(z), lambda: acts.mish(z), ">= 2"),
        Case("mish, backward", backward(F.mish, (at,), pull), backward(acts.mish, (at,), pull)),
    ]


def alike(name: str, rows: int) -> Case:
    """An act whose default path is torch's own."""
    z, pull = torch.randn(rows, WIDTH, requires_grad=True), torch.randn(rows, WIDTH)
    call = getattr(torch, name) if name in ("sigmoid", "tanh") else getattr(F, name)
    ours = getattr(acts, name)
    title = f"{name}, forward + backward"
    return Case(title, both_ways(call, z, pull), both_ways(ours, z, pull), ">= 0.97")


def gated(name: str, gate: Callable[[Tensor], Tensor], rows: int) -> Case:
    z, pull = torch.randn(rows, 2 * WIDTH, requires_grad=True), torch.randn(rows, WIDTH)

    def torchs(at: Tensor) -> Tensor:
        a, b = at.chunk(2, -1)
        return a * gate(b)

    ours = getattr(acts, name)
    sizes = kept(torchs, z, rows * WIDTH), kept(ours, z, rows * WIDTH)
    title = f"{name}, forward + backward"
    return Case(title, both_ways(torchs, z, pull), both_ways(ours, z, pull), "", sizes)


def lean(rows: int) -> Case:
    z, pull = torch.randn(rows, WIDTH, requires_grad=True), torch.randn(rows, WIDTH)
    ours = acts.LeanLeakyReLU()
    head = torch.randn(WIDTH, 1, requires_grad=True)

    def behind(call: Callable[[Tensor], Tensor]) -> float:
        return kept(lambda at: call(at) @ head, z, rows * WIDTH) - head.nbytes / (rows * WIDTH)

    sizes = behind(F.leaky_relu), behind(ours)
    torchs = both_ways(F.leaky_relu, z, pull)
    name = "lean leaky_relu, forward + backward"
    return Case(name, torchs, both_ways(ours, z, pull), "", sizes)


def exact(name: str, rows: int) -> Case:
    """What exactness costs."""
    z, pull = torch.randn(rows, WIDTH, requires_grad=True), torch.randn(rows, WIDTH)
    call = getattr(acts, name)
    ours = both_ways(lambda at: call(at, exact=True), z, pull)
    return Case(f"{name}(exact=True), forward + backward", both_ways(call, z, pull), ours)


def cases(rows: int) -> list[Case]:
    gates = {"reglu": F.relu, "geglu": F.gelu, "swiglu": F.silu}
    return [
        maxout(2, rows),
        maxout(4, rows),
        maxout_layer(rows),
        prelu(1, rows),
        prelu(WIDTH, rows),
        *mish(rows),
        *(alike(name, rows) for name in ALIKE),
        lean(rows),
        *(gated(name, gate, rows) for name, gate in gates.items()),
        *(exact(name, rows) for name in ("relu", "sigmoid", "tanh", "gelu", "silu", "elu")),
    ]


def ratios(case: Case, pairs: int) -> list[float]:
    """A/B for each pair; a side is repeated until it takes half a millisecond."""

    def seconds(call: Callable[[], Any], times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            call()
        return time.perf_counter() - start

    seconds(case.torchs, 3)
    seconds(case.ours, 3)
    times = max(1, round(5e-4 / min(seconds(case.ours, 1), seconds(case.torchs, 1))))
    return [seconds(case.torchs, times) / seconds(case.ours, times) for _ in range(pairs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    shape = f"({arguments.rows}, {WIDTH}) float32, {arguments.threads} thread(s)"
    table = Table(title=f"torch's time over ours, {shape}; torch {torch.__version__}")
    table.add_column("")
    for title in ("ratio", "quartiles", "wanted", "kept, torch -> ours"):
        table.add_column(title, justify="right")
    records: list[dict[str, Any]] = []
    for case in cases(arguments.rows):
        low, middle, high = statistics.quantiles(ratios(case, arguments.pairs), n=4)
        sizes = f"{case.kept[0]:.0f} -> {case.kept[1]:.0f} bytes" if case.kept else ""
        table.add_row(case.name, f"{middle:.2f}", f"{low:.2f} - {high:.2f}", case.wanted, sizes)
        records.append({"case": case.name, "ratio": middle, "quartiles": [low, high]})
    Console(width=110).print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
