"""`RelumeCallback` for a loop of your own with Accelerate: a context manager around it.

    with RelumeCallback(accelerator, model, stop_on="error") as relume:
        for epoch in range(epochs):
            train_one(epoch)
            relume.log(step=epoch)      # to the accelerator's trackers
            if relume.should_stop:
                break

Without figures and stopping, such a loop needs only `relume.watch(model)`.
"""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from accelerate import Accelerator
from torch import nn

from relume.errors import UsageError
from relume.integrations.callback_core import CallbackCore, HoldsRun, checked_options


class RelumeCallback(HoldsRun):
    """Watches a loop, logs figures to the accelerator's trackers on `log`, reports at the end.

    Mixed precision, accumulation and clipping are as in any loop: gradients are read where
    backward ends, unscaled.

    Args:
        accelerator: its trackers receive the figures.
        model: the trained model, prepared or not, or several.
        budget: share of the wall time that recording may take, in (0, 1].
        every: record every so many optimiser steps instead.
        path: the run file; by default ``.relume/<time>-<class>.sqlite``.
        stop_on: ``"note"``, ``"warning"`` or ``"error"``: a finding of it sets `should_stop`.
        ignore: rules to leave out: codes, prefixes or names.
        report: whether to report the findings at the end, on stderr.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module | Iterable[nn.Module],
        *,
        budget: float = 0.01,
        every: int | None = None,
        path: str | Path | None = None,
        stop_on: str | None = None,
        ignore: Iterable[str] = (),
        report: bool = True,
    ) -> None:
        models: tuple[Any, ...] = (model,) if isinstance(model, nn.Module) else tuple(model)
        if not models or not all(isinstance(part, nn.Module) for part in models):
            types = ", ".join(type(part).__name__ for part in models) or "nothing"
            raise UsageError(f"RelumeCallback was given {types}; it takes a torch.nn.Module.")
        self._accelerator: Any = accelerator  # its types are partial
        self._models = models
        self._core = CallbackCore(checked_options(budget, every, path, stop_on, ignore, report))

    @property
    def should_stop(self) -> bool:
        """Whether there was a finding of `stop_on` or above, as of the last `log`."""
        return self._core.should_stop

    def log(self, step: int | None = None) -> dict[str, float]:
        """Log the figures.

        Args:
            step: the step that the trackers note.

        Returns:
            The figures by name; empty where nothing is watched.
        """
        figures = self._core.figures()
        if figures:
            self._accelerator.log(figures, step=step)
        return figures

    def __enter__(self) -> "RelumeCallback":
        self._core.begin(*(self._accelerator.unwrap_model(part) for part in self._models))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._core.end()
        else:
            self._core.end_with(error)
