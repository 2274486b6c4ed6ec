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
    that read it show them; put this one before these. Validation is not looked at.

    Args:
        budget: share of the wall time that recording may take, in (0, 1].
        every: record every so many optimiser steps instead.
        path: the run file; by default ``.relume/<time>-<class>.sqlite``.
        stop_on: ``"note"``, ``"warning"`` or ``"error"``: a finding of it stops the training.
        ignore: rules to leave out: codes, prefixes or names.
        report: say at the end, on stderr, what was found.
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
        # as scikit-learn wants it: what was given, under the same names, so that it can be cloned
        self.budget, self.every, self.path = budget, every, path
        self.stop_on, self.ignore, self.report = stop_on, ignore, report
        self._make()

    def _make(self) -> None:
        wishes = checked_options(
            self.budget, self.every, self.path, self.stop_on, self.ignore, self.report
        )
        self.watched_ = CallbackCore(wishes)
        self.guard_: EndGuard | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A pickled net takes the wishes along, not the recording."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make()

    @property
    def run(self) -> Run | None:
        """The recording; None before a training has begun."""
        return self.watched_.run

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What was found; None before there is anything to judge."""
        return self.watched_.diagnosis

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:  # noqa: N803
        """Watch from here."""
        self._lift()
        modules = (getattr(net, f"{name}_", None) for name in net._modules)
        self.watched_.begin(*[part for part in modules if isinstance(part, nn.Module)])
        self.guard_ = EndGuard(net, "fit_loop", self._fail)

    def on_epoch_end(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **_: Any
    ) -> None:
        """Figures of every epoch."""
        for name, value in self.watched_.look().items():
            net.history.record(name, value)
        if self.watched_.stops:
            raise KeyboardInterrupt  # how skorch's own EarlyStopping ends a training

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:  # noqa: N803
        """The training has ended, or was stopped early."""
        self._lift()
        self.watched_.end()

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):
            return  # a way to stop: the end of the training follows
        self._lift()
        self.watched_.failed(error)

    def _lift(self) -> None:
        if self.guard_ is not None:
            self.guard_.lift()
        self.guard_ = None
