"""Keras on torch: its optimisers are not torch's, so none of torch's hooks hears their steps.

Keras' own `apply` is wrapped while a run is recorded, and what it steps is shown to the recorder
as an optimiser of torch's: the same parameters, the current learning rate. Nor is its loss scaling
torch's (`mixed_float16` puts a `LossScaleOptimizer` around the optimiser): `scale_loss` is wrapped
too, and what it multiplies with is shown as a gradient scaler.
"""

import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from relume.record.hooks.monkeypatch import MonkeyPatch


class StepListener(Protocol):
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

    def scaled(self, scaler: Any) -> None:
        """A loss was multiplied by the factor of this scaler."""
        ...

    def scaler_updated(self) -> None:
        """The iteration of that loss has ended."""
        ...


class KerasOptimizerView:
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


class KerasLossScale:
    """What a Keras optimiser multiplies a loss with, as the recorder reads a scaler of torch's."""

    def __init__(self, factor: float | Tensor) -> None:
        # A copy: Keras doubles and halves its own in place before the iteration has ended.
        scale = factor.detach().clone() if isinstance(factor, Tensor) else torch.tensor(factor)
        self._scale = scale

    def is_enabled(self) -> bool:
        """Always: where nothing is scaled there is none."""
        return True


def loss_scale_of(optimizer: Any) -> float | Tensor | None:
    """What this optimiser multiplies a loss with now; None: it leaves it alone."""
    if not hasattr(optimizer, "initial_scale"):
        return optimizer.loss_scale_factor
    return optimizer.dynamic_scale.value if optimizer.built else optimizer.initial_scale


class KerasSteps:
    """Listens to the steps of Keras' optimisers, once Keras has been imported on torch.

    Args:
        listener: who is told; held weakly.
    """

    def __init__(self, listener: StepListener) -> None:
        self._listener = weakref.ref(listener)
        self._patches: tuple[MonkeyPatch, ...] = ()
        self._views: weakref.WeakKeyDictionary[Any, KerasOptimizerView] = (
            weakref.WeakKeyDictionary()
        )

    def open(self) -> None:
        """Listen from now on, if there is anything to listen to. Twice is fine."""
        keras: Any = sys.modules.get("keras")
        if self._patches or keras is None or keras.config.backend() != "torch":
            return
        plain, scaling = keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer
        self._patches = (
            MonkeyPatch(_owner(plain, "apply"), "apply", self._wrap),
            MonkeyPatch(_owner(plain, "scale_loss"), "scale_loss", self._wrap_scale),
            MonkeyPatch(_owner(scaling, "scale_loss"), "scale_loss", self._wrap_scale),
            MonkeyPatch(_owner(scaling, "apply"), "apply", self._wrap_scaling),
        )
        for patch in self._patches:
            patch.install()

    def close(self) -> None:
        """Listen no longer."""
        for patch in self._patches:
            patch.remove()
        self._patches = ()

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        reference, as_torch = self._listener, self._as_torch

        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            listener = reference()
            if listener is None or not listener.watching or torch.compiler.is_compiling():
                return original(optimizer, grads, trainable_variables)
            view = as_torch(optimizer, trainable_variables)
            listener.before_foreign_step(view)
            result = original(optimizer, grads, trainable_variables)
            listener.after_foreign_step(view)
            if optimizer.loss_scale_factor is not None:
                listener.scaler_updated()
            return result

        return apply

    def _wrap_scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        reference = self._listener

        def scale_loss(optimizer: Any, loss: Any) -> Any:
            factor = loss_scale_of(optimizer)
            result = original(optimizer, loss)
            listener = reference()
            if factor is not None and listener is not None and listener.watching:
                listener.scaled(KerasLossScale(factor))
            return result

        return scale_loss

    def _wrap_scaling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        reference = self._listener

        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            result = original(optimizer, grads, trainable_variables)
            listener = reference()
            if listener is not None and listener.watching:
                listener.scaler_updated()  # where the inner optimiser has not stepped: skipped
            return result

        return apply

    def _as_torch(self, optimizer: Any, variables: Any) -> KerasOptimizerView:
        view = self._views.get(optimizer)
        if view is None:
            kind = type(
                type(optimizer).__name__, (KerasOptimizerView,), {}
            )  # its name is what is recorded
            view = self._views[optimizer] = kind(weakref.proxy(optimizer))
        # an iterator is the user's to consume
        view.variables = variables if isinstance(variables, list | tuple) else None
        return view


def _owner(kind: Any, name: str) -> Any:
    """The class in which the method of this one is written."""
    return next(c for c in kind.__mro__ if name in vars(c))
