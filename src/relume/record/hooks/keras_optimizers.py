"""Wraps the optimisers of Keras on torch, whose steps call none of torch's hooks.

While a run is recorded, Keras' `apply` is wrapped, and the recorder gets a view of its optimiser
that reads like one of torch's: the same parameters, the current learning rate. Keras' loss scaling
is not torch's either (`mixed_float16` puts a `LossScaleOptimizer` around the optimiser), so
`scale_loss` is wrapped too, and the recorder gets its factor as a gradient scaler.
"""

import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from relume.instrument.monkeypatch import MonkeyPatch


class StepListener(Protocol):
    """Gets the steps. None of its methods may raise."""

    @property
    def watching(self) -> bool:
        """Whether to notify at all."""
        ...

    def before_foreign_step(self, optimizer: Any) -> None:
        """Handle an optimiser that is about to step."""
        ...

    def after_foreign_step(self, optimizer: Any) -> None:
        """Handle the end of that step."""
        ...

    def scaled(self, scaler: Any, loss: Any = None) -> None:
        """Handle a loss that was multiplied by the factor of this scaler."""
        ...

    def scaler_updated(self) -> None:
        """Handle the end of that loss's iteration."""
        ...


class KerasOptimizerView:
    """Presents a Keras optimiser with the interface of torch's that the recorder reads."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self.variables: Sequence[Any] | None = None  # passed to `apply`; None: all

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameters and the learning rate, as one group."""
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
    """Presents the loss scale of a Keras optimiser as a gradient scaler of torch's."""

    def __init__(self, factor: float | Tensor) -> None:
        # A copy: Keras doubles and halves its own in place before the iteration has ended.
        scale = factor.detach().clone() if isinstance(factor, Tensor) else torch.tensor(factor)
        self._scale = scale

    def is_enabled(self) -> bool:
        """Whether losses are scaled: always, as a view exists only where they are."""
        return True


def loss_scale_of(optimizer: Any) -> float | Tensor | None:
    """Return the factor that this optimiser multiplies a loss with now; None for none."""
    if not hasattr(optimizer, "initial_scale"):
        return optimizer.loss_scale_factor
    return optimizer.dynamic_scale.value if optimizer.built else optimizer.initial_scale


class KerasSteps:
    """Wraps the steps of Keras' optimisers, once Keras has been imported on torch.

    Args:
        listener: gets the steps; held weakly.
    """

    def __init__(self, listener: StepListener) -> None:
        self._listener = weakref.ref(listener)
        self._patches: tuple[MonkeyPatch, ...] = ()
        self._views: weakref.WeakKeyDictionary[Any, KerasOptimizerView] = (
            weakref.WeakKeyDictionary()
        )

    def open(self) -> None:
        """Install the wrappers, if Keras runs on torch. Calling it twice is fine.

        Keras may import torch in the middle of its own import: the first backward asks again.
        """
        keras: Any = sys.modules.get("keras")
        if self._patches or not hasattr(keras, "optimizers") or not hasattr(keras, "config"):
            return
        if keras.config.backend() != "torch":
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
        """Remove the wrappers."""
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
            # The record names the class of the optimiser, so the view's class has its name.
            kind = type(type(optimizer).__name__, (KerasOptimizerView,), {})
            view = self._views[optimizer] = kind(weakref.proxy(optimizer))
        # an iterator is not read: the optimiser consumes it
        view.variables = variables if isinstance(variables, list | tuple) else None
        return view


def _owner(kind: Any, name: str) -> Any:
    """Return the class that defines the method."""
    return next(c for c in kind.__mro__ if name in vars(c))
