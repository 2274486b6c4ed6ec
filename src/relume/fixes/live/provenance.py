"""Telling a criterion's input from what made it: a softmax's output remembers its logits.

The memory is an attribute of the output tensor, so it lives and dies with it; reshapes of the
output hand it on as the same reshape of the logits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from relume.fixes.live.call_handlers import PASS, FunctionCall, Handler, act_functions

RESHAPES = (
    Tensor.view, Tensor.reshape, torch.reshape, Tensor.squeeze, torch.squeeze, Tensor.unsqueeze,
    torch.unsqueeze, Tensor.flatten, torch.flatten, Tensor.permute, torch.permute,
    Tensor.transpose, torch.transpose, Tensor.contiguous, Tensor.float, Tensor.double, Tensor.to,
    Tensor.__getitem__,
)  # fmt: skip

_NAME = "_relume_made_from"


@dataclass(frozen=True, slots=True)
class MadeBy:
    """What a tensor was made from: the act, what it received, and along which axis it worked.

    The axis is None for an elementwise act, and after a reshape, which may have moved it.
    """

    act: str
    z: Tensor
    axis: int | None = None


def made_from(tensor: Any) -> MadeBy | None:
    """The act that gave this tensor, and what the act received; None if that is not known."""
    return getattr(tensor, _NAME, None)


def remember_inputs(acts: tuple[str, ...]) -> dict[Any, Handler]:
    """Handlers under which the outputs of these acts remember what they were made from."""
    table: dict[Any, Handler] = dict.fromkeys(RESHAPES, _handed_on)
    for function, act in act_functions().items():
        if act.name in acts:
            table[function] = _remembered
    return table


def _remembered(call: FunctionCall) -> Any:
    if call.act is None or call.in_place or not isinstance(call.z, Tensor):
        return PASS
    axis = call.words.get("dim", call.args[1] if len(call.args) > 1 else None)
    return _tagged(call.run(), MadeBy(call.act.name, call.z, axis if type(axis) is int else None))


def _handed_on(call: FunctionCall) -> Any:
    known = made_from(call.z)
    return PASS if known is None else _tagged(call.run(), MadeBy(known.act, call.on(known.z)))


def _tagged(result: Any, made: MadeBy) -> Any:
    if isinstance(result, Tensor):
        setattr(result, _NAME, made)
    return result


def at_criterion(change: Callable[[FunctionCall, MadeBy | None], Any]) -> Handler:
    """A handler for a criterion: gets the call and what its input was made from."""
    return lambda call: change(call, made_from(call.z)) if isinstance(call.z, Tensor) else PASS
