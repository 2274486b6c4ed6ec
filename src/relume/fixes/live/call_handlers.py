"""Function calls under a bench: a function mode that asks handlers instead of torch.

A handler gets the call and answers with a result, or passes (`PASS`). It is asked only for calls
of the user's program: what the recorder computes on its own is left alone.
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

from relume.acts.act import Act, acts
from relume.acts.lookup import parse
from relume.acts.recognise import resolve
from relume.fixes.live.edit_job import EditJob
from relume.fixes.live.model_names import LiveModels

PASS: Any = object()
_TORCH = torch.__file__.rpartition("/")[0] + "/"
_HERE = __file__.rpartition("/")[0].rpartition("/")[0]
_PACKAGE = _HERE.rpartition("/")[0] + "/"
_RECORD = _PACKAGE + "record/"
_NEUTRAL = (_TORCH, _HERE + "/", _PACKAGE + "acts/")


class Threads(threading.local):
    """The modules that are open in a thread, outermost first."""

    def __init__(self) -> None:
        self.stack: list[nn.Module] = []
        self.calls: dict[tuple[int, str], int] = {}  # of one forward: (module, act) -> count


@dataclass(slots=True)
class FunctionCall:
    """One call of a function by the user's program.

    Attributes:
        function, args, words: what was called with what.
        module: the innermost module that is open; None outside of any.
        act: the act that the function is, bound to the parameters of this call, or None.
        index: how many calls of this act in this module came before, in one forward.
    """

    function: Any
    args: tuple[Any, ...]
    words: dict[str, Any]
    module: nn.Module | None = None
    act: Act | None = None
    index: int = 0

    @property
    def z(self) -> Any:
        """The tensor that it is called on."""
        return self.args[0] if self.args else self.words.get("input")

    @property
    def in_place(self) -> bool:
        """Whether it writes into what it is called on."""
        name = getattr(self.function, "__name__", "")
        if name.endswith("_") and not name.endswith("__"):
            return True
        if self.words.get("inplace") is True:
            return True
        where = _inplace_at(self.function)
        return where is not None and len(self.args) > where and self.args[where] is True

    def run(self) -> Any:
        """Call it as asked."""
        return self.function(*self.args, **self.words)

    def on(self, z: Tensor) -> Any:
        """Call it on another tensor, everything else as asked."""
        if self.args:
            return self.function(z, *self.args[1:], **self.words)
        return self.function(**{**self.words, "input": z})


Handler = Callable[[FunctionCall], Any]


class CallHandlers(TorchFunctionMode):
    """Asks handlers for the calls that they registered for, while it is open."""

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
        """Stay open in this thread, where calls outside of forwards are asked for."""
        self._acts = act_functions()
        if self._outside:
            self.__enter__()
            self._pushed = True

    def close(self) -> None:
        """Leave torch."""
        if self._pushed:
            _remove(self)
            self._pushed = False

    @contextmanager
    def within(self) -> Generator[None]:
        """Open for one forward that the user's code asked for."""
        self.threads.calls = {}
        # in a recomputation during backward it was open and is put aside
        if not self._table or _is_open(self):
            yield
            return
        self.__enter__()
        try:
            yield
        finally:
            _remove(self)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Ask the handlers of this function, in their order; the first answer counts."""
        words: dict[str, Any] = kwargs or {}
        handlers = self._table.get(func)
        if handlers is None or not _of_the_user(sys._getframe(1)):
            return func(*args, **words)
        call = self._call(func, args, words)
        for job, handler in handlers:
            if job.failed:
                continue
            try:
                answer = handler(call)
            except Exception as error:
                if type(error).__name__ == "_StopRecomputationError":
                    raise  # how a checkpoint ends its recomputation: no error
                job.fail(error)
                continue
            if answer is not PASS:
                return answer
        return func(*args, **words)

    def _call(self, func: Any, args: tuple[Any, ...], words: dict[str, Any]) -> FunctionCall:
        stack = self.threads.stack
        module = stack[-1] if stack else None
        call = FunctionCall(func, args, words, module)
        known = self._acts.get(func)
        if known is not None:
            call.act = bound(known, args, words)
            key = (id(module), known.name)
            call.index = self.threads.calls.get(key, 0)
            self.threads.calls[key] = call.index + 1
        return call


def bound(act: Act, args: tuple[Any, ...], words: dict[str, Any]) -> Act:
    """The act at the parameters of a call; parameters that are tensors stay at their default."""
    names = tuple(act.defaults)
    given = {**dict(zip(names, args[1:], strict=False)), **words}
    values = {n: given[n] for n in names if n in given and not isinstance(given[n], Tensor)}
    return act.bind(**values) if values else act


@cache
def _functions(known: int) -> dict[Any, Act]:
    found: dict[Any, Act] = {}
    for act in acts().values():
        for match in act.matches:
            path, args, values = parse(match)
            made = act.bind(**act._bound(args, values)) if args or values else act
            for name in (path, f"{path}_"):
                thing = resolve(name)
                if thing is not None and not isinstance(thing, type):
                    found.setdefault(thing, made)
    return found


def act_functions() -> dict[Any, Act]:
    """The act that each torch function and tensor method is, in place or not."""
    return _functions(len(acts()))


@cache
def _inplace_at(function: Any) -> int | None:
    """The position of `inplace` among the arguments of one of torch's Python functions."""
    code = getattr(function, "__code__", None)
    names = () if code is None else cast("tuple[str, ...]", code.co_varnames[: code.co_argcount])
    return names.index("inplace") if "inplace" in names else None


def _of_the_user(frame: FrameType | None) -> bool:
    """Whether the nearest code that is neither torch's nor the bench's is not the recorder's."""
    while frame is not None and frame.f_code.co_filename.startswith(_NEUTRAL):
        frame = frame.f_back
    return frame is None or not frame.f_code.co_filename.startswith(_RECORD)


def _is_open(mode: TorchFunctionMode) -> bool:
    count = torch._C._len_torch_function_stack()
    return any(torch._C._get_function_stack_at(at) is mode for at in range(count))


def _remove(mode: TorchFunctionMode) -> None:
    """Take one mode off the stack, wherever it stands, and leave the others in their order."""
    count = torch._C._len_torch_function_stack()
    kept = [torch._C._pop_torch_function_stack() for _ in range(count)]
    if mode in kept:
        kept.remove(mode)  # the innermost, once
    for other in reversed(kept):
        torch._C._push_on_torch_function_stack(other)
