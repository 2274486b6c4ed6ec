"""Whose steps are counted: the optimisers of the watched models, and which of them steps alone."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from relume.record.store.run_file import UNSEEN


class OptimizerSteps:
    """Counts steps of one training, however many optimisers take part in each.

    Args:
        is_ours: whether an optimiser steps a watched parameter.

    Attributes:
        latest: asks for the one that stepped last; it is not kept alive.
        step: the current step of the training.
        steps: steps of all optimisers together.
    """

    def __init__(self, is_watched: Callable[[Optimizer], bool]) -> None:
        self._is_watched = is_watched
        self.latest: Callable[[], Optimizer | None] = _no_optimizer
        self.step = 0
        self.steps = 0
        self._stepped: set[int] = set()
        self._name = ""
        self._known: set[int] = set()

    @property
    def alone(self) -> bool:
        """Whether one optimiser's steps are the training's."""
        return len(self._stepped) == 1 and self.steps > 0

    @property
    def several(self) -> bool:
        """Whether more than one optimiser has stepped."""
        return len(self._known) > 1

    def has_waiting(self) -> bool:
        """Whether there is an optimiser of a watched parameter that has not stepped yet.

        Looks through all objects of the process: asked once, and only where nothing steps.
        """
        # by type, not by isinstance: that asks proxies for their class
        optimizers = [one for one in gc.get_objects() if issubclass(type(one), Optimizer)]
        return any(self._is_watched(one) for one in optimizers)

    def count(self, optimizer: Optimizer) -> bool:
        """An optimiser has stepped; False if it trains another model."""
        if optimizer is not self.latest() and not self._add(optimizer):
            return False
        number = id(optimizer)
        if number in self._stepped:
            self.step += 1
            if len(self._stepped) > 1:
                self._stepped = {number}
        else:
            self._stepped.add(number)
        self.steps += 1
        return True

    def skip_steps(self, steps: int) -> None:
        """The one optimiser has stepped so many times more."""
        self.step += steps
        self.steps += steps

    def meta(self) -> dict[str, Any]:
        """What the run's metadata say of them."""
        return {"optimizer": self._name, "optimizers": len(self._known)}

    def _add(self, optimizer: Optimizer) -> bool:
        if not self._is_watched(optimizer):
            return False
        if self.steps and self.latest() is None:
            # It takes the place of one that is gone (made anew for each epoch, say), perhaps at its
            # very address; it does not step in turn with it.
            self._stepped = {id(optimizer)}
            self._known.clear()
        self.latest = weakref.ref(optimizer)
        self._known.add(id(optimizer))
        self._name = self._name or type(optimizer).__name__
        return True


def _no_optimizer() -> None:
    """Stands for a weak reference while there is nothing to refer to."""


def rate_of(optimizer: Optimizer) -> float:
    """The largest learning rate of an optimiser's groups; `UNSEEN` where it lives on a device."""
    groups = optimizer.param_groups
    if len(groups) == 1 and type(only := groups[0]["lr"]) is float:
        return only
    rates = [group["lr"] for group in groups]
    # A rate on a device is not fetched: that would wait for the device on every step.
    known = [float(r) for r in rates if not isinstance(r, Tensor) or r.device.type == "cpu"]
    return max(known, default=UNSEEN)
