"""Collects the range, the values and the classes of a run's targets."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.instrument.float64 import as_float64
from relume.record.measure.tensor_view import array_of

MOST_VALUES = 32  # different targets that are counted; with more they count as continuous
LEAST_BATCHES = 16  # of which the first and the last quarter are compared
LEAST_ROWS = 8  # targets in a batch, by which batches are compared with what is in them
KEPT = 16  # values of each batch by which it is known again
MOST_TARGETS = 65_536  # entries that are read of a batch of targets


class TargetStats:
    """Describes a criterion's targets, over all batches that were read."""

    def __init__(self) -> None:
        self._low, self._high = float("inf"), float("-inf")
        self._whole = True
        self._values: set[float] = set()
        self._ones: int | None = None
        self._binary = True
        self._rows = 0
        self._continuous = False
        self._moments: list[tuple[float, float]] = []  # mean and variance of each batch
        self._kept: list[NDArray[Any]] = []

    def add(self, target: Tensor) -> None:
        """Read one batch of targets."""
        flat = target.detach().reshape(-1)[:MOST_TARGETS]
        if not flat.is_floating_point():
            self._add_whole(array_of(flat))
            return
        flat = as_float64(flat).cpu()
        flat = flat[torch.isfinite(flat)]
        if not flat.numel():
            return
        self._low = min(self._low, float(flat.min()))
        self._high = max(self._high, float(flat.max()))
        self._whole = self._whole and bool((flat == flat.round()).all())
        self._rows += flat.numel()
        self._continuous = self._continuous or not self._whole
        self._moments.append((float(flat.mean()), float(flat.var(correction=0))))
        self._kept.append(flat[:KEPT].numpy().copy())
        if len(self._values) <= MOST_VALUES:
            self._values |= {float(v) for v in np.unique(flat.numpy())[: MOST_VALUES + 1]}
        self._binary = self._binary and self._values <= {0.0, 1.0}
        if target.is_floating_point() and target.dim() == 2 and target.shape[1] > 1:
            most = int((target.detach() == 1).sum(1).max())
            self._ones = max(self._ones or 0, most)

    def _add_whole(self, numbers: NDArray[Any]) -> None:
        """Read a batch of class numbers, as most targets are."""
        if not numbers.size:
            return
        self._low = min(self._low, float(numbers.min()))
        self._high = max(self._high, float(numbers.max()))
        if len(self._values) <= MOST_VALUES:
            self._values.update(map(float, set(numbers.tolist())))
        self._binary = self._binary and self._values <= {0.0, 1.0}
        self._rows += numbers.size
        self._moments.append((float(numbers.mean()), float(numbers.var())))

    def data(self) -> dict[str, Any]:
        """The targets' part of the criterion's fact; empty before any target was read."""
        if self._low > self._high:
            return {}
        count = len(self._values)
        return {
            "target_min": self._low,
            "target_max": self._high,
            "target_whole": self._whole,
            "target_distinct": count if count <= MOST_VALUES else None,
            "target_ones_max": self._ones if self._binary else None,
            "target_drift": self._drift(),
            "target_between": self._between(),
            "target_returns": self._returns(),
            "target_batches": len(self._moments),
        }

    def _between(self) -> float | None:
        """The share of the targets' variance that lies between batches, beyond what chance gives.

        Rows that are drawn at random give batches of n a mean with an nth of the variance.
        """
        if len(self._moments) < LEAST_BATCHES or self._rows < LEAST_ROWS * len(self._moments):
            return None
        means, variances = np.array(self._moments).T
        within, between = float(variances.mean()), float(means.var())
        total = within + between
        by_chance = within * len(self._moments) / self._rows
        return max(0.0, between - by_chance) / total if total > 0 else None

    def _returns(self) -> float | None:
        """The share of the last quarter's different values that the first half had, to the bit.

        Those of a data set come back with the next epoch; what a model foretells does not, once
        the model has moved.
        """
        if len(self._kept) < LEAST_BATCHES or not self._continuous:
            return None
        first = np.concatenate(self._kept[: len(self._kept) // 2])
        last = np.unique(np.concatenate(self._kept[-(len(self._kept) // 4) :]))
        return float(np.isin(last, first).mean())

    def _drift(self) -> float | None:
        """How far the mean of the targets has moved, in their deviations within a batch.

        The first quarter of the batches is compared with the last.
        """
        quarter = len(self._moments) // 4
        if len(self._moments) < LEAST_BATCHES or not self._continuous:
            return None  # classes come in another order, and stay what they are
        means, variances = np.array(self._moments).T
        within = float(np.sqrt(variances[:quarter].mean()))
        moved = abs(float(means[-quarter:].mean() - means[:quarter].mean()))
        return moved / within if within > 0 else None
