"""What is known of one parameter's wiring, and how its tensor and gradient are read."""

import math
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from relume.record.capture.device_transfer import DeviceTransfer
from relume.record.measure.dtensor import is_sharded, local_part

SAMPLE = 1_024  # entries of a parameter that are compared bit by bit


@dataclass(slots=True)
class LeafAudit:
    """What is known of one parameter's wiring.

    Attributes:
        ref: the tensor, weakly.
        name: its qualified name, else the attribute that holds it.
        named: a module of the model registers it.
        first: sampled entries at the first audit.
        audits: audits since it was first seen, in each of which an optimiser stepped or a backward
            ran; `in_graph` of them with it among the loss's leaves, `reached` with a gradient that
            is not zero, `zero` with one that is; `late` those without one after a weight moved.
        windows, uncleared: steps whose gradient was looked at before their first backward, and
            those of them at which the earlier one was still there.
        held: an optimiser that has stepped holds it.
        called: the module that registers it was called.
        cut: kind and line of the operation without a slope between it and the loss.
    """

    ref: weakref.ref[Tensor]
    name: str
    named: bool
    parameter: bool
    first: Tensor | None
    since: int
    audits: int = 0
    in_graph: int = 0
    reached: int = 0
    zero: int = 0
    late: int = 0
    windows: int = 0
    uncleared: int = 0
    first_window: int = -1
    last_window: int = 0
    held: bool = False
    called: bool = False
    moved: bool = False
    unchanged: float = 1.0
    cut: tuple[str, str, int] = ("", "", 0)
    line: tuple[str, int] = ("", 0)
    numbers: dict[str, float | str | None] = field(default_factory=dict[str, "float | str | None"])

    def data(self, tensor: Tensor) -> dict[str, Any]:
        """Return the fact's data; `unchanged` is as last read."""
        file, line = self.line
        return {
            "shape": list(tensor.shape),
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "named": self.named,
            "held": self.held,
            "called": self.called,
            "audits": self.audits,
            "in_graph": self.in_graph,
            "reached": self.reached,
            "zero": self.zero,
            "late": self.late,
            "windows": self.windows,
            "uncleared": self.uncleared,
            "window_steps": self.last_window - self.first_window + 1 if self.windows else 0,
            "moved": self.moved,
            "unchanged_share": self.unchanged,
            "cut": self.cut[0],
            "file": self.cut[1] or file,
            "line": self.cut[2] or line,
            **self.numbers,
        }


def moments_of(optimizer: Optimizer, group: dict[str, Any], parameter: Tensor) -> list[Tensor]:
    """Return what an optimiser's state keeps of the gradients so far.

    Moments are sums of all gradients so far. With weight decay they are not zero without one, so
    there are none then.
    """
    if group.get("weight_decay"):
        return []
    states: Any = getattr(optimizer, "state", {})  # an optimiser of Keras has none
    state: Any = states.get(parameter, {})
    values = [value for value in state.values() if isinstance(value, Tensor) and value.dim()]
    parts = [local_part(value) for value in values if value.shape == parameter.shape]
    return [part.detach() for part in parts if part is not None]


def optimizer_numbers(optimizer: Optimizer, group: dict[str, Any]) -> dict[str, float | str | None]:
    """Return what an update's size depends on."""
    rate, eps = group.get("lr"), group.get("eps")
    return {
        "optimizer": type(optimizer).__name__,
        "lr": float(rate) if isinstance(rate, int | float) else None,
        "eps": float(eps) if isinstance(eps, int | float) else None,
        "decay": float(group.get("weight_decay") or 0.0),
    }


def sample(tensor: Tensor) -> Tensor:
    """Return entries at even distances; none of a tensor whose memory was freed (a shard)."""
    if is_sharded(tensor) or not tensor.untyped_storage().size():
        return torch.empty(0)
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // SAMPLE) | 1]


def address(tensor: Tensor) -> int:
    """Return where a tensor's gradient lies; 0 without one."""
    grad = tensor.grad
    return 0 if grad is None or grad.layout != torch.strided else grad.data_ptr()


def zeros(tensors: Sequence[Tensor]) -> list[bool]:
    """Return whether each tensor's gradient is zero in every entry."""
    largest: list[Tensor] = []
    for tensor in tensors:
        grad: Any = local_part(tensor.grad)
        own: Any = tensor.grad
        if grad is None and own is not None and own.is_sparse:
            grad = own.detach().coalesce().values()
        empty = grad is None or not grad.numel()
        largest.append(torch.ones(()) if empty or grad is None else grad.ne(0).any())
    return [not number for number in scalars(largest)]


def scalars(tensors: Sequence[Tensor]) -> list[float]:
    """Return tensors of one entry as numbers, with one wait for each device."""
    return [float(numbers[0]) for numbers in DeviceTransfer(tensors).read()]


def mark_moved(leaves: Iterable[LeafAudit]) -> bool:
    """Compare the weights that have not moved yet with those of their first audit.

    Returns:
        Whether one of them has moved by an update.
    """
    still: list[LeafAudit] = []
    counts: list[Tensor] = []
    for leaf in leaves:
        tensor = leaf.ref()
        if leaf.moved or leaf.first is None or tensor is None:
            continue
        now = sample(tensor)
        if now.shape == leaf.first.shape and now.device == leaf.first.device:
            still.append(leaf)
            counts.append((now != leaf.first).sum())
        else:
            leaf.moved = True
    for leaf, count in zip(still, scalars(counts), strict=True):
        leaf.moved = count > 0
    return any(leaf.moved for leaf in still)


def read_unchanged(leaves: Iterable[tuple[LeafAudit, Tensor]]) -> None:
    """Read which share of each weight's entries is as at its first audit."""
    compared: list[tuple[LeafAudit, int]] = []
    same: list[Tensor] = []
    for leaf, tensor in leaves:
        if leaf.first is not None and (now := sample(tensor)).shape == leaf.first.shape:
            compared.append((leaf, now.numel()))
            same.append((now == leaf.first.to(now.device)).sum())
    for (leaf, size), count in zip(compared, scalars(same), strict=True):
        leaf.unchanged = count / size if size else math.nan
