"""Weights, their gradients, and how far an optimiser step really moved them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.record.host import HUGE, TINY
from relume.record.names import Names
from relume.record.shards import local, sharded
from relume.record.turning import Turning

MOST_ELEMENTS = 4_096  # of a parameter that are looked at: a norm of normal entries to 1.1 %
RUN = 16  # of them side by side: what the memory hands over at once (64 bytes)

Keys = tuple[tuple[str, str], ...]
Numbers = NDArray[np.float64]
Found = tuple[Keys, Numbers | Tensor]
HOST = (torch.float32, torch.float64)


@dataclass(slots=True)
class Samples:
    """Even samples of several tensors, one after another in the host's memory.

    Attributes:
        flat: all of them.
        begins: where each begins.
        scales: what a sample's norm is multiplied by to be the tensor's.
    """

    flat: NDArray[Any]
    begins: list[int]
    scales: Numbers

    def norms(self, flat: NDArray[Any] | None = None) -> Numbers:
        """L2 norms of the samples, (tensors,); of other numbers in their places, if given."""
        values = self.flat if flat is None else flat
        squares: NDArray[Any] = np.add.reduceat(np.square(values), self.begins)
        if squares.dtype != np.float64 and not ((squares > TINY) & (squares < HUGE)).all():
            squares = np.add.reduceat(np.square(values.astype(np.float64)), self.begins)
        return np.sqrt(squares.astype(np.float64))

    def parts(self) -> list[NDArray[Any]]:
        """Each sample for itself."""
        return np.split(self.flat, self.begins[1:])


class Weights:
    """Snapshots around one optimiser step, over an even sample of every parameter.

    Norms are of the sample, scaled to the whole parameter. Ratios need no scale. What is in the
    host's memory is added up there, other devices by torch and without waiting.

    Args:
        names: of parameters.

    Attributes:
        turning: follows the updates of some steps by one step more.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._unnamed: dict[int, str] = {}
        self._before: tuple[list[Tensor], list[Tensor], Samples | list[Tensor]] | None = None
        self._broken: dict[str, None] = {}  # parameters whose gradient was not finite once
        self._shares: Found | None = None
        self._keys: dict[tuple[str, ...], tuple[int, list[int], Keys]] = {}
        self.turning = Turning(_sample)

    def snapshot(self, optimizer: Optimizer) -> None:
        """Keep the sampled weights as they are before the step."""
        kept, held = _held(parameters_of(optimizer))
        if not kept:
            self._before = None
            return
        before = samples(held)
        sampled = [_sample(part).clone() for part in held] if before is None else before
        self._before = kept, held, sampled

    def named(self, optimizer: Optimizer) -> list[tuple[str, Tensor]]:
        """The optimiser's parameters with their names."""
        return [(self._name(p), p) for p in parameters_of(optimizer) if local(p) is not None]

    def gradients(self, leaves: Sequence[Tensor]) -> Found | None:
        """Norms of the gradients now in `.grad`, which is before any clipping."""
        self._shares = None
        kept: list[Tensor] = []
        grads: list[Tensor] = []
        for leaf in (*leaves, *sharded(self._names.roots())):
            grad = local(leaf.grad)
            if grad is not None and grad.numel() and local(leaf) is not None:
                kept.append(leaf)
                grads.append(grad)
        if not grads:
            return None
        keys = self._keys_of(kept, "grad_norm")
        found = samples(grads)
        if found is not None:
            norms = found.norms() * found.scales * _shards(kept, grads)
            self._look_for_broken(keys, found, norms)
            return keys, norms
        sampled = [_sample(grad) for grad in grads]
        scales = _scales(kept, [s.numel() for s in sampled])
        return keys, _norms(sampled) * torch.from_numpy(scales).to(sampled[0])

    def nonfinite(self) -> Found | None:
        """The share of each gradient that was not finite, from the first time that one was not.

        Of the last call of `gradients`; None as long as all of them were finite. On a CPU only:
        elsewhere asking would wait for the device, and the norm shows it as well.
        """
        return self._shares

    def _look_for_broken(self, keys: Keys, found: Samples, norms: Numbers) -> None:
        if not np.isfinite(norms).all():
            pairs = zip(keys, np.isfinite(norms).tolist(), strict=True)
            self._broken.update({name: None for (name, _), finite in pairs if not finite})
        if self._broken:
            pairs = zip(keys, found.parts(), strict=True)
            kept = [(name, part) for (name, _), part in pairs if name in self._broken]
            if kept:
                shares = [1.0 - float(np.isfinite(part).mean()) for _, part in kept]
                names = tuple((name, "grad_nonfinite_share") for name, _ in kept)
                self._shares = (names, np.array(shares))

    def moved(self, follow: Optimizer | None = None) -> Found | None:
        """Weight norms before the step, and update ratios after it.

        Args:
            follow: the optimiser whose next update is to be compared with this one; None: none is.
        """
        if self._before is None:
            return None
        (kept, held, before), self._before = self._before, None
        keys = self._keys_of(kept, "weight_norm", "update_ratio")
        if isinstance(before, Samples):
            after = samples(held)
            if after is None or after.begins != before.begins:
                return None  # moved to another device, or resized, within the step
            sizes = before.norms()
            updates = after.flat - before.flat
            ratios = before.norms(updates) / sizes
            if follow is not None:
                both = (np.split(flat, before.begins[1:]) for flat in (after.flat, updates))
                self._follow(
                    follow, kept, held, *([torch.from_numpy(x) for x in xs] for xs in both)
                )
            return keys, np.concatenate((sizes * before.scales * _shards(kept, held), ratios))
        sizes = _norms(before)
        later = [_sample(part) for part in held]
        updates = list(torch._foreach_sub(later, before))
        ratios = _norms(updates) / sizes
        if follow is not None:
            self._follow(follow, kept, held, later, updates)
        scales = torch.from_numpy(_scales(kept, [s.numel() for s in before])).to(sizes)
        return keys, torch.cat((sizes * scales, ratios))

    def _follow(
        self,
        optimizer: Optimizer,
        kept: list[Tensor],
        held: list[Tensor],
        after: list[Tensor],
        updates: list[Tensor],
    ) -> None:
        names = map(self._name, kept)
        self.turning.keep(optimizer, list(zip(names, held, after, updates, strict=True)))

    def _keys_of(self, kept: list[Tensor], *stats: str) -> Keys:
        """(parameter, stat) of each, made anew only where parameters or names are others."""
        numbers = list(map(id, kept))
        known = self._keys.get(stats)
        if known is not None and known[0] == self._names.version and known[1] == numbers:
            return known[2]
        names = [self._name(parameter) for parameter in kept]
        keys = tuple((name, stat) for stat in stats for name in names)
        self._keys[stats] = self._names.version, numbers, keys
        return keys

    def _name(self, parameter: Tensor) -> str:
        name = self._names.parameter(parameter)
        if name is not None:
            return name
        return self._unnamed.setdefault(id(parameter), f"parameter_{len(self._unnamed)}")


