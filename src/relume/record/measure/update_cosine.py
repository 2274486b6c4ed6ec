"""Measures whether an update turns back on the one before: the cosine of two updates in a row.

A recorded step keeps its own update. After the next step of the same optimiser the same entries
are sampled again, and the cosine is written with the next record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.instrument.private_names import foreach_sub
from relume.record.measure.parameter_samples import ParameterSampler, ParameterSamples

Keys = tuple[tuple[str, str], ...]
SampledUpdate = tuple[str, Tensor, Tensor, Tensor]
"""Name, parameter, its sampled entries after the update, the update."""

STAT = "update_cosine"
LEAST = 1e-30  # product of two updates' norms below which they have no direction
MOST = 64  # parameters that are followed: the largest, where a network has more


class UpdateCosine:
    """Compares the update of a recorded step with the next one.

    Args:
        sample: takes the sampled entries of a parameter.
    """

    def __init__(self, sample: Callable[[Tensor], Tensor]) -> None:
        self._sample = sample
        self._updates: list[SampledUpdate] = []
        self._on_host: _HostUpdates | None = None
        self._optimizer = 0
        self._cosines: tuple[Keys, Tensor | NDArray[np.float64]] | None = None

    @property
    def waiting(self) -> bool:
        """Whether the next step is compared."""
        return bool(self._updates) or self._on_host is not None

    def keep(self, optimizer: Optimizer, moved: Sequence[SampledUpdate]) -> None:
        """Keep the updates of an optimiser's step, to compare the next ones with them."""
        wanted = _largest([one[1] for one in moved])
        # the sample may be a view, and the next step writes through it
        chosen = (moved[place] for place in wanted)
        self._updates = [(name, p, after.clone(), update) for name, p, after, update in chosen]
        self._optimizer = id(optimizer)

    def keep_on_host(
        self,
        optimizer: Optimizer,
        names: Sequence[str],
        tensors: Sequence[Tensor],
        sampler: ParameterSampler,
        after: ParameterSamples,
        update: NDArray[Any],
    ) -> None:
        """Keep the updates where samples are copied out of the host's memory.

        Args:
            optimizer: the one that stepped.
            names: of the sampled tensors.
            tensors: the tensors themselves.
            sampler: takes their samples.
            after: samples after the update.
            update: by how much the update changed them.
        """
        wanted = _largest(tensors)
        keys = tuple((names[place], STAT) for place in wanted)
        self._on_host = (
            _HostUpdates(keys, wanted, list(tensors), sampler, after, update) if wanted else None
        )
        self._optimizer = id(optimizer)

    def drop(self) -> None:
        """Forget the updates: the next step is not compared."""
        self._updates = []
        self._on_host = None

    def step(self, optimizer: Optimizer) -> None:
        """Compare after a step of the optimiser whose updates were kept; ignore any other."""
        if id(optimizer) != self._optimizer:
            return
        updates, on_host = self._updates, self._on_host
        self.drop()
        if on_host is not None:
            cosines = on_host.cosines()
            self._cosines = None if cosines is None else (on_host.keys, cosines)
        elif updates:
            now = [self._sample(parameter) for _, parameter, _, _ in updates]
            later = foreach_sub(now, [after for _, _, after, _ in updates])
            keys = tuple((name, STAT) for name, *_ in updates)
            self._cosines = (keys, _cosines([update for *_, update in updates], list(later)))

    def take(self) -> tuple[Keys, Tensor | NDArray[np.float64]] | None:
        """Keys and cosines measured since the last call, or None."""
        cosines, self._cosines = self._cosines, None
        return cosines


@dataclass(frozen=True, slots=True)
class _HostUpdates:
    """Updates that wait for the next step; see `UpdateCosine.keep_on_host`."""

    keys: Keys
    wanted: list[int]
    tensors: list[Tensor]
    sampler: ParameterSampler
    after: ParameterSamples
    update: NDArray[Any]

    def cosines(self) -> NDArray[np.float64] | None:
        """One cosine for each key; 0 where an update is zero. None where the tensors changed."""
        now = self.sampler.take(self.tensors)
        if now is None or not now.same_layout(self.after):
            return None
        update, after = now.flat - self.after.flat, self.after
        size = after.norms(self.update) * after.norms(update)
        cosines = after.products(self.update, update) / np.maximum(size, LEAST)
        return cosines[self.wanted]


def _largest(tensors: Sequence[Tensor]) -> list[int]:
    """The places of the tensors that are followed: matrices and kernels, the largest first."""
    places = [place for place, tensor in enumerate(tensors) if tensor.dim() >= 2]
    return sorted(places, key=lambda place: -tensors[place].numel())[:MOST]


def _cosines(one: list[Tensor], two: list[Tensor]) -> Tensor:
    """(parameters,) in float32, on the device of the first; 0 where an update is zero."""
    device = one[0].device
    cosines: list[Tensor] = []
    for a, b in zip(one, two, strict=True):
        left, right = a.float(), b.float()
        size = (left.dot(left) * right.dot(right)).sqrt().clamp(min=LEAST)
        cosines.append((left.dot(right) / size).to(device))
    return torch.stack(cosines)
