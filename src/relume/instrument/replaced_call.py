"""Finds torch's own function where a mode is handed somebody's replacement of it.

A function of torch that is written in Python looks itself up by its public name when a mode is open
(``handle_torch_function(Tensor.backward, ...)``). Where somebody has replaced that name (a counter,
a profiler, a logger), the mode is handed the replacement, which is running already, outside: called
by the mode it would run a second time.
"""

import sys
from types import CodeType, FrameType, FunctionType
from typing import Any

_HANDLES = "handle_torch_function"
_VARIADIC = 0x04 | 0x08


def without_replacement(
    func: Any, args: tuple[Any, ...], keywords: dict[str, Any] | None
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """What to call instead of `func`, so that a replacement runs only once.

    Call it from the body of ``__torch_function__``: the torch function is found by its frame, two
    above that. Where that frame is of the same function as `func`, or cannot be called again (it
    takes any number of arguments, or values of a closure), it is `func` itself.

    Args:
        func: what the mode was handed.
        args: its arguments.
        keywords: its named arguments.

    Returns:
        The function, its arguments and its named arguments.
    """
    if isinstance(func, FunctionType):
        frame = _running(sys._getframe(1))
        if frame is not None and frame.f_code is not func.__code__ and _is_plain(frame.f_code):
            code, values = frame.f_code, frame.f_locals
            named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            if all(name in values for name in named):
                own = FunctionType(code, frame.f_globals, code.co_name)
                return own, (), {name: values[name] for name in named}
    return func, args, keywords or {}


def _running(mode: FrameType) -> FrameType | None:
    """The frame of the torch function that asked a mode, if it is written in Python."""
    handling = mode.f_back
    if handling is None or handling.f_code.co_name != _HANDLES:
        return None
    return handling.f_back


def _is_plain(code: CodeType) -> bool:
    return not (code.co_flags & _VARIADIC or code.co_freevars or code.co_posonlyargcount)
