"""Counts the steps of the watched models' optimisers, and reports which of them step."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from relume.record.measure.parameter_samples import live_optimizers, parameters_of
from relume.record.store.run_file import UNSEEN


class OptimizerSteps:
    """Counts steps of one training, however many optimisers take part in each.

    Args:
        is_watched: whether an optimiser steps a watched parameter.

    Attributes:
        latest: returns the optimiser that stepped last, None if it is gone (a weak reference).
        step: the current step of the training.
        steps: steps of all optimisers together.
        trainings: first steps of the trainings in this run, which follow one another.
    """

    def __init__(self, is_watched: Callable[[Optimizer], bool]) -> None:
        self._is_watched = is_watched
        self.latest: Callable[[], Optimizer | None] = _no_optimizer
        self.step = 0
        self.steps = 0
        self._stepped: set[int] = set()
        self.trainings = [0]
        self._name = ""
        self._known: set[int] = set()
        self._training_of: dict[int, int] = {}  # of a parameter, by its id
        self._parameters: dict[int, weakref.ref[Any]] = {}  # every one that was stepped
        self._found: list[weakref.ref[Optimizer]] | None = None

    @property
    def alone(self) -> bool:
        """Whether a single optimiser makes all steps of the training."""
        return len(self._stepped) == 1 and self.steps > 0

    @property
    def several(self) -> bool:
        """Whether more than one optimiser has stepped."""
        return len(self._known) > 1

    def waiting(self) -> list[Optimizer]:
        """Return the optimisers of watched parameters that have not stepped yet.

        All objects of the process are searched at the first call, and never again.
        """
        if self._found is None:
            watched = [one for one in live_optimizers() if self._is_watched(one)]
            self._found = [weakref.ref(one) for one in watched]
        return [one for ref in self._found if (one := ref()) is not None]

    def count(self, optimizer: Optimizer) -> bool:
        """Count a step of this optimiser; return False if it trains another model."""
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
        """Count `steps` further steps of the only optimiser."""
        self.step += steps
        self.steps += steps

    def meta(self) -> dict[str, Any]:
        """Return the run's metadata about its optimisers."""
        names = {"optimizer": self._name, "optimizers": len(self._known)}
        return {**names, "trainings": self.trainings}

    def _add(self, optimizer: Optimizer) -> bool:
        if not self._is_watched(optimizer):
            return False
        if self.steps and self.latest() is None:
            # It replaces an optimiser that is gone (one made for each epoch, say), perhaps at the
            # same address; the two do not alternate.
            self._stepped = {id(optimizer)}
            self._known.clear()
        self._assign_training(optimizer)
        self.latest = weakref.ref(optimizer)
        self._known.add(id(optimizer))
        self._name = self._name or type(optimizer).__name__
        return True

    def _assign_training(self, optimizer: Optimizer) -> None:
        """Begin another training where an optimiser comes whose parameters were never stepped.

        It ends again as one where an earlier optimiser comes back: the two alternate (a GAN).
        """
        held = parameters_of(optimizer)
        old = {number for p in held if (number := self._training(p)) is not None}
        number = max(old, default=None)
        if number is None:
            number = len(self.trainings) if self.steps else 0
            if self.steps:
                self.trainings.append(self.step + 1)
        elif number < len(self.trainings) - 1:
            del self.trainings[number + 1 :]
            self._training_of = {key: min(n, number) for key, n in self._training_of.items()}
        for parameter in held:
            self._parameters[id(parameter)] = weakref.ref(parameter)
            self._training_of[id(parameter)] = number

    def _training(self, parameter: Any) -> int | None:
        """The training in which a parameter was stepped before; None for a new one."""
        known = self._parameters.get(id(parameter))
        return self._training_of[id(parameter)] if known and known() is parameter else None


def _no_optimizer() -> None:
    """Stand in for a weak reference before any optimiser has stepped."""


def rate_of(optimizer: Optimizer) -> float:
    """Return the largest learning rate of the groups; `UNSEEN` where it is kept on a device."""
    groups = optimizer.param_groups
    if len(groups) == 1 and type(only := groups[0]["lr"]) is float:
        return only
    rates = [group["lr"] for group in groups]
    # A rate on a device is not fetched: that would wait for the device on every step.
    known = [float(r) for r in rates if not isinstance(r, Tensor) or r.device.type == "cpu"]
    return max(known, default=UNSEEN)
