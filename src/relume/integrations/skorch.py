"""`RelumeCallback` for skorch: ``NeuralNet(..., callbacks=[RelumeCallback()])``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from skorch.callbacks import Callback
from torch import nn

from relume.core import Diagnosis
from relume.integrations.callback_core import CallbackCore, EndGuard, checked_options
from relume.record.run import Run


class RelumeCallback(Callback):
    """Watches `fit` and `partial_fit`, adds figures to the history, reports at the end.

    The figures are columns of `net.history`, so `PrintLog`, `TensorBoard` and the other callbacks
    that read it show them; put this one before these. Validation is not recorded.

    Args:
        budget: share of the wall time that recording may take, in (0, 1].
        every: record every so many optimiser steps instead.
        path: the run file; by default ``.relume/<time>-<class>.sqlite``.
        stop_on: ``"note"``, ``"warning"`` or ``"error"``: a finding of it stops the training.
        ignore: rules to leave out: codes, prefixes or names.
        report: whether to report the findings at the end, on stderr.
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
        # scikit-learn clones an estimator from attributes named like its arguments
        self.budget, self.every, self.path = budget, every, path
        self.stop_on, self.ignore, self.report = stop_on, ignore, report
        self._make()

    def _make(self) -> None:
        options = checked_options(
            self.budget, self.every, self.path, self.stop_on, self.ignore, self.report
        )
        self.core_ = CallbackCore(options)
        self.guard_: EndGuard | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The options without the recording, for a pickled net."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make()

    @property
    def run(self) -> Run | None:
        """The recording; None before a training has begun."""
        return self.core_.run

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The diagnosis; None before there is a recording."""
        return self.core_.diagnosis

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:  # noqa: N803
        """Begin to record."""
        self._remove_guard()
        modules = (getattr(net, f"{name}_", None) for name in net._modules)
        self.core_.begin(*[part for part in modules if isinstance(part, nn.Module)])
        self.guard_ = EndGuard(net, "fit_loop", self._fail)

    def on_epoch_end(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **_: Any
    ) -> None:
        """Log the figures of the epoch."""
        for name, value in self.core_.figures().items():
            net.history.record(name, value)
        if self.core_.should_stop:
            raise KeyboardInterrupt  # how skorch's own EarlyStopping ends a training

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:  # noqa: N803
        """End the recording: the training has ended, or was stopped early."""
        self._remove_guard()
        self.core_.end()

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):
            return  # skorch's way to stop: `on_train_end` follows
        self._remove_guard()
        self.core_.end_with(error)

    def _remove_guard(self) -> None:
        if self.guard_ is not None:
            self.guard_.remove()
        self.guard_ = None
