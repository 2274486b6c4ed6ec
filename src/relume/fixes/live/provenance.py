"""Tags the output of an act with its input, so that a criterion can get the logits of a softmax.

The tag is an attribute of the output tensor, and lives as long as it; a reshape of the output
carries the tag on, as the same reshape of the logits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from relume.acts.recognise import act_functions
from relume.fixes.live.call_handlers import PASS, FunctionCall, Handler

RESHAPES = (
    Tensor.view, Tensor.reshape, torch.reshape, Tensor.squeeze, torch.squeeze, Tensor.unsqueeze,
    torch.unsqueeze, Tensor.flatten, torch.flatten, Tensor.permute, torch.permute,
    Tensor.transpose, torch.transpose, Tensor.contiguous, Tensor.float, Tensor.double, Tensor.to,
    Tensor.__getitem__,
)  # fmt: skip

_NAME = "_relume_made_from"


@dataclass(frozen=True, slots=True)
class MadeBy:
    """The act that made a tensor, its input, and its axis.

    The axis is None for an elementwise act, and after a reshape, which may have moved it.
    """

    act: str
    z: Tensor
    axis: int | None = None


def made_from(tensor: Any) -> MadeBy | None:
    """Return the act that made this tensor, and its input; None if that is not known."""
    return getattr(tensor, _NAME, None)


def remember_inputs(acts: tuple[str, ...]) -> dict[Any, Handler]:
    """Return handlers that tag the outputs of these acts with their inputs."""
    table: dict[Any, Handler] = dict.fromkeys(RESHAPES, _pass_tag_on)
    for function, act in act_functions().items():
        if act.name in acts:
            table[function] = _tag_output
    return table


def _tag_output(call: FunctionCall) -> Any:
    if call.act is None or call.in_place or not isinstance(call.z, Tensor):
        return PASS
    axis = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    return _with_tag(call.run(), MadeBy(call.act.name, call.z, axis if type(axis) is int else None))


def _pass_tag_on(call: FunctionCall) -> Any:
    made = made_from(call.z)
    return PASS if made is None else _with_tag(call.run(), MadeBy(made.act, call.on(made.z)))


def _with_tag(result: Any, made: MadeBy) -> Any:
    if isinstance(result, Tensor):
        setattr(result, _NAME, made)
    return result


def at_criterion(change: Callable[[FunctionCall, MadeBy | None], Any]) -> Handler:
    """Return a handler for a criterion: `change` gets the call and the act that made its input."""
    return lambda call: change(call, made_from(call.z)) if isinstance(call.z, Tensor) else PASS
