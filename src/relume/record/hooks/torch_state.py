"""Sets torch's global state while the recorder reads, and restores it.

The state is grad mode, function and dispatch modes, autocast, the compiler's stance, and one
warning filter.
"""

import sys
import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils import _python_dispatch

# torch ships no types for it
_modes_off: Any = _python_dispatch._disable_current_modes


class untraced:  # noqa: N801 - a context, as torch.no_grad is
    """Runs the recorder's own computation untraced, as a context.

    It makes no graph, uses no autocast, is hidden from the user's modes (a flop counter), and
    raises no warning of NumPy's.
    """

    __slots__ = ("_errors", "_grad", "_stack")

    def __enter__(self) -> None:
        self._stack = (
            _shielded()
            if torch._C._len_torch_function_stack()
            or torch._C._len_torch_dispatch_stack()
            or torch.is_autocast_enabled("cpu")
            or torch.is_autocast_enabled("cuda")
            else None
        )
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()
        self._grad = torch.is_grad_enabled()
        torch.set_grad_enabled(False)

    def __exit__(self, *error: object) -> None:
        torch.set_grad_enabled(self._grad)
        self._errors.__exit__(None, None, None)
        if self._stack is not None:
            self._stack.close()


def _shielded() -> ExitStack:
    stack = ExitStack()
    if torch._C._len_torch_function_stack():
        stack.enter_context(torch._C.DisableTorchFunction())
    if torch._C._len_torch_dispatch_stack():
        stack.enter_context(_modes_off())
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


class ForceEager:
    """Makes compiled models run eagerly for a while, without compiling anything again.

    torch's compiler chooses at each call whether to run compiled code. Under the stance
    ``force_eager`` it runs the Python code; afterwards it uses the compiled code again.
    """

    def __init__(self) -> None:
        self._set: Any = None

    def force(self) -> None:
        """Run eagerly from now on, if the compiler is loaded in this process."""
        eval_frame = sys.modules.get("torch._dynamo.eval_frame")
        if self._set is not None or eval_frame is None:
            return
        if eval_frame._stance.stance != "default":
            return  # the user has set a stance
        self._set = torch.compiler.set_stance("force_eager")

    def restore(self) -> None:
        """Restore the stance; if the user has set another one since, that one stays."""
        own_stance, self._set = self._set, None
        eval_frame = sys.modules.get("torch._dynamo.eval_frame")
        if (
            own_stance is not None
            and eval_frame is not None
            and eval_frame._stance is own_stance.stance
        ):
            own_stance.__exit__(None, None, None)


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
