"""Computes the loss of the best constant guess from the targets seen so far.

A run is stalled when its loss is no better than this. The uniform value (ln K for K classes) is
too high for unbalanced data, so the frequencies of the classes are counted.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from relume.record.measure.tensor_view import array_of

MOST_CLASSES = 65_536
MOST_TARGETS = 4_096  # targets of an absolute loss that are kept, for their median
MOST_ELEMENTS = 65_536  # entries that are read of a batch of targets
ALIKE = 1e-4  # nats or squared units: 1 odd target in 100,000; below it, targets count as constant
LEAST_TARGETS = 200  # before frequencies are trusted more than a uniform guess


class ChanceLoss:
    """Adds up the targets of one criterion over records."""

    def __init__(self, name: str, classes: int | None) -> None:
        self.name = name
        self.classes = classes
        self._counts: NDArray[np.float64] | None = None
        self._sum: NDArray[np.float64] | float = 0.0
        self._square: NDArray[np.float64] | float = 0.0
        self._rows = 0
        self._pooled = False  # all outputs count as one: their number is not that of a target's
        self._values: list[NDArray[np.float64]] = []

    def add(self, target: Tensor, ignore: int | None = None) -> None:
        """Count one batch of targets (class numbers, probabilities or values)."""
        if self.name in ("cross_entropy", "nll") and not target.is_floating_point():
            self._count(target, ignore)
        elif target.is_floating_point() and (self.name != "cross_entropy" or target.dim() == 2):
            self._moments(target)

    def value(self) -> float | None:
        """The loss of the best constant guess under mean reduction; None if it is not known.

        It is None too where all targets are alike (a GAN's): a constant guess would be perfect.
        """
        loss = self._value()
        return None if loss is None or loss < ALIKE else loss

    def state(self) -> dict[str, Any]:
        """The sums so far, as JSON can carry them."""
        return {
            "counts": None if self._counts is None else self._counts.tolist(),
            "rows": self._rows,
            "sum": np.asarray(self._sum).tolist(),
            "square": np.asarray(self._square).tolist(),
            "kept": [values.tolist() for values in self._values],
            "pooled": self._pooled,
        }

    def join(self, state: Mapping[str, Any]) -> None:
        """Add another rank's `state`."""
        if state["counts"] is not None:
            counts = np.asarray(state["counts"], dtype=np.float64)
            self._counts = counts if self._counts is None else self._counts + counts
        total, square, rows = np.asarray(state["sum"]), np.asarray(state["square"]), state["rows"]
        if state.get("pooled") or (self._rows and rows and np.size(self._sum) != total.size):
            self._pool()
        if self._pooled:
            total, square, rows = total.sum(), square.sum(), rows * total.size
        self._sum, self._square = self._sum + total, self._square + square
        self._rows += int(rows)
        self._values += [np.asarray(values) for values in state["kept"]]

    def _value(self) -> float | None:
        if self.name in ("cross_entropy", "nll"):
            return self._entropy()
        if self._rows == 0:
            return None
        mean = np.asarray(self._sum) / self._rows
        if self.name in ("bce", "bce_with_logits"):
            p = np.clip(mean, 1e-12, 1 - 1e-12)
            return float(np.mean(-p * np.log(p) - (1 - p) * np.log(1 - p)))
        variance = np.maximum(np.asarray(self._square) / self._rows - mean**2, 0.0)
        if self.name == "mse":
            return float(np.mean(variance))
        if self.name in ("l1", "smooth_l1", "huber") and self._values:
            return self._robust()
        return None

    def _count(self, target: Tensor, ignore: int | None) -> None:
        labels = array_of(target.detach().reshape(-1)[:MOST_ELEMENTS])
        if ignore is not None:
            labels = labels[labels != ignore]
        size = self.classes or 0
        if not 0 < size <= MOST_CLASSES or not labels.size:
            return
        counts = np.bincount(np.clip(labels, 0, size - 1), minlength=size).astype(np.float64)
        self._counts = counts if self._counts is None else self._counts + counts

    def _entropy(self) -> float | None:
        if self._counts is None and np.size(self._sum) == self.classes and self._rows:
            return _soft(np.asarray(self._sum) / self._rows)
        if self._counts is not None and self._counts.sum() >= LEAST_TARGETS:
            share = self._counts[self._counts > 0] / self._counts.sum()
            return float(-(share * np.log(share)).sum())
        return math.log(self.classes) if self.classes and self.classes > 1 else None

    def _moments(self, target: Tensor) -> None:
        # One column an output: each output has its own best constant guess.
        rows = target.reshape(-1, 1) if target.dim() < 2 else target.flatten(1)
        if _is_spread(target):
            rows = rows[:1].t()  # (N,) against (N, 1): each row holds all targets
        elif self._rows and np.size(self._sum) != rows.shape[1]:
            self._pool()
        if self._pooled:
            rows = rows.reshape(-1, 1)
        rows = rows[: max(1, MOST_ELEMENTS // max(rows.shape[1], 1))]
        values = array_of(rows).astype(np.float64)
        self._sum = self._sum + values.sum(0)
        self._square = self._square + (values**2).sum(0)
        self._rows += len(values)
        if sum(len(part) for part in self._values) < MOST_TARGETS and values.shape[1] == 1:
            self._values.append(values[:, 0])

    def _pool(self) -> None:
        """Count all outputs as one from now on: batches differ in how many there are."""
        width = np.size(self._sum) if self._rows and not self._pooled else 1
        self._sum, self._square = np.sum(self._sum), np.sum(self._square)
        self._rows *= width
        self._pooled = True

    def _robust(self) -> float:
        values = np.concatenate(self._values)
        distance = np.abs(values - np.median(values))
        if self.name == "l1":
            return float(distance.mean())
        return float(np.where(distance < 1, 0.5 * distance**2, distance - 0.5).mean())


def _is_spread(target: Tensor) -> bool:
    """Whether a criterion has spread a batch of targets over a batch of predictions."""
    return target.dim() == 2 and len(set(target.shape)) == 1 < len(target) and not target.stride(0)


def _soft(mean: NDArray[np.float64]) -> float:
    """The cross-entropy of the best constant guess under soft targets with this mean (classes,)."""
    total = float(mean.sum())
    known = mean[mean > 0]
    return float(-(known * np.log(known / total)).sum()) if total > 0 else 0.0
