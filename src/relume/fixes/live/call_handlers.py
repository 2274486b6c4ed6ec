"""A function mode that lets the handlers of edits answer torch calls of the user's program.

A handler gets the call and returns a result, or `PASS`. It gets only calls of the user's program,
not those that the recorder makes for its own measurements.
"""

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from relume.acts.act import Act
from relume.acts.recognise import act_functions
from relume.fixes.live.edit_job import EditJob
from relume.fixes.live.model_names import LiveModels
from relume.instrument.mode_stack import is_open, remove_mode

PASS: Any = object()
_TORCH = torch.__file__.rpartition("/")[0] + "/"
_HERE = __file__.rpartition("/")[0].rpartition("/")[0]
_PACKAGE = _HERE.rpartition("/")[0] + "/"
_RECORD = _PACKAGE + "record/"
_NEUTRAL = (_TORCH, _HERE + "/", _PACKAGE + "acts/", _PACKAGE + "instrument/")


class Threads(threading.local):
    """The modules whose forward is running in a thread, outermost first."""

    def __init__(self) -> None:
        self.stack: list[nn.Module] = []
        self.calls: dict[tuple[int, str], int] = {}  # of one forward: (module, act) -> count


@dataclass(slots=True)
class FunctionCall:
    """One call of a function by the user's program.

    Attributes:
        function, args, kwargs: what was called with what.
        module: the innermost module whose forward is running; None outside of any.
        act: the act that the function is, bound to the parameters of this call, or None.
        index: how many calls of this act in this module came before, in one forward.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    module: nn.Module | None = None
    act: Act | None = None
    index: int = 0

    @property
    def z(self) -> Any:
        """The tensor to which the function is applied."""
        return self.args[0] if self.args else self.kwargs.get("input")

    @property
    def in_place(self) -> bool:
        """Whether the call writes into its input tensor."""
        name = getattr(self.function, "__name__", "")
        if name.endswith("_") and not name.endswith("__"):
            return True
        if self.kwargs.get("inplace") is True:
            return True
        at = _inplace_at(self.function)
        return at is not None and len(self.args) > at and self.args[at] is True

    def run(self) -> Any:
        """Make the call as the program did."""
        return self.function(*self.args, **self.kwargs)

    def on(self, z: Tensor) -> Any:
        """Make the call with another input tensor, everything else as the program did."""
        if self.args:
            return self.function(z, *self.args[1:], **self.kwargs)
        return self.function(**{**self.kwargs, "input": z})


Handler = Callable[[FunctionCall], Any]


class CallHandlers(TorchFunctionMode):
    """Passes calls to the handlers that registered for their function, while it is open."""

    def __init__(self, models: LiveModels, threads: Threads) -> None:
        super().__init__()
        self.models = models
        self.threads = threads
        self._table: dict[Any, list[tuple[EditJob, Handler]]] = {}
        self._outside = False
        self._acts: dict[Any, Act] = {}
        self._pushed = False

    def __bool__(self) -> bool:
        return bool(self._table)

    def add(self, job: EditJob, table: dict[Any, Handler], *, outside: bool) -> None:
        """Register handlers by function."""
        for function, handler in table.items():
            self._table.setdefault(function, []).append((job, handler))
        self._outside |= outside

    def open(self) -> None:
        """Enter the mode for this thread, where a handler wants calls outside of forwards."""
        self._acts = act_functions()
        if self._outside:
            self.__enter__()
            self._pushed = True

    def close(self) -> None:
        """Leave the mode."""
        if self._pushed:
            remove_mode(self)
            self._pushed = False

    @contextmanager
    def within(self) -> Generator[None]:
        """Enter the mode for one forward that the user's code called."""
        self.threads.calls = {}
        # a recomputation during backward finds the mode entered already
        if not self._table or is_open(self):
            yield
            return
        self.__enter__()
        try:
            yield
        finally:
            remove_mode(self)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Pass the call to the handlers of this function in order; the first result counts."""
        keywords: dict[str, Any] = kwargs or {}
        handlers = self._table.get(func)
        if handlers is None or not _of_the_user(sys._getframe(1)):
            return func(*args, **keywords)
        call = self._call(func, args, keywords)
        for job, handler in handlers:
            if job.failed:
                continue
            try:
                answer = handler(call)
            except Exception as error:
                if type(error).__name__ == "_StopRecomputationError":
                    raise  # ends a recomputation of a checkpoint: no error
                job.fail(error)
                continue
            if answer is not PASS:
                return answer
        return func(*args, **keywords)

    def _call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> FunctionCall:
        stack = self.threads.stack
        module = stack[-1] if stack else None
        call = FunctionCall(func, args, kwargs, module)
        known = self._acts.get(func)
        if known is not None:
            call.act = bound(known, args, kwargs)
            key = (id(module), known.name)
            call.index = self.threads.calls.get(key, 0)
            self.threads.calls[key] = call.index + 1
        return call


def bound(act: Act, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Act:
    """Bind the act to the parameters of a call; those that are tensors stay at their default."""
    names = tuple(act.defaults)
    passed = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    values = {n: passed[n] for n in names if n in passed and not isinstance(passed[n], Tensor)}
    return act.bind(**values) if values else act


@cache
def _inplace_at(function: Any) -> int | None:
    """Return the position of `inplace` among the arguments of a Python function of torch."""
    code = getattr(function, "__code__", None)
    names = () if code is None else cast("tuple[str, ...]", code.co_varnames[: code.co_argcount])
    return names.index("inplace") if "inplace" in names else None


def _of_the_user(frame: FrameType | None) -> bool:
    """Whether the nearest caller outside of torch and of this package is not the recorder."""
    while frame is not None and frame.f_code.co_filename.startswith(_NEUTRAL):
        frame = frame.f_back
    return frame is None or not frame.f_code.co_filename.startswith(_RECORD)
