"""How exact each act is, in units in the last place, against torch, jax.nn and scipy.special.

python benchmarks/accuracy.py [ACT ...] [--dtype float32] [--json FILE]

The truth is the printed definition in mpmath at every magnitude of the dtype (the points and
oracles of tests/acts). Each cell is the largest error of value / slope; `0!` says that a slope is
zero where the truth is a normal number, `nan` that a result is not finite where the truth is.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "acts"))
from act_contract import DTYPES, errors, places
from act_oracles import ROWS, Row

from relume.acts.act import Act, find_act

JAX = {
    "relu": "relu",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "selu",
    "celu": "celu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "softplus": "softplus",
    "softsign": "soft_sign",
    "hardswish": "hard_swish",
    "hardsigmoid": "hard_sigmoid",
    "hardtanh": "hard_tanh",
    "relu6": "relu6",
    "log_sigmoid": "log_sigmoid",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "squareplus": "squareplus",
    "identity": "identity",
}
Results = tuple[Tensor, ...]


def by_torch(call: Callable[[Tensor], Tensor], z: Tensor) -> Results:
    """Value and slope by autograd."""
    z = z.clone().requires_grad_()
    value = call(z * 1)
    (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), slope


def by_jax(row: Row, z: Tensor) -> Results | None:
    """The same by jax.nn, where jax is installed and has the act."""
    try:
        import jax
    except ImportError:
        return None
    if row.act not in JAX:
        return None
    jax.config.update("jax_enable_x64", True)
    call = getattr(jax.nn, JAX[row.act])
    if row.act == "gelu":
        tanh = row.parameters.get("approximate") == "tanh"
        exact = call

        def call(x: Any) -> Any:
            return exact(x, approximate=tanh)

    at = jax.numpy.asarray(z.double().numpy()).astype(str(z.dtype).removeprefix("torch."))
    found = call(at), jax.vmap(jax.grad(call))(at)
    return tuple(torch.from_numpy(np.array(part.astype("float64"))) for part in found)


def by_scipy(row: Row, z: Tensor) -> Results | None:
    """The value by scipy.special, which gives no slopes; float32 and float64."""
    from scipy import special

    ufuncs: dict[str, Callable[[Any], Any]] = {
        "sigmoid": special.expit,
        "log_sigmoid": special.log_expit,
        "gelu": lambda x: x * special.ndtr(x),
        "softplus": lambda x: -special.log_expit(-x),
        "silu": lambda x: x * special.expit(x),
    }
    if row.act not in ufuncs or row.parameters or z.dtype not in (torch.float32, torch.float64):
        return None
    with np.errstate(all="ignore"):
        return (torch.from_numpy(np.asarray(ufuncs[row.act](z.numpy()))),)


class Cell:
    """The worst of one implementation in one dtype."""

    def __init__(self, row: Row, dtype: torch.dtype, at: list[float], found: Results) -> None:
        self.worst: dict[str, float] = {}
        self.where: dict[str, float] = {}
        self.false_zeros: list[float] = []
        least = 4 * torch.finfo(dtype).smallest_normal
        for wrong in errors(row, dtype, at, found):
            if abs(wrong.truth) < least:
                continue
            if wrong.order == "slope" and wrong.got == 0:
                self.false_zeros.append(wrong.z)
            if wrong.ulp >= self.worst.get(wrong.order, 0.0):
                self.worst[wrong.order], self.where[wrong.order] = wrong.ulp, wrong.z

    def __str__(self) -> str:
        shown = [_units(self.worst.get(name)) for name in ("value", "slope")]
        if self.false_zeros:
            shown[1] = "0!"
        return " / ".join(shown)

    @property
    def first_false_zero(self) -> float | None:
        """The place nearest to 0 where the slope is zero and the truth is not."""
        return min(self.false_zeros, key=abs, default=None)


def _units(worst: float | None) -> str:
    if worst is None:
        return "-"
    if math.isinf(worst):
        return "nan"
    return f"{worst:.1f}" if worst < 1000 else f"{worst:.0e}"


def nan_at_low(call: Callable[[Tensor], Tensor], dtype: torch.dtype) -> str:
    """Which of value and slope is NaN at -inf."""
    found = by_torch(call, torch.tensor([-math.inf], dtype=dtype))
    return " ".join(name for name, part in zip("fs", found, strict=True) if part.isnan().any())


def torch_call(act: Act, bound: dict[str, Any]) -> Callable[[Tensor], Tensor] | None:
    """torch's own function for the act at these parameters; None where torch has none."""
    if act.name in ("mish", "prelu"):  # ours has its own kernels
        own = functional.mish if act.name == "mish" else functional.leaky_relu
        return lambda x: own(x, **({} if act.name == "mish" else {"negative_slope": 0.25}))
    native = act.native
    if native is None or not any(match.startswith("torch.") for match in act.matches):
        return None
    return lambda x: native(x, **bound)


def measured(row: Row, dtype: torch.dtype) -> tuple[list[str], dict[str, Any]]:
    """One line of the table, and the same as data."""
    act = find_act(row.act)
    edge = torch.linspace(-104, -80, 97).tolist()  # where exp(-z) overflows in float32
    near = {*places(row, dtype), *(p for p in edge if dtype is torch.float32)}
    at = sorted(p for p in near if abs(p) > torch.finfo(dtype).smallest_normal)
    z = torch.tensor(at, dtype=torch.float64).to(dtype)
    torchs = torch_call(act, {**act.defaults, **row.parameters})
    sources: dict[str, Results | None] = {
        "exact": by_torch(lambda x: act(x, exact=True, **row.parameters), z),
        "default": by_torch(lambda x: act(x, **row.parameters), z),
        "torch": by_torch(torchs, z) if torchs else None,
        "jax": by_jax(row, z),
        "scipy": by_scipy(row, z),
    }
    cells = {name: Cell(row, dtype, at, found) for name, found in sources.items() if found}
    zero = cells["torch"].first_false_zero if "torch" in cells else None
    nan = nan_at_low(torchs, dtype) if torchs else ""
    line = [str(row), str(dtype).removeprefix("torch.")]
    line += [str(cells[name]) if name in cells else "" for name in sources]
    line += ["" if zero is None else f"{zero:.4g}", nan]
    data = {name: {"worst": c.worst, "at": c.where} for name, c in cells.items()}
    return line, {"act": str(row), "dtype": line[1], "first_false_zero": zero, "nan": nan, **data}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("acts", nargs="*", help="only these")
    parser.add_argument("--dtype", action="append", help="float64, float32, bfloat16, float16")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    wanted: Sequence[torch.dtype] = [
        d for d in DTYPES if not arguments.dtype or str(d).split(".")[1] in arguments.dtype
    ]
    table = Table(title=f"worst error of value / slope, ULP; torch {torch.__version__}")
    for name in ("act", "dtype", "ours exact", "ours default", "torch", "jax.nn", "scipy.special"):
        table.add_column(name)
    table.add_column("torch's slope is 0 from")
    table.add_column("NaN at -inf (f, s)")
    records: list[dict[str, Any]] = []
    for row in ROWS:
        tanh = row.parameters == {"approximate": "tanh"}
        if (row.parameters and not tanh) or (arguments.acts and row.act not in arguments.acts):
            continue
        for dtype in wanted:
            line, data = measured(row, dtype)
            table.add_row(*line)
            records.append(data)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
