"""What a trial sees of one run from the inside: every loss, the yardstick, and the step at which
it has seen enough."""

import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from relume.trial.runner import shared_metrics

BATCH = 64  # losses read from the device together
POINTS = 200  # of the loss that a shot carries
TAIL = 0.1  # share of the steps whose mean is the objective
LEAST_TAIL = 5  # steps in it: one batch says little


class StepLimitReached(SystemExit):
    """The arm has taken its steps. A `SystemExit`, so that the user's `except Exception` lets it
    pass, their `finally` and `with` run, and nothing is printed."""


class LossProbe:
    """Listens to `backward` and to the optimisers while it is entered.

    Args:
        limit: optimiser steps after which the run is ended by `Enough`; None: never.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.steps = 0
        self.backwards = 0
        self.criterion = ""
        self.parameters = 0
        self._first: Optimizer | None = None
        self._counted: set[int] = set()
        self._kept: list[Tensor] = []
        self._at: list[int] = []
        self._losses: list[float] = []
        self._yards: dict[str, list[tuple[int, Tensor]]] = {}
        self._undo: list[Callable[[], None]] = []
        self._scaled: tuple[Tensor, Tensor] | None = None

    def __enter__(self) -> Self:
        handle = register_optimizer_step_post_hook(self._stepped)
        self._undo.append(handle.remove)
        self._wrap(torch.autograd, "backward", self._of_backward)
        self._wrap(GradScaler, "scale", self._of_scale)
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()

    def _wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        setattr(owner, name, make(original))
        self._undo.append(lambda: setattr(owner, name, original))

    def _of_backward(self, original: Any) -> Any:
        def backward(tensors: Any, *args: Any, **keywords: Any) -> Any:
            if isinstance(tensors, Tensor) and tensors.numel() == 1:
                try:
                    self._saw(tensors)
                except Exception:  # ours never alters their training
                    self._scaled = None
            return original(tensors, *args, **keywords)

        return backward

    def _of_scale(self, original: Any) -> Any:
        def scale(scaler: Any, outputs: Any, *args: Any, **keywords: Any) -> Any:
            result = original(scaler, outputs, *args, **keywords)
            if isinstance(outputs, Tensor) and isinstance(result, Tensor):
                self._scaled = (result, outputs)
            return result

        return scale

    def _saw(self, loss: Tensor) -> None:
        scaled, self._scaled = self._scaled, None
        if scaled is not None and scaled[0] is loss:
            loss = scaled[1]
        self.backwards += 1
        self._kept.append(loss.detach().reshape(()))
        self._at.append(self.steps)
        if len(self._kept) >= BATCH:
            self._read()
        if not self.criterion:
            self.criterion = shared_metrics.describe_criterion(loss)
        # every batch of a short run, fewer of a long one; by number, so alike in all arms
        if self.backwards % (1 + self.backwards // 500) == 0:
            for name, value in shared_metrics.measure_shared(loss).items():
                self._yards.setdefault(name, []).append((self.steps, value))

    def _read(self) -> None:
        # a copy at once: in-place work on a loss after backward must not change what was seen
        self._losses += [float(x) for x in torch.stack([k.float() for k in self._kept])]
        self._kept.clear()

    def _stepped(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        if self._first is None:
            self._first = optimizer
        if optimizer is self._first:
            self.steps += 1
        if self.steps <= 1:
            self._count(optimizer)
        if self.limit is not None and self.steps >= self.limit:
            raise StepLimitReached(0)

    def _count(self, optimizer: Optimizer) -> None:
        """The numbers that are trained: those of every optimiser that takes part from the start."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) not in self._counted:
                    self._counted.add(id(parameter))
                    self.parameters += parameter.numel()

    # ------------------------------------------------------------------ what was seen

    def losses(self) -> list[tuple[int, float]]:
        """(step, loss), one for each step: the mean where a step took several backward passes."""
        if self._kept:
            self._read()
        by_step: dict[int, list[float]] = {}
        for step, loss in zip(self._at, self._losses, strict=False):
            by_step.setdefault(step if self._first is not None else len(by_step), []).append(loss)
        return [(step, sum(some) / len(some)) for step, some in by_step.items()]

    def yards(self) -> dict[str, float]:
        """Each yardstick's mean over the tail of the run, as ``yard:NAME``."""
        found: dict[str, float] = {}
        for name, seen in self._yards.items():
            tail = [float(value) for _, value in seen[-_tail(len(seen)) :]]
            found[f"yard:{name}"] = sum(tail) / len(tail)
        return found


def level(losses: list[tuple[int, float]]) -> float | None:
    """The mean of the last tenth of the steps; None without one, NaN if one of them is."""
    if not losses:
        return None
    tail = [loss for _, loss in losses[-_tail(len(losses)) :]]
    return sum(tail) / len(tail)


def diverged(losses: list[tuple[int, float]], outcome: str) -> bool:
    """It ended with losses that are not finite, or where the outcome is called that."""
    tail = [loss for _, loss in losses[-_tail(len(losses)) :]]
    return outcome == "diverged" or not all(math.isfinite(loss) for loss in tail)


def thinned(losses: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """At most `POINTS` points: means of neighbouring steps, at the last step of each."""
    size = -(-len(losses) // POINTS) or 1
    blocks = [losses[at : at + size] for at in range(0, len(losses), size)]
    return tuple((b[-1][0], sum(loss for _, loss in b) / len(b)) for b in blocks)


def _tail(count: int) -> int:
    return max(LEAST_TAIL, int(TAIL * count))
