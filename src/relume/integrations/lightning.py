"""`RelumeCallback` for Lightning: ``Trainer(callbacks=[RelumeCallback()])``."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relume.integrations.callback_core import CallbackCore, HoldsRun, checked_options

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
else:
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback


class RelumeCallback(HoldsRun, Callback):
    """Watches `Trainer.fit`, logs figures every epoch and every `log_every_n_steps`, reports.

    Validation, testing and the sanity check are not recorded. Automatic and manual optimisation,
    several optimisers, accumulation and every precision are recorded as they run; gradients are
    read before `gradient_clip_val` acts on them. Figures go to every logger of the trainer.

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
        super().__init__()
        self._core = CallbackCore(checked_options(budget, every, path, stop_on, ignore, report))

    def on_train_start(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Begin to record, after the sanity check."""
        self._core.begin(pl_module)

    def on_train_batch_end(
        self,
        trainer: "Trainer",
        pl_module: "LightningModule",
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Log the figures as often as the trainer logs."""
        every: int = vars(trainer).get("log_every_n_steps", 50)
        step = _logged_step(trainer)
        if (step + 1) % max(every, 1) == 0:
            self._log(trainer, step)

    def on_train_epoch_end(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Log the figures of the epoch, at the step of its last batch."""
        self._log(trainer, max(_logged_step(trainer) - 1, 0))

    def on_train_end(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """End the recording: the training has ended, or was stopped early."""
        self._core.end()

    def on_exception(
        self, trainer: "Trainer", pl_module: "LightningModule", exception: BaseException
    ) -> None:
        """End the recording by an error or an interrupt."""
        self._core.end_with(exception)

    def teardown(self, trainer: "Trainer", pl_module: "LightningModule", stage: str) -> None:
        """End the recording where neither event came."""
        self._core.end()

    def _log(self, trainer: "Trainer", step: int) -> None:
        figures = self._core.figures()
        if figures and trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.log_metrics(figures, step=step)
        if self._core.should_stop:
            trainer.should_stop = True


def _logged_step(trainer: "Trainer") -> int:
    """The step at which Lightning logs now: batches that stepped, with any number of optimisers."""
    loop: Any = trainer.fit_loop.epoch_loop
    return int(getattr(loop, "_batches_that_stepped", trainer.global_step))
