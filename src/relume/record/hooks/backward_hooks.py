"""Wraps torch's `backward`, `compile` and gradient scaler, to notify the recorder of their calls.

Each wrapper passes its arguments on and returns the result unchanged. None keeps the recorder, or
anything of the user's, alive.
"""

import weakref
from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from relume.instrument.inserted_calls import on_backward, on_grad, on_scale, on_scaler_update
from relume.instrument.monkeypatch import MonkeyPatch
from relume.instrument.private_names import compiler_stance, in_backward
from relume.record.hooks.keras_optimizers import KerasSteps
from relume.record.hooks.torch_state import IgnoreWarning


class BackwardListener(Protocol):
    """Gets the calls that the wrappers see. None of its methods may raise.

    Attributes:
        loss_only: a plain step, on which only the loss is read.
    """

    loss_only: bool

    @property
    def watching(self) -> bool:
        """Whether to notify at all."""
        ...

    def read_loss(self, loss: Tensor) -> None:
        """Read the loss of a plain step: backward is called on this scalar."""
        ...

    def before_backward(self, tensors: Any) -> None:
        """Handle a step that may be recorded: backward is about to run on these tensors."""
        ...

    def inside_backward(self, tensors: Any) -> None:
        """Handle a backward inside another one: a reentrant checkpoint calls it."""
        ...

    def after_backward(self) -> None:
        """Handle the end of a backward that raised nothing."""
        ...

    def after_grad(self, outputs: Any, results: Any) -> None:
        """Handle a derivative that the program keeps the graph of."""
        ...

    def scaled(self, scaler: Any, loss: Any = None) -> None:
        """Handle a gradient scaler that is about to multiply a loss."""
        ...

    def compiled(self) -> None:
        """Handle a call of torch.compile: the compiler is loaded by now."""
        ...

    def scaler_updated(self) -> None:
        """Handle the end of a gradient scaler's iteration."""
        ...

    def before_foreign_step(self, optimizer: Any) -> None:
        """Handle an optimiser that is not torch's and is about to step."""
        ...

    def after_foreign_step(self, optimizer: Any) -> None:
        """Handle the end of that step."""
        ...


class BackwardPatches:
    """Installs the wrappers and removes them, any number of times.

    Args:
        listener: gets the calls; held weakly.
    """

    def __init__(self, listener: BackwardListener) -> None:
        self._listener = weakref.ref(listener)
        self._began = False
        self._ignore_warning = IgnoreWarning()
        self._backward = on_backward(self._before, self._after)
        self._others = (
            MonkeyPatch(torch, "compile", self._wrap_compile),
            on_grad(self._after_grad),
            on_scale(self._before_scale),
            on_scaler_update(self._before_update),
        )
        self._keras = KerasSteps(listener)

    def open(self) -> None:
        """Install every wrapper."""
        if compiler_stance() is not None:
            self._ignore_warning.install()
        self._backward.install()
        for patch in self._others:
            patch.install()
        self.patch_keras()

    def patch_keras(self) -> None:
        """Wrap the optimisers of Keras too, if it has been imported."""
        self._keras.open()

    def close(self) -> None:
        """Remove every wrapper."""
        self._ignore_warning.remove()
        self._backward.remove()
        for patch in self._others:
            patch.remove()
        self._keras.close()

    def pause_backward(self) -> None:
        """Remove the wrapper of backward for a while."""
        self._backward.remove()

    def resume_backward(self) -> None:
        """Install the wrapper of backward again."""
        self._backward.install()

    def _before(self, tensors: Any) -> None:
        listener = self._listener()
        if listener is None or not listener.watching:
            return
        given = cast(type[Any], type(tensors))
        tensor = tensors[0] if given is tuple and len(tensors) == 1 else tensors
        if listener.loss_only and type(tensor) is Tensor and tensor.numel() == 1:
            self._began = False
            listener.read_loss(tensor)
        elif in_backward():
            listener.inside_backward(tensor)
        else:
            listener.before_backward(tensor)
            self._began = True

    def _after(self) -> None:
        listener = self._listener()
        if self._began and listener is not None and not in_backward():
            self._began = False
            listener.after_backward()

    def _after_grad(self, outputs: Any, results: Any, create_graph: bool) -> None:
        listener = self._listener()
        if listener is not None and create_graph and listener.watching:
            listener.after_grad(outputs, results)

    def _before_scale(self, scaler: Any, loss: Any) -> None:
        listener = self._listener()
        if listener is not None and listener.watching:
            listener.scaled(scaler, loss)

    def _before_update(self) -> None:
        listener = self._listener()
        if listener is not None and listener.watching:
            listener.scaler_updated()

    def _wrap_compile(self, original: Callable[..., Any]) -> Callable[..., Any]:
        reference, ignore_warning = self._listener, self._ignore_warning

        def compile_(*args: Any, **keywords: Any) -> Any:
            result = original(*args, **keywords)
            listener = reference()
            if listener is not None and listener.watching:
                ignore_warning.install()
                listener.compiled()
            return result

        return compile_
