"""Keras on torch: its optimisers are not torch's, so none of torch's hooks hears their steps.

Keras' own `apply` is wrapped while a run is recorded, and what it steps is shown to the recorder
as an optimiser of torch's: the same parameters, the current learning rate.
"""

import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from relume.record.around import Patch


class Stepped(Protocol):
    """Who is told of steps. None of these may raise."""

    @property
    def watching(self) -> bool:
        """Whether anything is to be told at all."""
        ...

    def before_foreign_step(self, optimizer: Any) -> None:
        """An optimiser that is not torch's is about to step."""
        ...

    def after_foreign_step(self, optimizer: Any) -> None:
        """It has stepped."""
        ...


class Shown:
    """A Keras optimiser as the recorder reads one of torch's."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self.variables: Sequence[Any] | None = None  # as given to `apply`; None: all it knows

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """One group: what is stepped, at which rate."""
        optimizer = self._optimizer
        known = optimizer._trainable_variables if self.variables is None else self.variables
        return [
            {
                "params": [variable.value for variable in known],
                "lr": float(optimizer.learning_rate),
                "weight_decay": optimizer.weight_decay or 0.0,
            }
        ]


class KerasSteps:
    """Listens to the steps of Keras' optimisers, once Keras has been imported on torch.

    Args:
        listener: who is told; held weakly.
    """

    def __init__(self, listener: Stepped) -> None:
        self._listener = weakref.ref(listener)
        self._patch: Patch | None = None
        self._shown: weakref.WeakKeyDictionary[Any, Shown] = weakref.WeakKeyDictionary()

    def open(self) -> None:
        """Listen from now on, if there is anything to listen to. Twice is fine."""
        keras: Any = sys.modules.get("keras")
        if self._patch is not None or keras is None or keras.config.backend() != "torch":
            return
        owner = next(c for c in keras.optimizers.Optimizer.__mro__ if "apply" in vars(c))
        self._patch = Patch(owner, "apply", self._wrap)
        self._patch.put()

    def shut(self) -> None:
        """Listen no longer."""
        if self._patch is not None:
            self._patch.take()
        self._patch = None

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        reference, shown_as = self._listener, self._as_torch

        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            listener = reference()
            if listener is None or not listener.watching or torch.compiler.is_compiling():
                return original(optimizer, grads, trainable_variables)
            shown = shown_as(optimizer, trainable_variables)
            listener.before_foreign_step(shown)
            result = original(optimizer, grads, trainable_variables)
            listener.after_foreign_step(shown)
            return result

        return apply

    def _as_torch(self, optimizer: Any, variables: Any) -> Shown:
        shown = self._shown.get(optimizer)
        if shown is None:
            kind = type(type(optimizer).__name__, (Shown,), {})  # its name is what is recorded
            shown = self._shown[optimizer] = kind(weakref.proxy(optimizer))
        # an iterator is the user's to consume
        shown.variables = variables if isinstance(variables, list | tuple) else None
        return shown
