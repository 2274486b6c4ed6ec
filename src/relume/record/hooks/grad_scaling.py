"""Reads the factor of a gradient scaler, and undoes it on losses and gradients."""

from typing import Any

from torch import Tensor


class GradScaling:
    """Holds the factor that a gradient scaler multiplies the loss with.

    Attributes:
        skipped: steps that a scaler skipped because a gradient was not finite.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._scale: Tensor | None = None

    def read_scale(self, scaler: Any) -> None:
        """Read the factor of a scaler that has multiplied a loss; it holds until its update."""
        self._scale = scaler._scale if scaler.is_enabled() else None

    def clear(self) -> None:
        """Forget the factor: the iteration has ended."""
        self._scale = None

    @property
    def active(self) -> bool:
        """Whether the losses of this iteration are scaled."""
        return self._scale is not None

    def unscale(self, tensor: Tensor) -> Tensor:
        """Return a scaled tensor without the factor."""
        return tensor if self._scale is None else tensor.detach() / self._scale.to(tensor.device)

    def inverse(self) -> float | Tensor | None:
        """Return the inverse factor: a number where reading it does not wait for a device."""
        if self._scale is None:
            return None
        return 1.0 / float(self._scale) if self._scale.is_cpu else self._scale.reciprocal()
