"""The optimiser of a check, which trains nothing."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class NoOpOptimizer(torch.optim.Optimizer):
    """An optimiser that changes nothing; its step marks the end of a pass for the recorder."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        super().__init__([{"params": list(parameters)}], {"lr": 0.0})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Do nothing."""
