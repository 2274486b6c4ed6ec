"""Counts the steps whose gradient begins cleared, and those that add to an earlier one."""

from collections.abc import Iterable

from torch import Tensor

from relume.record.facts.wiring_leaf import LeafAudit, address, zeros

SETTLED = 3  # cleared so often, it is looked at no more: a script may clear once in an epoch


class GradientWindows:
    """Looks at gradients before a step's first backward, until an optimiser steps on them.

    Args:
        leaves: what is known of each leaf, by its tensor's id.
    """

    def __init__(self, leaves: dict[int, LeafAudit]) -> None:
        self._leaves = leaves
        self._open: dict[int, tuple[bool, int]] = {}  # cleared, address of the gradient

    def forget(self) -> None:
        """Forget the windows that are open."""
        self._open = {}

    def read(self, leaves: Iterable[Tensor]) -> None:
        """Note which leaves begin the step without a gradient, those seen on an earlier step."""
        with_gradient: list[Tensor] = []
        for tensor in leaves:
            leaf = self._leaves.get(id(tensor))
            if leaf is None or not leaf.in_graph or self._open.get(id(tensor), (False,))[0]:
                continue
            if leaf.windows >= leaf.uncleared + SETTLED:
                continue
            if tensor.grad is None:
                self._open[id(tensor)] = True, 0
            else:
                with_gradient.append(tensor)
        for tensor, zero in zip(with_gradient, zeros(with_gradient), strict=True):
            _, where = self._open.get(id(tensor), (False, address(tensor)))
            self._open[id(tensor)] = zero, where

    def close(self, number: int, step: int) -> None:
        """Count whether the gradient that is stepped on began cleared."""
        leaf, window = self._leaves.get(number), self._open.pop(number, None)
        tensor = None if leaf is None else leaf.ref()
        if leaf is None or window is None or tensor is None:
            return
        cleared, where = window
        leaf.windows += 1
        leaf.uncleared += not cleared and address(tensor) == where
        leaf.first_window = step if leaf.first_window < 0 else leaf.first_window
        leaf.last_window = step
