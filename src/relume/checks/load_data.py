"""Reads saved data and weights, without ever running code from the file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from relume.checks.batches import TARGETS
from relume.errors import UsageError

ROWS = 128  # of a saved set in one batch: 3,000 rows are then 24 batches
KINDS = (".npy", ".npz", ".pt", ".pth", ".csv", ".safetensors")


def load_batches(file: Path) -> Any:
    """Read a saved batch or set: one batch if it is small, else a stream of them.

    The target is the entry of an archive or dictionary, or the column of a CSV file, that is called
    ``target``, ``label`` or ``y`` (or their plurals).

    Raises:
        UsageError: a file that cannot be read, or holds no numbers.
    """
    inputs, target = _parts(read_file(file, "--data", safe=False), file)
    rows = {len(value) for value in (*inputs.values(), target) if value is not None}
    if len(rows) != 1:
        counts = ", ".join(str(each) for each in sorted(rows))
        raise UsageError(
            f"--data {str(file)!r} holds arrays of {counts} rows; as many each expected."
        )
    count = rows.pop()
    if count == 0:
        raise UsageError(f"--data {str(file)!r} holds no row.")
    if count <= ROWS:
        return _batch(inputs, target, slice(None))
    return _Stream(inputs, target, count)


class _Stream:
    """Batches of a saved set, in its order."""

    def __init__(self, inputs: dict[str, Tensor], target: Tensor | None, count: int) -> None:
        self.inputs, self.target, self.count = inputs, target, count

    def __iter__(self) -> Iterator[Any]:
        for first in range(0, self.count, ROWS):
            yield _batch(self.inputs, self.target, slice(first, first + ROWS))


def _batch(inputs: dict[str, Tensor], target: Tensor | None, rows: slice) -> Any:
    cut = {name: value[rows] for name, value in inputs.items()}
    if len(cut) == 1:
        (only,) = cut.values()
        return (only,) if target is None else (only, target[rows])
    return cut if target is None else {**cut, "target": target[rows]}


def _parts(content: Any, file: Path) -> tuple[dict[str, Tensor], Tensor | None]:
    kind = type(content).__name__
    if isinstance(content, tuple | list):
        pair = list(cast("list[Any]", content))
        content = {"input": pair[0], "target": pair[1]} if len(pair) == 2 else None
    if isinstance(content, np.ndarray | Tensor):
        content = {"input": cast("Any", content)}
    if not isinstance(content, dict) or not content:
        raise UsageError(
            f"--data {str(file)!r} holds {kind}; a tensor, a pair (inputs, target) or a dictionary "
            "of tensors was expected."
        )
    named = cast("dict[Any, Any]", content)
    tensors = {str(name): _tensor(value, file) for name, value in named.items()}
    keys = [name for name in tensors if name.lower() in TARGETS]
    target = tensors.pop(keys[0]) if keys and len(tensors) > 1 else None
    return tensors, target


def _tensor(value: Any, file: Path) -> Tensor:
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        if array.dtype.kind not in "biuf":
            raise UsageError(f"--data {str(file)!r} holds {array.dtype}; numbers were expected.")
        value = torch.from_numpy(array.copy())
    if not isinstance(value, Tensor) or value.dim() == 0:
        raise UsageError(f"--data {str(file)!r} holds {type(value).__name__}; rows were expected.")
    return value.to(torch.get_default_dtype()) if value.dtype == torch.float64 else value


def read_file(file: Path, option: str, *, safe: bool) -> Any:
    """Read tensors, arrays, or a dictionary or sequence of them from a file.

    Args:
        file: its ending says its format.
        option: the option that names it, for the message.
        safe: accept only ``.pt`` and ``.safetensors``, the formats of weights.

    Raises:
        UsageError: it cannot be read; the message says why.
    """
    kinds = (".pt", ".pth", ".safetensors") if safe else KINDS
    kind = file.suffix.lower()
    if kind not in kinds:
        raise UsageError(f"{option} is {str(file)!r}; a file that ends in {', '.join(kinds)}.")
    if not file.is_file():
        raise UsageError(f"{option} is {str(file)!r}, and there is no such file.")
    try:
        return _read(file, kind)
    except UsageError:
        raise
    except Exception as error:  # each library has errors of its own for a damaged file
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        reason = reason if len(reason) <= 160 else f"{reason[:157]}..."
        raise UsageError(f"{option}: {str(file)!r} cannot be read ({reason}).") from None


def _read(file: Path, kind: str) -> Any:
    if kind in (".npy", ".npz"):
        with file.open("rb") as stream:  # opened here: NumPy leaves a damaged file open
            content: Any = np.load(stream, allow_pickle=False)
            return content if kind == ".npy" else {name: content[name] for name in content.files}
    if kind == ".csv":
        return _csv(file)
    if kind == ".safetensors":
        try:
            from safetensors import torch as safetensors
        except ImportError:
            raise UsageError("a .safetensors file needs: pip install safetensors.") from None
        return cast("Any", safetensors).load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def _csv(file: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read a table of numbers, with or without a first row of names."""
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if row]
    if not rows:
        raise UsageError(f"--data {str(file)!r} is empty.")
    names = [cell.strip() for cell in rows[0]]
    titled = not any(_is_number(cell) for cell in names)
    numbers = np.array([[float(cell) for cell in row] for row in rows[titled:]])
    columns = [i for i, name in enumerate(names) if titled and name.lower() in TARGETS]
    if not columns or numbers.ndim != 2:
        return {"input": numbers}
    answer = numbers[:, columns[0]]
    whole = bool((answer == np.round(answer)).all())
    inputs = np.delete(numbers, columns[0], axis=1)
    return {"input": inputs, "target": answer.astype(np.int64) if whole else answer}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
