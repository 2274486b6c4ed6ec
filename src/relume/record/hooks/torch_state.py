"""Sets torch's global state while the recorder reads, and restores it.

The state is grad mode, function and dispatch modes, autocast, and one warning filter.
"""

import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from relume.instrument.private_names import (
    DisableTorchFunction,
    disable_current_modes,
    dispatch_stack_length,
    function_stack_length,
)


class untraced:  # noqa: N801 - a context, as torch.no_grad is
    """Runs the recorder's own computation untraced, as a context.

    It makes no graph, uses no autocast, and is hidden from the user's modes (a flop counter).
    """

    __slots__ = ("_grad", "_stack")

    def __enter__(self) -> None:
        self._stack = (
            _shielded()
            if function_stack_length()
            or dispatch_stack_length()
            or torch.is_autocast_enabled("cpu")
            or torch.is_autocast_enabled("cuda")
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


def _shielded() -> ExitStack:
    stack = ExitStack()
    if function_stack_length():
        stack.enter_context(DisableTorchFunction())
    if dispatch_stack_length():
        stack.enter_context(disable_current_modes())
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
    for it; the recorder's hooks allow for that. The filter is installed once a recording, as every
    change of the filters makes Python forget which warnings it has shown.
    """

    TEXT = r"Using `torch\.compile\(module\)` when there are global hooks"

    def __init__(self) -> None:
        self._entry: Any = None

    def install(self) -> None:
        """Ignore the warning from now on."""
        warnings.filterwarnings("ignore", message=self.TEXT, category=UserWarning)
        self._entry = warnings.filters[0]

    def remove(self) -> None:
        """Remove the filter; the user's own filters stay as they are."""
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        if self._entry is not None and self._entry in filters:
            filters.remove(self._entry)
            warnings._filters_mutated()  # type: ignore[attr-defined]
        self._entry = None
