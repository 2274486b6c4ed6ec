"""The module hooks of a recorded step: which module is open, and where the tap has to be.

Two global hooks note entries and exits. Calling them, and torch's own way through hooks, is a
good part of what a record of a deep model costs; where they tell nothing new they stay out
(`harvest.py`).
"""

from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any

import torch
from torch import nn

from relume.record.sites.function_mode import ActCapture
from relume.record.sites.module_trace import ModuleTrace, graph_task, packing
from relume.record.sites.qualified_names import QualifiedNames


class ModuleHooks:
    """Puts the hooks in and takes them out.

    Args:
        names: of the run; told of every root that is trained.
        marks: take note of entries and exits.
        tap: opened where acts stand in no graph.
        fail: told of a failure of ours.
        spend: called after each entry with the `perf_counter` at which we began to note it.
        exact: the tap stays shut.
    """

    def __init__(
        self,
        names: QualifiedNames,
        marks: ModuleTrace,
        tap: ActCapture,
        fail: Callable[[str, Exception], None],
        spend: Callable[[float], None],
        *,
        exact: bool,
    ) -> None:
        self._names = names
        self._marks = marks
        self._tap = tap
        self._fail = fail
        self._spend = spend
        self._exact = exact
        self._handles: list[Any] = []

    def open(self) -> None:
        """Note entries and exits from now on; if they are noted already, forget all but those of
        the last step."""
        if self._handles:
            self._marks.trim()
            return
        self._marks.begin()
        hooks = nn.modules.module
        self._handles = [
            hooks.register_module_forward_pre_hook(self._enter),
            hooks.register_module_forward_hook(self._leave, always_call=True),
        ]

    def shut(self) -> None:
        """Note nothing any more, and forget what was noted. Twice is fine."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._tap.shut()
        self._tap.forget()
        self._marks.clear()

    def _enter(self, module: nn.Module, args: object) -> None:
        if torch.compiler.is_compiling():
            return
        start = perf_counter()
        try:
            self._begin(module)
        except Exception as error:
            self._fail("module entry", error)
        self._spend(start)

    def _begin(self, module: nn.Module) -> None:
        marks = self._marks
        if get_ident() != marks.thread:  # a share of a batch, perhaps
            if torch.is_grad_enabled():
                marks.enter(module)
            return
        if graph_task() != -1:
            # A checkpoint computes its forward again: a reentrant one in a graph of its own,
            # which is read (`read_inner`); the other kind was taken on the way forward.
            if torch.is_grad_enabled() and not packing():
                marks.enter(module)
            return
        if marks.main.stack and marks.main.stack[0] is module:
            self._tap.shut()  # an interrupt has left the last forward open
            marks.main.stack.clear()
        if not marks.main.stack:
            if not torch.is_grad_enabled():
                return  # an evaluation
            self._names.meet(module)
        marks.enter(module)
        if not self._exact:
            self._tap.enter(module)

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            outermost = self._marks.leave(module)
            if get_ident() == self._marks.thread and graph_task() == -1:
                self._tap.leave(module, output, outermost)
        except Exception as error:
            self._fail("module exit", error)
