"""Whether an update turns back on the one before: the cosine between two updates in a row.

A recorded step keeps its own update, and the recorder looks at the same entries once more after
the next step of the same optimiser. What it found is written with the next record.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer

Kept = tuple[str, Tensor, Tensor, Tensor]
"""Name, parameter, its sampled entries after the update, the update."""

STAT = "update_cosine"
MOST = 64  # parameters that are followed: the largest, where a network has more


class Turning:
    """Follows the updates of a few recorded steps by one step each.

    Args:
        sampled: the entries of a parameter that are looked at.
    """

    def __init__(self, sampled: Callable[[Tensor], Tensor]) -> None:
        self._sampled = sampled
        self._kept: list[Kept] = []
        self._optimizer = 0
        self._found: tuple[tuple[tuple[str, str], ...], Tensor] | None = None

    @property
    def waiting(self) -> bool:
        """Whether the next step is to be looked at."""
        return bool(self._kept)

    def keep(self, optimizer: Optimizer, moved: Sequence[Kept]) -> None:
        """An optimiser has made these updates; its next ones are to be compared with them."""
        wanted = [one for one in moved if one[1].dim() >= 2]
        wanted = sorted(wanted, key=lambda one: -one[1].numel())[:MOST]
        # the sample may be a view, and the next step writes through it
        self._kept = [(name, p, after.clone(), update) for name, p, after, update in wanted]
        self._optimizer = id(optimizer)

    def drop(self) -> None:
        """Forget what was kept: the next step is not looked at."""
        self._kept = []

    def step(self, optimizer: Optimizer) -> None:
        """An optimiser has stepped; if it is the one that is followed, compare."""
        if id(optimizer) != self._optimizer:
            return
        kept, self._kept = self._kept, []
        now = [self._sampled(parameter) for _, parameter, _, _ in kept]
        updates = torch._foreach_sub(now, [after for _, _, after, _ in kept])
        keys = tuple((name, STAT) for name, *_ in kept)
        self._found = (keys, _cosines([update for *_, update in kept], list(updates)))

    def take(self) -> tuple[tuple[tuple[str, str], ...], Tensor] | None:
        """Keys and cosines that were found since the last call, or None."""
        found, self._found = self._found, None
        return found


def _cosines(one: list[Tensor], two: list[Tensor]) -> Tensor:
    """(parameters,) in float32, on the device of the first; 0 where an update is zero."""
    device = one[0].device
    found: list[Tensor] = []
    for a, b in zip(one, two, strict=True):
        left, right = a.float(), b.float()
        size = (left.dot(left) * right.dot(right)).sqrt().clamp(min=1e-30)
        found.append((left.dot(right) / size).to(device))
    return torch.stack(found)
