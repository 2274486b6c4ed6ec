"""Installs the two global module hooks of a recorded step.

The hooks record the entries and exits of modules, and open the act capture where it is needed.
Their calls, and torch's own handling of hooks, are a good part of what a record of a deep model
costs, so a step whose graph is expected to be in the cache runs without them
(`capture/recorded_step.py`).
"""

import weakref
from collections.abc import Callable
from threading import get_ident
from time import thread_time
from typing import Any

import torch
from torch import nn

from relume.instrument.plain_traceback import as_without_hooks, as_without_mode
from relume.instrument.private_names import in_backward
from relume.record.hooks.torch_state import unseen
from relume.record.sites.function_mode import ActCapture
from relume.record.sites.module_trace import ModuleTrace, packing
from relume.record.sites.qualified_names import QualifiedNames


class ModuleHooks:
    """Installs the hooks and removes them.

    Args:
        names: gets every root that is trained.
        module_trace: records entries and exits.
        act_capture: opened where acts are in no graph.
        on_error: called with a failure of the recorder: where, and the exception.
        on_cost: called after each entry with the `thread_time` at which its handling began.
        exact: the act capture stays closed.
    """

    def __init__(
        self,
        names: QualifiedNames,
        module_trace: ModuleTrace,
        act_capture: ActCapture,
        on_error: Callable[[str, Exception], None],
        on_cost: Callable[[float], None],
        *,
        exact: bool,
    ) -> None:
        self._names = names
        self._module_trace = module_trace
        self._act_capture = act_capture
        self._on_error = on_error
        self._on_cost = on_cost
        self._exact = exact
        self._handles: list[Any] = []

    def open(self) -> None:
        """Record entries and exits from now on.

        If they are recorded already, all but those of the last step are dropped.
        """
        if self._handles:
            self._module_trace.trim()
            return
        self._module_trace.begin()
        hooks = nn.modules.module
        self._handles = [
            hooks.register_module_forward_pre_hook(self._enter),
            hooks.register_module_forward_hook(self._leave, always_call=True),
        ]

    def close(self) -> None:
        """Remove the hooks and drop what they recorded. Calling it twice is fine."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._act_capture.close()
        self._act_capture.clear()
        self._module_trace.clear()

    def _enter(self, module: nn.Module, args: object) -> None:
        if torch.compiler.is_compiling():
            return
        start = thread_time()
        try:
            self._begin(module)
        except Exception as error:
            self._on_error("module entry", error)
        self._on_cost(start)

    @unseen
    def _begin(self, module: nn.Module) -> None:
        module_trace = self._module_trace
        if get_ident() != module_trace.thread:  # data parallelism, perhaps: a share of the batch
            if torch.is_grad_enabled():
                module_trace.enter(module)
            return
        if in_backward():
            # A checkpoint computes its forward again: a reentrant one in a graph of its own,
            # which is read (`read_inner`); the other kind was captured in the forward pass.
            if torch.is_grad_enabled() and not packing():
                module_trace.enter(module)
            return
        if module_trace.main.stack and module_trace.main.stack[0] is module:
            self._act_capture.close()  # an interrupt has left the last forward open
            module_trace.main.stack.clear()
        if not module_trace.main.stack:
            if not torch.is_grad_enabled():
                module_trace.beside[id(module)] = weakref.ref(module)
                if module.training:
                    module_trace.called[id(module)] = weakref.ref(module)
                return  # an evaluation
            self._names.add_root(module)
        module_trace.enter(module)
        if not self._exact:
            self._act_capture.enter(module)

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        if not torch.compiler.is_compiling():
            self._end(module, output)

    @unseen
    def _end(self, module: nn.Module, output: object) -> None:
        try:
            outermost = self._module_trace.leave(module)
            if get_ident() == self._module_trace.thread and not in_backward():
                self._act_capture.leave(module, output, outermost)
            if output is None:  # an error is on its way, or the forward returns nothing
                as_without_hooks(module)
                as_without_mode()
        except Exception as error:
            self._on_error("module exit", error)
