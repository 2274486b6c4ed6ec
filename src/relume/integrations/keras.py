"""`RelumeCallback` for Keras 3 on torch: ``model.fit(callbacks=[RelumeCallback()])``."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import keras

from relume.errors import UsageError
from relume.integrations.callback_core import (
    BatchesGuard,
    CallbackCore,
    HoldsRun,
    checked_options,
)

_keras: Any = keras  # its types are partial


class RelumeCallback(HoldsRun, keras.callbacks.Callback):
    """Watches `fit`, adds figures to every epoch's logs, reports at the end.

    Put it before the callbacks that write logs (`TensorBoard`, `CSVLogger`): they then see the
    figures, and so does `History`. Layers are named by their `path`. Evaluation is not recorded.

    Args:
        budget: share of the wall time that recording may take, in (0, 1].
        every: record every so many optimiser steps instead.
        path: the run file; by default ``.relume/<time>-<class>.sqlite``.
        stop_on: ``"note"``, ``"warning"`` or ``"error"``: a finding of it stops the training.
        ignore: rules to leave out: codes, prefixes or names.
        report: whether to report the findings at the end, on stderr.

    Raises:
        UsageError: Keras runs on another backend than torch.
    """

    def __init__(
        self,
        *,
        budget: float = 0.01,
        every: int | None = None,
        path: str | Path | None = None,
        stop_on: str | None = None,
        ignore: Iterable[str] = (),
        report: bool = True,
    ) -> None:
        super().__init__()
        backend = str(_keras.config.backend())
        if backend != "torch":
            raise UsageError(
                f"Keras runs on {backend!r}; relume watches torch: set KERAS_BACKEND=torch."
            )
        self._core = CallbackCore(checked_options(budget, every, path, stop_on, ignore, report))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to record."""
        self._remove_guards()
        model = cast("Any", self.model)
        self._core.begin(model)
        fit = _locals_of_fit(model)
        callbacks, batches = fit.get("callbacks"), fit.get("epoch_iterator")
        names = ("on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end")
        self._guard(
            (model, "train_function"),
            (model, "evaluate"),
            *((callbacks, name) for name in names),  # another callback
            more=[BatchesGuard(batches, "_get_iterator", self._fail)]
            if batches is not None
            else (),
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check for a stop within long epochs, as often as the budget allows."""
        if self._core.options.stop_on is not None and (batch + 1) % 50 == 0:
            self._figures()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the figures of the epoch."""
        figures = self._figures()
        if logs is not None:
            logs.update(figures)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the recording: the training has ended, or was stopped early."""
        self._remove_guards()
        self._core.end()

    def _figures(self) -> dict[str, float]:
        figures = self._core.figures()
        if self._core.should_stop:
            cast("Any", self.model).stop_training = True
        return figures


def _locals_of_fit(model: Any) -> dict[str, Any]:
    """The variables of the `fit` that calls this callback; Keras passes on none of them."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return frame.f_locals
        frame = frame.f_back
    return {}
