"""Copies even samples of parameters and gradients into one flat tensor.

The same tensors are sampled record after record. Where a sample lies in the flat tensor is worked
out once; each record then costs a view of each tensor and one copy, on whatever device.
"""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from relume.instrument.private_names import foreach_norm
from relume.record.measure.act_stats import HUGE, TINY
from relume.record.measure.tensor_view import unowned

MOST_ELEMENTS = 4_096  # entries sampled of a parameter: a norm of normal entries to 1.1 %
RUN = 16  # neighbouring entries that are sampled together: one cache line (64 bytes)
MOST_LAYOUTS = 8  # lists of tensors that are remembered (a GAN's two models take turns)

_Place = tuple[int, int, torch.dtype]  # address, size
_Key = tuple[tuple[int, ...], tuple[int, ...], frozenset[tuple[torch.dtype, torch.device]]]


@dataclass(frozen=True, slots=True)
class ParameterSamples:
    """Even samples of several tensors, one after another.

    Attributes:
        flat: all samples, on the first tensor's device.
        layout: where each one lies in `flat`.
    """

    flat: Tensor
    layout: "_Layout"

    @property
    def scales(self) -> Tensor:
        """The factors from the samples' norms to those of the whole parameters, (tensors,)."""
        return self.layout.scales

    def dots(self, one: Tensor, two: Tensor, wanted: Sequence[int] | None = None) -> Tensor:
        """The inner product of each sample of two tensors like `flat`, (tensors,).

        Args:
            one: like `flat`.
            two: like `flat`.
            wanted: numbers of the tensors; None for all.
        """
        places = self.layout.places_of(wanted)
        products = one * two
        if not products.is_cpu:
            parts: Sequence[Tensor] = cast(Any, products).split(self.layout.lengths)
            sums = [part.sum() for part in parts]
            return torch.stack([sums[place] for place in places])
        with np.errstate(all="ignore"):  # of weights that are no longer finite
            found: NDArray[Any] = np.add.reduceat(products.numpy(), self.layout.begins)
            size = [abs(number) for number in found.tolist()]
            if not (min(size) > TINY and max(size) < HUGE):
                found = np.add.reduceat((one.double() * two.double()).numpy(), self.layout.begins)
        return torch.from_numpy(found.astype(np.float64)[places])

    def norms(self, flat: Tensor | None = None, wanted: Sequence[int] | None = None) -> Tensor:
        """L2 norms of the samples, (tensors,); of the numbers in `flat` instead, if given."""
        values = self.flat if flat is None else flat
        if values.is_cpu:
            return self.dots(values, values, wanted).sqrt_()
        norms = foreach_norm(values.split(self.layout.lengths))
        return torch.stack([norms[place] for place in self.layout.places_of(wanted)])

    def parts(self) -> list[Tensor]:
        """The samples one by one, in the order of the tensors."""
        split: Sequence[Tensor] = cast(Any, self.flat).split(self.layout.lengths)
        return [split[place] for place in self.layout.places]


class ParameterSampler:
    """Samples a list of tensors, mostly the same ones as on the last record."""

    def __init__(self) -> None:
        self._layouts: dict[_Key, _Layout] = {}
        self._views: dict[_Place, Tensor] = {}  # in the host's memory, of the last call

    def take(
        self, tensors: Sequence[Tensor], wholes: Sequence[Tensor] | None = None
    ) -> ParameterSamples:
        """Copy even samples.

        Args:
            tensors: of a floating dtype, none of them empty.
            wholes: the parameters that each is a part of, where processes share them.
        """
        sizes = tuple(tensor.numel() for tensor in tensors)
        whole = sizes if wholes is None else tuple(tensor.numel() for tensor in wholes)
        kinds = frozenset((tensor.dtype, tensor.device) for tensor in tensors)
        layout = self._layouts.get((sizes, whole, kinds))
        if layout is None:
            if len(self._layouts) >= MOST_LAYOUTS:
                self._layouts.clear()
            layout = _Layout(sizes, whole, kinds, tensors[0].device)
            self._layouts[sizes, whole, kinds] = layout
        known, self._views = self._views, {}
        views = [self._view(tensor, known) for tensor in tensors]
        return ParameterSamples(layout.copy(views), layout)

    def _view(self, tensor: Tensor, known: Mapping[_Place, Tensor]) -> Tensor:
        """View the sampled entries: all, (entries,), or runs of them, (runs, RUN)."""
        if not tensor.is_cpu or not tensor.is_contiguous() or tensor.is_neg():
            return _sampled(tensor.detach().contiguous())
        place = (tensor.data_ptr(), tensor.numel(), tensor.dtype)
        view = known.get(place)
        view = self._views[place] = _sampled(unowned(tensor)) if view is None else view
        return view


class _Layout:
    """Puts the samples of some tensors one after another, those of sampled ones last.

    Attributes:
        begins, lengths: of each sample, in its order in the flat tensor.
        places: for each tensor, the number of its sample in that order.
        scales: see `ParameterSamples`.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        wholes: tuple[int, ...],
        kinds: frozenset[tuple[torch.dtype, torch.device]],
        device: torch.device,
    ) -> None:
        self._device = device
        self._mixed = len(kinds) > 1
        types = [dtype for dtype, _ in kinds]
        self._dtype = torch.float64 if torch.float64 in types else torch.float32
        self._whole = [at for at, size in enumerate(sizes) if size <= MOST_ELEMENTS]
        self._runs = [at for at, size in enumerate(sizes) if size > MOST_ELEMENTS]
        order = [*self._whole, *self._runs]
        self.lengths = [
            sizes[at] if sizes[at] <= MOST_ELEMENTS else RUN * _runs(sizes[at]) for at in order
        ]
        self.begins = np.cumsum([0, *self.lengths[:-1]])
        self.places = [order.index(at) for at in range(len(order))]
        lengths = np.array([self.lengths[place] for place in self.places])
        wide = torch.float64 if device.type == "cpu" else torch.float32  # not all devices have 64
        self.scales = torch.tensor(np.sqrt(np.array(wholes) / lengths), dtype=wide, device=device)

    def places_of(self, wanted: Sequence[int] | None) -> list[int]:
        """The numbers of the samples of these tensors; of all for None."""
        return self.places if wanted is None else [self.places[at] for at in wanted]

    def copy(self, views: Sequence[Tensor]) -> Tensor:
        """Copy the entries in these views as they are now."""
        parts = [views[at] for at in self._whole]
        runs = [views[at] for at in self._runs]
        if self._mixed:
            parts = [part.to(self._device, self._dtype) for part in parts]
            runs = [part.to(self._device, self._dtype) for part in runs]
        if runs:
            parts.append(torch.cat(runs).view(-1))
        return torch.cat(parts).to(self._dtype)


def _sampled(tensor: Tensor) -> Tensor:
    size = tensor.numel()
    if size <= MOST_ELEMENTS:
        return tensor.view(-1)
    return tensor.as_strided((_runs(size), RUN), (RUN * _run_stride(size), 1))


def _runs(size: int) -> int:
    return -(-(size // RUN) // _run_stride(size))


def _run_stride(size: int) -> int:
    """The distance, in runs, between two sampled runs.

    It is odd: rows of a weight mostly have an even length, and an even stride would sample the same
    columns in every row.
    """
    return -(-size // MOST_ELEMENTS) | 1


def live_optimizers() -> list[Optimizer]:
    """Return all optimisers of the process; it searches every object, so call it once."""
    # by type: isinstance would ask proxies for their class
    return [one for one in gc.get_objects() if issubclass(type(one), Optimizer)]


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """All parameters that an optimiser steps."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
