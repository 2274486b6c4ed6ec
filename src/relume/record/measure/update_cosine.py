"""Whether an update turns back on the one before: the cosine between two updates in a row.

A recorded step keeps its own update, and the recorder looks at the same entries once more after
the next step of the same optimiser. What it found is written with the next record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.record.measure.parameter_samples import ParameterSampler, ParameterSamples

Keys = tuple[tuple[str, str], ...]
Kept = tuple[str, Tensor, Tensor, Tensor]
"""Name, parameter, its sampled entries after the update, the update."""

STAT = "update_cosine"
LEAST = 1e-30  # lengths of two updates, multiplied, below which they have no direction
MOST = 64  # parameters that are followed: the largest, where a network has more


class UpdateCosine:
    """Follows the updates of a few recorded steps by one step each.

    Args:
        sampled: the entries of a parameter that are looked at.
    """

    def __init__(self, sampled: Callable[[Tensor], Tensor]) -> None:
        self._sampled = sampled
        self._kept: list[Kept] = []
        self._here: _HostCosines | None = None
        self._optimizer = 0
        self._found: tuple[Keys, Tensor | NDArray[np.float64]] | None = None

    @property
    def waiting(self) -> bool:
        """Whether the next step is to be looked at."""
        return bool(self._kept) or self._here is not None

    def keep(self, optimizer: Optimizer, moved: Sequence[Kept]) -> None:
        """An optimiser has made these updates; its next ones are to be compared with them."""
        wanted = _largest([one[1] for one in moved])
        # the sample may be a view, and the next step writes through it
        chosen = (moved[place] for place in wanted)
        self._kept = [(name, p, after.clone(), update) for name, p, after, update in chosen]
        self._optimizer = id(optimizer)

    def keep_here(
        self,
        optimizer: Optimizer,
        names: Sequence[str],
        held: Sequence[Tensor],
        sampler: ParameterSampler,
        after: ParameterSamples,
        update: NDArray[Any],
    ) -> None:
        """The same, where samples are copied out of the host's memory.

        Args:
            optimizer: that has stepped.
            names: of what was sampled.
            held: the tensors themselves.
            sampler: takes their samples.
            after: samples after the update.
            update: by how much it changed them.
        """
        wanted = _largest(held)
        keys = tuple((names[place], STAT) for place in wanted)
        self._here = (
            _HostCosines(keys, wanted, list(held), sampler, after, update) if wanted else None
        )
        self._optimizer = id(optimizer)

    def drop(self) -> None:
        """Forget what was kept: the next step is not looked at."""
        self._kept = []
        self._here = None

    def step(self, optimizer: Optimizer) -> None:
        """An optimiser has stepped; if it is the one that is followed, compare."""
        if id(optimizer) != self._optimizer:
            return
        kept, here = self._kept, self._here
        self.drop()
        if here is not None:
            cosines = here.cosines()
            self._found = None if cosines is None else (here.keys, cosines)
        elif kept:
            now = [self._sampled(parameter) for _, parameter, _, _ in kept]
            updates = torch._foreach_sub(now, [after for _, _, after, _ in kept])
            keys = tuple((name, STAT) for name, *_ in kept)
            self._found = (keys, _cosines([update for *_, update in kept], list(updates)))

    def take(self) -> tuple[Keys, Tensor | NDArray[np.float64]] | None:
        """Keys and cosines that were found since the last call, or None."""
        found, self._found = self._found, None
        return found


@dataclass(frozen=True, slots=True)
class _HostCosines:
    """What waits for the next step; see `Turning.keep_here`."""

    keys: Keys
    wanted: list[int]
    held: list[Tensor]
    sampler: ParameterSampler
    after: ParameterSamples
    update: NDArray[Any]

    def cosines(self) -> NDArray[np.float64] | None:
        """One for each key; 0 where an update is zero. None where the tensors are others now."""
        now = self.sampler.take(self.held)
        if now is None or not now.like(self.after):
            return None
        update, after = now.flat - self.after.flat, self.after
        size = after.norms(self.update) * after.norms(update)
        found = after.products(self.update, update) / np.maximum(size, LEAST)
        return found[self.wanted]


def _largest(tensors: Sequence[Tensor]) -> list[int]:
    """Which of them are followed: matrices and kernels, the largest where there are many."""
    places = [place for place, tensor in enumerate(tensors) if tensor.dim() >= 2]
    return sorted(places, key=lambda place: -tensors[place].numel())[:MOST]


def _cosines(one: list[Tensor], two: list[Tensor]) -> Tensor:
    """(parameters,) in float32, on the device of the first; 0 where an update is zero."""
    device = one[0].device
    found: list[Tensor] = []
    for a, b in zip(one, two, strict=True):
        left, right = a.float(), b.float()
        size = (left.dot(left) * right.dot(right)).sqrt().clamp(min=LEAST)
        found.append((left.dot(right) / size).to(device))
    return torch.stack(found)
