"""Saved data and weights, read without ever running what is in the file."""

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


def batches(file: Path) -> Any:
    """A saved batch or set: one batch if it is small, else a stream of them.

    In an archive or a dictionary the target is called ``target``, ``label`` or ``y`` (or their
    plurals), in a CSV file the column of that name is it.

    Raises:
        UsageError: a file that cannot be read, or holds no numbers.
    """
    inputs, target = _parts(read(file, "--data", safe=False), file)
    rows = {len(value) for value in (*inputs.values(), target) if value is not None}
    if len(rows) != 1:
        told = ", ".join(str(each) for each in sorted(rows))
        raise UsageError(
            f"--data {str(file)!r} holds arrays of {told} rows; as many each expected."
        )
    many = rows.pop()
    if many == 0:
        raise UsageError(f"--data {str(file)!r} holds no row.")
    if many <= ROWS:
        return _batch(inputs, target, slice(None))
    return _Stream(inputs, target, many)


class _Stream:
    """Batches of a saved set, in its order."""

    def __init__(self, inputs: dict[str, Tensor], target: Tensor | None, many: int) -> None:
        self.inputs, self.target, self.many = inputs, target, many

    def __iter__(self) -> Iterator[Any]:
        for first in range(0, self.many, ROWS):
            yield _batch(self.inputs, self.target, slice(first, first + ROWS))


def _batch(inputs: dict[str, Tensor], target: Tensor | None, rows: slice) -> Any:
    cut = {name: value[rows] for name, value in inputs.items()}
    if len(cut) == 1:
        (only,) = cut.values()
        return (only,) if target is None else (only, target[rows])
    return cut if target is None else {**cut, "target": target[rows]}


def _parts(held: Any, file: Path) -> tuple[dict[str, Tensor], Tensor | None]:
    kind = type(held).__name__
    if isinstance(held, tuple | list):
        pair = list(cast("list[Any]", held))
        held = {"input": pair[0], "target": pair[1]} if len(pair) == 2 else None
    if isinstance(held, np.ndarray | Tensor):
        held = {"input": cast("Any", held)}
    if not isinstance(held, dict) or not held:
        raise UsageError(
            f"--data {str(file)!r} holds {kind}; a tensor, a pair (inputs, target) or a dictionary "
            "of tensors was expected."
        )
    told = cast("dict[Any, Any]", held)
    tensors = {str(name): _tensor(value, file) for name, value in told.items()}
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


def read(file: Path, option: str, *, safe: bool) -> Any:
    """What a file holds: tensors, arrays, or a dictionary or sequence of them.

    Args:
        file: its ending says what it is.
        option: who names it, for the sentence.
        safe: only ``.pt`` and ``.safetensors``, as weights are kept.

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
            held: Any = np.load(stream, allow_pickle=False)
            return held if kind == ".npy" else {name: held[name] for name in held.files}
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
    """A table of numbers, with or without a first row of names."""
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
