"""Copies even samples of parameters and gradients out of the host's memory.

The same tensors are sampled record after record. Where their sampled entries lie is worked out
once, and again for a tensor that has moved; each record then costs one copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.record.measure.act_stats import HUGE, TINY
from relume.record.measure.tensor_view import DTYPES, array, readable

MOST_ELEMENTS = 4_096  # entries sampled of a parameter: a norm of normal entries to 1.1 %
RUN = 16  # neighbouring entries that are sampled together: one cache line (64 bytes)
HOST = (torch.float32, torch.float64)
SPOTS = 8  # memory addresses that are remembered for each tensor

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ParameterSamples:
    """Even samples of several tensors, one after another in the host's memory.

    Attributes:
        flat: all samples; those of tensors that are sampled in part come last.
        begins: where each sample begins in `flat`, in its order.
        places: for each tensor, the number of its sample in `flat`.
        scales: the factor from each sample's norm to the tensor's, (tensors,).
    """

    flat: NDArray[Any]
    begins: list[int]
    places: NDArray[np.intp]
    scales: Numbers

    def same_layout(self, other: "ParameterSamples") -> bool:
        """Whether the two are of tensors of the same sizes."""
        return self.begins == other.begins and len(self.flat) == len(other.flat)

    def products(self, one: NDArray[Any], two: NDArray[Any]) -> Numbers:
        """The inner product of each sample of two arrays like `flat`, (tensors,)."""
        sums: NDArray[Any] = np.add.reduceat(one * two, self.begins)
        if sums.dtype != np.float64:
            size = np.abs(sums)
            if not ((size > TINY) & (size < HUGE)).all():
                wide = one.astype(np.float64) * two.astype(np.float64)
                sums = np.add.reduceat(wide, self.begins)
        return sums.astype(np.float64)[self.places]

    def norms(self, flat: NDArray[Any] | None = None) -> Numbers:
        """L2 norms of the samples, (tensors,); of the numbers in `flat` instead, if given."""
        values = self.flat if flat is None else flat
        return np.sqrt(self.products(values, values))

    def parts(self) -> list[NDArray[Any]]:
        """The samples one by one, in the order of the tensors."""
        split = np.split(self.flat, self.begins[1:])
        return [split[place] for place in self.places.tolist()]


class ParameterSampler:
    """Samples a list of tensors, mostly the same ones as on the last record."""

    def __init__(self) -> None:
        self._spots: dict[tuple[int, int], _SampleSpot] = {}
        self._layout = _Layout([])

    def take(self, tensors: Sequence[Tensor]) -> ParameterSamples | None:
        """Copy even samples; None where NumPy cannot read a tensor's memory.

        Args:
            tensors: of a floating dtype, none of them empty.
        """
        known = self._spots
        if len(known) > SPOTS * len(tensors):  # gradients move to new addresses now and then
            known.clear()
        spots: list[_SampleSpot] = []
        for tensor in tensors:
            place = (tensor.data_ptr(), tensor.numel())
            spot = known.get(place)
            if spot is None or tensor.dtype is not spot.dtype or not tensor.is_contiguous():
                spot = _spot(tensor)
                if spot is None:
                    return None
                if tensor.is_contiguous():
                    known[place] = spot
            spots.append(spot)
        if not self._layout.fits(spots):
            self._layout = _Layout(spots)
        return self._layout.samples(spots)


@dataclass(frozen=True, slots=True)
class _SampleSpot:
    """Where the sampled entries of a tensor lie.

    Attributes:
        dtype: of the tensor, whose memory is not held: `take` compares its address before each
            read.
        rows: the entries, (entries,), or one item a run, (runs,).
        size: entries of the tensor.
        runs: whether its entries are sampled in runs.
        count: entries that are sampled.
    """

    dtype: torch.dtype
    rows: NDArray[Any]
    size: int
    runs: bool
    count: int


def _spot(tensor: Tensor) -> _SampleSpot | None:
    if tensor.dtype not in HOST or not readable(tensor):
        return None
    size = tensor.numel()
    if tensor.is_contiguous():
        rows = array(tensor, hold=False).reshape(-1)
    else:
        rows = np.ascontiguousarray(array(tensor)).reshape(-1)  # a copy of now
    if runs := size > MOST_ELEMENTS:
        # A run is copied as one item: copying entry by entry takes three times as long.
        rows = _as_items(rows[: size - size % RUN].reshape(-1, RUN)[:: run_stride(size)])
    return _SampleSpot(tensor.dtype, rows, size, runs, rows.size * (RUN if runs else 1))


class _Layout:
    """Puts the samples of some spots one after another."""

    def __init__(self, spots: Sequence[_SampleSpot]) -> None:
        self._sizes = [spot.size for spot in spots]
        self._types = {spot.dtype for spot in spots}
        order = sorted(range(len(spots)), key=lambda place: spots[place].runs)
        ends = np.cumsum([spots[place].count for place in order], dtype=np.intp).tolist()
        self._begins = [0, *ends[:-1]]
        self._total = ends[-1] if ends else 0
        self._places = np.empty(len(order), np.intp)
        self._places[order] = np.arange(len(order))
        self._whole = [place for place in order if not spots[place].runs]
        self._runs = [place for place in order if spots[place].runs]
        self._edge = sum(spots[place].count for place in self._whole)
        counts = np.array([spot.count for spot in spots], np.float64)
        self._scales = np.sqrt(np.array(self._sizes) / counts)

    def fits(self, spots: Sequence[_SampleSpot]) -> bool:
        """Whether these spots have the same sizes and types."""
        return self._sizes == [spot.size for spot in spots] and self._types == {
            spot.dtype for spot in spots
        }

    def samples(self, spots: Sequence[_SampleSpot]) -> ParameterSamples:
        """Copy the entries as they are now."""
        whole = [spots[place].rows for place in self._whole]
        runs = [spots[place].rows for place in self._runs]
        if len(self._types) > 1:
            both = [_as_entries(spots[place]) for place in (*self._whole, *self._runs)]
            flat = np.concatenate(both)
        else:
            flat = np.empty(self._total, DTYPES[spots[0].dtype])
            if whole:
                np.concatenate(whole, out=flat[: self._edge])
            if runs:
                np.concatenate(runs, out=_as_items(flat[self._edge :].reshape(-1, RUN)))
        return ParameterSamples(flat, self._begins, self._places, self._scales)


def _as_items(runs: NDArray[Any]) -> NDArray[Any]:
    """View (runs, RUN) as one item a run, over the same memory."""
    return runs.view(np.dtype((np.void, RUN * runs.itemsize))).reshape(-1)


def _as_entries(spot: _SampleSpot) -> NDArray[Any]:
    return np.ascontiguousarray(spot.rows).view(DTYPES[spot.dtype])


def run_stride(size: int) -> int:
    """The distance, in runs, between two sampled runs.

    It is odd: rows of a weight mostly have an even length, and an even stride would sample the same
    columns in every row.
    """
    return -(-size // MOST_ELEMENTS) | 1
