"""Follows the gradient scaler: the factor that a loss was multiplied by."""

from typing import Any

from torch import Tensor


class GradScaling:
    """The factor that a gradient scaler puts on the loss, seen as it is put there.

    Attributes:
        skipped: steps that a scaler skipped because a gradient was not finite.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._scale: Tensor | None = None

    def read_scale(self, scaler: Any) -> None:
        """A scaler has multiplied a loss; until its update every loss is taken as scaled."""
        self._scale = scaler._scale if scaler.is_enabled() else None

    def clear(self) -> None:
        """The iteration has ended."""
        self._scale = None

    @property
    def active(self) -> bool:
        """Whether the losses of this iteration are scaled."""
        return self._scale is not None

    def unscale(self, tensor: Tensor) -> Tensor:
        """A scaled tensor without the factor."""
        return tensor if self._scale is None else tensor.detach() / self._scale.to(tensor.device)

    def inverse(self) -> float | Tensor | None:
        """What to multiply gradients with: a number where reading it waits for no device."""
        if self._scale is None:
            return None
        return 1.0 / float(self._scale) if self._scale.is_cpu else self._scale.reciprocal()
