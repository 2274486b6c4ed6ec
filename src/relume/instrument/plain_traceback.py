"""Makes the traceback of a module's error what it is without the recorder's hooks and modes."""

import dis
import sys
from functools import cache
from types import CodeType, FrameType, TracebackType
from typing import cast

from torch import nn
from torch.overrides import handle_torch_function

from relume.instrument.private_names import global_hook_tables


def as_without_hooks(module: nn.Module) -> None:
    """Leave out the frame that torch adds where there are global hooks; call it in such a hook.

    An always-called forward hook runs while the error of the forward passes through torch's
    `Module._call_impl`. With any hook that function calls the forward through an inner one, which
    the user would find in the traceback, on lines that differ from those of a run without hooks.

    Args:
        module: the one whose forward has raised.
    """
    error = sys.exc_info()[1]
    trace = None if error is None else error.__traceback__
    if error is None or trace is None or trace.tb_next is None:
        return
    code = trace.tb_frame.f_code
    inner = trace.tb_next.tb_frame.f_code
    if code is not nn.Module._call_impl.__code__ or inner.co_name != "inner" or _has_hooks(module):
        return
    if inner.co_filename != code.co_filename or trace.tb_frame.f_locals.get("self") is not module:
        return
    place = _direct_call(code)
    if place is not None:
        rest = trace.tb_next.tb_next
        error.__traceback__ = TracebackType(rest, trace.tb_frame, *place)


def as_without_mode() -> None:
    """Leave out the frames that a function mode adds; call it where `as_without_hooks` is called.

    A mode calls the function that was called, from its own frame. A function of torch that is
    written in Python stands there twice then: it asks the mode, which calls it again.
    """
    error = sys.exc_info()[1]
    trace = None if error is None else error.__traceback__
    entries: list[TracebackType] = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    kept: list[TracebackType] = []
    for entry in entries:
        if not _is_own_mode(entry.tb_frame):
            kept.append(entry)
        elif kept and kept[-1].tb_frame.f_code is handle_torch_function.__code__:
            del kept[-2:]
    if error is not None and len(kept) < len(entries):
        for entry, after in zip(kept, [*kept[1:], None], strict=True):
            entry.tb_next = after
        error.__traceback__ = kept[0] if kept else None


def _is_own_mode(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__"))
    return frame.f_code.co_name == "__torch_function__" and module.startswith("relume.")


def _has_hooks(module: nn.Module) -> bool:
    """Whether the module would be called through the inner function anyway."""
    own = cast(
        "tuple[dict[int, object], ...]",
        (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._backward_hooks,
            module._backward_pre_hooks,
        ),
    )
    hooks = [hook for table in global_hook_tables() for hook in table.values()]
    return any(own) or any(not str(hook.__module__).startswith("relume.") for hook in hooks)


@cache
def _direct_call(code: CodeType) -> tuple[int, int] | None:
    """The offset and line of the call of a forward without hooks: the first of its kind."""
    line = 0
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions else line
        if instruction.opname == "CALL_FUNCTION_EX" and line:
            return instruction.offset, line
    return None
