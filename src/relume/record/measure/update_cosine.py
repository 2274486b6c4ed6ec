"""Measures whether an update turns back on the one before: the cosine of two updates in a row.

A recorded step keeps its own update. After the next step of the same optimiser the same entries
are sampled again, and the cosine is written with the next record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.record.measure.parameter_samples import ParameterSamples

Keys = tuple[tuple[str, str], ...]

STAT = "update_cosine"
LEAST = 1e-30  # product of two updates' norms below which they have no direction
MOST = 64  # parameters that are followed: the largest, where a network has more


@dataclass(frozen=True, slots=True)
class _Kept:
    """An update that waits for the next step; see `UpdateCosine.keep`."""

    optimizer: int
    keys: Keys
    wanted: list[int]
    sample: Callable[[], ParameterSamples]
    after: ParameterSamples
    update: Tensor


class UpdateCosine:
    """Compares the update of a recorded step with the next one."""

    def __init__(self) -> None:
        self._kept: _Kept | None = None
        self._cosines: tuple[Keys, Tensor] | None = None

    @property
    def waiting(self) -> bool:
        """Whether the next step is compared."""
        return self._kept is not None

    def keep(
        self,
        optimizer: Optimizer,
        named: Sequence[tuple[str, Tensor]],
        sample: Callable[[], ParameterSamples],
        after: ParameterSamples,
        update: Tensor,
    ) -> None:
        """Keep the update of an optimiser's step, to compare the next one with it.

        Args:
            optimizer: the one that stepped.
            named: the sampled tensors with their names.
            sample: takes their samples.
            after: samples after the update.
            update: by how much the update changed them.
        """
        wanted = _largest([tensor for _, tensor in named])
        keys = tuple((named[place][0], STAT) for place in wanted)
        if wanted:
            self._kept = _Kept(id(optimizer), keys, wanted, sample, after, update)

    def drop(self) -> None:
        """Forget the update: the next step is not compared."""
        self._kept = None

    def step(self, optimizer: Optimizer) -> None:
        """Compare after a step of the optimiser whose update was kept; ignore any other."""
        kept = self._kept
        if kept is None or id(optimizer) != kept.optimizer:
            return
        self.drop()
        now, after = kept.sample(), kept.after
        if now.layout is not after.layout:
            return  # the tensors changed
        update = now.flat - after.flat
        sizes = after.norms(kept.update, kept.wanted) * after.norms(update, kept.wanted)
        cosines = after.dots(kept.update, update, kept.wanted) / sizes.clamp(min=LEAST)
        self._cosines = kept.keys, cosines

    def take(self) -> tuple[Keys, Tensor] | None:
        """Keys and cosines measured since the last call, or None."""
        cosines, self._cosines = self._cosines, None
        return cosines


def _largest(tensors: Sequence[Tensor]) -> list[int]:
    """The places of the tensors that are followed: matrices and kernels, the largest first."""
    places = [place for place, tensor in enumerate(tensors) if tensor.dim() >= 2]
    return sorted(places, key=lambda place: -tensors[place].numel())[:MOST]
