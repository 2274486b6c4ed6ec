"""Finds and removes a function mode in torch's stack of modes, wherever it is."""

from torch.overrides import TorchFunctionMode

from relume.instrument.private_names import (
    function_stack_at,
    function_stack_length,
    pop_function_stack,
    push_function_stack,
)


def is_open(mode: TorchFunctionMode) -> bool:
    """Whether the mode is in the stack."""
    return any(function_stack_at(at) is mode for at in range(function_stack_length()))


def remove_mode(mode: TorchFunctionMode) -> None:
    """Remove one mode from any place in the stack, and keep the order of the others."""
    modes = [pop_function_stack() for _ in range(function_stack_length())]
    for other in reversed(modes):
        if other is not mode:
            push_function_stack(other)