def parameters_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """All that an optimiser steps."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _held(parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters that this process holds something of, and what it holds."""
    pairs = [(p, part) for p in parameters if (part := local(p)) is not None and part.numel()]
    return [p for p, _ in pairs], [part for _, part in pairs]


def _shards(whole: Sequence[Tensor], held: Sequence[Tensor]) -> Numbers | float:
    """What a norm of the part that is held is multiplied by to be that of all of it."""
    if all(part.numel() == tensor.numel() for tensor, part in zip(whole, held, strict=True)):
        return 1.0
    return _scales(whole, [part.numel() for part in held])


def samples(tensors: Sequence[Tensor]) -> Samples | None:
    """Even samples, copied; None where one of the tensors is not for NumPy to read."""
    begins: list[int] = []
    scales: list[float] = []
    parts: list[NDArray[Any]] = []
    begin = 0
    for tensor in tensors:
        if not tensor.is_cpu or tensor.dtype not in HOST:
            return None
        whole: NDArray[Any] = tensor.detach().numpy().reshape(-1)
        size = whole.size
        part = whole if size <= MOST_ELEMENTS else whole[: size - size % RUN].reshape(-1, RUN)
        if size > MOST_ELEMENTS:
            part = part[:: _apart(size)].reshape(-1)
        begins.append(begin)
        scales.append((size / part.size) ** 0.5)
        parts.append(part)
        begin += part.size
    return Samples(np.concatenate(parts), begins, np.array(scales))


def _apart(size: int) -> int:
    """How many runs lie between two that are looked at: an odd number, since the rows of a weight
    have an even length, and the same columns would be met again and again."""
    return -(-size // MOST_ELEMENTS) | 1


def _scales(tensors: Sequence[Tensor], counts: Sequence[int]) -> Numbers:
    return np.sqrt(np.array([tensor.numel() for tensor in tensors]) / np.array(counts))


def _sample(tensor: Tensor) -> Tensor:
    flat, size = tensor.detach().reshape(-1), tensor.numel()
    if size <= MOST_ELEMENTS:
        return flat
    return flat[: size - size % RUN].reshape(-1, RUN)[:: _apart(size)].reshape(-1)


def _norms(tensors: list[Tensor]) -> Tensor:
    """L2 norms, (tensors,) in float32, on the device of the first."""
    device = tensors[0].device
    return torch.stack([norm.float().to(device) for norm in torch._foreach_norm(tensors)])
