"""Records every loss and the yardsticks of one run, and ends it at its step limit."""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, cast

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from relume.instrument.grad_scaling import GradScaling
from relume.instrument.inserted_calls import on_backward, on_scale, on_scaler_update
from relume.trial.runner import shared_metrics

BATCH = 64  # losses read from the device together
POINTS = 200  # of the loss in a run's result
TAIL = 0.1  # share of the steps whose mean is the objective
LEAST_TAIL = 5  # steps in it: one batch says little


class StepLimitReached(SystemExit):
    """Raised when the run has taken its steps. As a `SystemExit` it passes the user's `except
    Exception`, their `finally` and `with` run, and Python prints nothing."""


class LossProbe:
    """Records losses at `backward` and counts optimiser steps while it is entered.

    Args:
        limit: raise `StepLimitReached` after this many optimiser steps; None: never.
        at_first: called at the first loss, when the script has imported what it uses.
    """

    def __init__(
        self, limit: int | None = None, at_first: Callable[[], None] = lambda: None
    ) -> None:
        self.limit = limit
        self._at_first = at_first
        self.steps = 0
        self.backwards = 0
        self.criterion = ""
        self.parameters = 0
        self._first: Optimizer | None = None
        self._counted: set[int] = set()
        self._unread: list[Tensor] = []
        self._at: list[int] = []
        self._losses: list[float] = []
        self._yardsticks: dict[str, list[tuple[int, Tensor]]] = {}
        self._scaling = GradScaling()
        self._calls = (
            on_backward(self._before_backward),
            on_scale(self._scaling.read_scale),
            on_scaler_update(self._scaling.clear),
        )

    def __enter__(self) -> Self:
        self._handle = register_optimizer_step_post_hook(self._after_step)
        for call in self._calls:
            call.install()
        return self

    def __exit__(self, *_: object) -> None:
        for call in self._calls:
            call.remove()
        self._handle.remove()

    def _before_backward(self, tensors: Any) -> None:
        given = cast("type[Any]", type(tensors))
        loss = tensors[0] if given is tuple and len(tensors) == 1 else tensors
        if isinstance(loss, Tensor) and loss.numel() == 1:
            with suppress(Exception):  # an error here must not change the user's training
                self._record_loss(self._scaling.unscale(loss))

    def _record_loss(self, loss: Tensor) -> None:
        if not self.backwards:
            self._at_first()
        self.backwards += 1
        self._unread.append(loss.detach().reshape(()))
        self._at.append(self.steps)
        if len(self._unread) >= BATCH:
            self._read()
        if not self.criterion:
            self.criterion = shared_metrics.describe_criterion(loss)
        # every batch of a short run, fewer of a long one; by number, so the same in all arms
        if self.backwards % (1 + self.backwards // 500) == 0:
            for name, value in shared_metrics.measure_shared(loss).items():
                self._yardsticks.setdefault(name, []).append((self.steps, value))

    def _read(self) -> None:
        # float() copies: later in-place changes of a loss do not change the record
        self._losses += [float(x) for x in torch.stack([k.float() for k in self._unread])]
        self._unread.clear()

    def _after_step(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        if self._first is None:
            self._first = optimizer
        if optimizer is self._first:
            self.steps += 1
        if self.steps <= 1:
            self._count(optimizer)
        if self.limit is not None and self.steps >= self.limit:
            raise StepLimitReached(0)

    def _count(self, optimizer: Optimizer) -> None:
        """Count the trained parameters: those of every optimiser that steps from the start."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) not in self._counted:
                    self._counted.add(id(parameter))
                    self.parameters += parameter.numel()

    # ------------------------------------------------------------------ results

    def losses(self) -> list[tuple[int, float]]:
        """Return (step, loss) for each step: the mean where a step had several backward passes."""
        if self._unread:
            self._read()
        by_step: dict[int, list[float]] = {}
        for step, loss in zip(self._at, self._losses, strict=False):
            by_step.setdefault(step if self._first is not None else len(by_step), []).append(loss)
        return [(step, sum(losses) / len(losses)) for step, losses in by_step.items()]

    def yardsticks(self) -> dict[str, float]:
        """Return each yardstick's mean over the tail of the run, as ``yard:NAME``."""
        means: dict[str, float] = {}
        for name, values in self._yardsticks.items():
            tail = [float(value) for _, value in values[-_tail(len(values)) :]]
            means[f"yard:{name}"] = sum(tail) / len(tail)
        return means


def final_loss(losses: list[tuple[int, float]]) -> float | None:
    """Return the mean loss of the last tenth of the steps; None without one, NaN if one is NaN."""
    if not losses:
        return None
    tail = [loss for _, loss in losses[-_tail(len(losses)) :]]
    return sum(tail) / len(tail)


def diverged(losses: list[tuple[int, float]], outcome: str) -> bool:
    """Whether the run ended with losses that are not finite, or its outcome is ``diverged``."""
    tail = [loss for _, loss in losses[-_tail(len(losses)) :]]
    return outcome == "diverged" or not all(math.isfinite(loss) for loss in tail)


def downsample(losses: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Reduce the losses to at most `POINTS` means of adjacent steps, each at its last step."""
    size = -(-len(losses) // POINTS) or 1
    blocks = [losses[at : at + size] for at in range(0, len(losses), size)]
    return tuple((b[-1][0], sum(loss for _, loss in b) / len(b)) for b in blocks)


def _tail(count: int) -> int:
    return max(LEAST_TAIL, int(TAIL * count))
