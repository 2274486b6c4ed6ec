"""Makes the traceback of a module's error what it is without global module hooks."""

import dis
import sys
from functools import cache
from types import CodeType, TracebackType

from torch import nn

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


def _has_hooks(module: nn.Module) -> bool:
    """Whether the module would be called through the inner function anyway."""
    own = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
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
