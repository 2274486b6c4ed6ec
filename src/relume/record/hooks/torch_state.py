"""Sets torch's global state while the recorder reads, and restores it.

The state is grad mode, function and dispatch modes, autocast, and one warning filter.
"""

import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import wraps
from threading import get_ident
from typing import Any, ParamSpec

import torch

from relume.instrument.private_names import (
    DisableTorchFunction,
    disable_current_modes,
    dispatch_stack_length,
    function_stack_length,
    profiler_enabled,
    record_function,
)

_P = ParamSpec("_P")


class untraced:  # noqa: N801 - a context, as torch.no_grad is
    """Runs the recorder's own computation untraced, as a context.

    It makes no graph, uses no autocast, and is hidden from the user's modes (a flop counter) and
    profiler.
    """

    __slots__ = ("_grad", "_stack")

    def __enter__(self) -> None:
        self._stack = (
            _shielded()
            if _is_seen() or torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
            else None
        )
        self._grad = torch.is_grad_enabled()
        if self._grad:  # not within backward
            torch.set_grad_enabled(False)

    def __exit__(self, *error: object) -> None:
        if self._grad:
            torch.set_grad_enabled(True)
        if self._stack is not None:
            self._stack.close()


def _is_seen() -> bool:
    """Whether a mode or a profiler would see what the recorder calls."""
    return function_stack_length() or dispatch_stack_length() or profiler_enabled()


def _hidden() -> ExitStack:
    stack = ExitStack()
    if profiler_enabled() and get_ident() not in _unprofiled:
        stack.enter_context(_without_profiler())
    if function_stack_length():
        stack.enter_context(DisableTorchFunction())
    if dispatch_stack_length():
        stack.enter_context(disable_current_modes())
    return stack


_unprofiled: set[int] = set()  # threads whose calls a profiler does not see


@contextmanager
def _without_profiler() -> Generator[None]:
    thread = get_ident()
    _unprofiled.add(thread)
    record_function(False)
    try:
        yield
    finally:
        record_function(True)
        _unprofiled.discard(thread)


def unseen(entry: Callable[_P, None]) -> Callable[_P, None]:
    """Hide what an entry point of the recorder calls from the user's modes and profiler."""

    @wraps(entry)
    def hidden(*args: _P.args, **keywords: _P.kwargs) -> None:
        if _is_seen():
            with _hidden():
                entry(*args, **keywords)
        else:
            entry(*args, **keywords)

    return hidden


def _shielded() -> ExitStack:
    stack = _hidden()
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            stack.enter_context(_exact(device))
    return stack


@contextmanager
def _exact(device: str) -> Generator[None]:
    # Not torch.autocast(enabled=False): its exit clears the user's cache of cast weights.
    torch.set_autocast_enabled(device, False)
    try:
        yield
    finally:
        torch.set_autocast_enabled(device, True)


class IgnoreWarning:
    """Ignores the one warning that the recorder's module hooks make torch give the user.

    A compiled module, called while there are global hooks, warns that they are called once more
    for it; the recorder's hooks allow for that. The filter is installed once a recording, and only
    where something is compiled: it is in the user's filters, and every change of those makes Python
    forget which warnings it has shown.
    """

    TEXT = r"Using `torch\.compile\(module\)` when there are global hooks"

    def __init__(self) -> None:
        self._entry: Any = None

    def install(self) -> None:
        """Ignore the warning from now on."""
        if self._entry is not None:
            return
        warnings.filterwarnings("ignore", message=self.TEXT, category=UserWarning)
        self._entry = warnings.filters[0]

    def remove(self) -> None:
        """Remove the filter; the user's own filters stay as they are."""
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        if self._entry is not None and self._entry in filters:
            filters.remove(self._entry)
            warnings._filters_mutated()  # type: ignore[attr-defined]
        self._entry = None
