"""`RelumeCallback` for Hugging Face's Trainer: ``Trainer(callbacks=[RelumeCallback()])``."""

import sys
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from relume.integrations.callback_core import CallbackCore, HoldsRun, checked_options


class RelumeCallback(HoldsRun, TrainerCallback):
    """Watches `Trainer.train`, logs figures whenever the loss is logged, reports at the end.

    Gradients are read where backward ends, before clipping; the Trainer's own event for them
    comes after it. Evaluation is not recorded. Figures go where the Trainer logs: to its
    `log_history` and to what `report_to` names.

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
        self._core = CallbackCore(checked_options(budget, every, path, stop_on, ignore, report))
        self._trainer: weakref.ref[Trainer] | None = None
        self._logging = False

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **keywords: Any,
    ) -> None:
        """Begin to record."""
        self._core.begin(keywords["model"])
        trainer = _caller()
        self._trainer = None if trainer is None else weakref.ref(trainer)
        self._remove_guards()
        if trainer is not None:
            self._guard(
                (trainer, "training_step"),
                (trainer, "get_batch_samples"),  # a row of the data set, or what collates them
                (trainer, "_maybe_log_save_evaluate"),
                (trainer.callback_handler, "call_event"),  # another callback
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **keywords: Any,
    ) -> None:
        """Log the figures beside a loss that the Trainer has logged."""
        logs: dict[str, Any] = keywords.get("logs") or {}
        if self._logging or "loss" not in logs:
            return
        figures = self._core.figures()
        trainer = None if self._trainer is None else self._trainer()
        if figures and trainer is not None:
            self._logging = True  # log() calls this method again
            try:
                trainer.log(figures)
            finally:
                self._logging = False
        if self._core.should_stop:
            control.should_training_stop = True

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **keywords: Any,
    ) -> None:
        """Check for a stop at the end of an epoch, in case nothing is logged."""
        self._core.figures()
        if self._core.should_stop:
            control.should_training_stop = True

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **keywords: Any,
    ) -> None:
        """End the recording: the training has ended, or was stopped early."""
        self._remove_guards()
        self._core.end()


def _caller() -> Trainer | None:
    """The Trainer that calls this callback, from its frame: it passes everything but itself."""
    frame = sys._getframe(1)
    while frame is not None:
        holder = frame.f_locals.get("self")
        if isinstance(holder, Trainer):
            return holder
        frame = frame.f_back
    return None
