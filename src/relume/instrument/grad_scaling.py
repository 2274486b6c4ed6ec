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
        self._scaler: Any = None
        self._loss: tuple[int, Tensor] | None = None  # number of its node, value

    def read_scale(self, scaler: Any, loss: Any = None) -> None:
        """Read from now on the factor of a scaler that is about to multiply this loss.

        The first loss makes the factor; it holds until the scaler's update.
        """
        self._scaler = scaler if scaler.is_enabled() else None
        node: Any = getattr(loss, "grad_fn", None)
        self._loss = None if node is None else (node._sequence_nr(), loss.detach())

    def clear(self) -> None:
        """Forget the factor: the iteration has ended."""
        self._scaler = self._loss = None

    @property
    def _scale(self) -> Tensor | None:
        return None if self._scaler is None else self._scaler._scale

    @property
    def active(self) -> bool:
        """Whether the losses of this iteration are scaled."""
        return self._scale is not None

    def unscale(self, tensor: Tensor) -> Tensor:
        """Return a scaled loss without the factor: the one that was multiplied, where it is known.

        One of shape (1,) in half precision may be infinite once it is multiplied.
        """
        scale, sources = self._scale, getattr(tensor.grad_fn, "next_functions", ())
        if scale is not None and self._loss is not None:
            number, loss = self._loss
            if any(node is not None and node._sequence_nr() == number for node, _ in sources):
                return loss
        return tensor if scale is None else tensor.detach() / scale.to(tensor.device)

    def inverse(self) -> float | Tensor | None:
        """Return the inverse factor: a number where reading it does not wait for a device."""
        scale = self._scale
        if scale is None:
            return None
        return 1.0 / float(scale) if scale.is_cpu else scale.reciprocal()
