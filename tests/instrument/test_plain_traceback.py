"""A forward's error has the traceback that it has without the recorder's modes."""

import traceback
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from relume.instrument.plain_traceback import as_without_mode
from relume.record.facts.call_follower import CallFollower


class Written(nn.Module):
    """Fails in a function that torch has written in Python."""

    def forward(self, x: Tensor) -> Tensor:
        """Fail."""
        return functional.cross_entropy(x, torch.ones(3, 7, 2))


class Built(nn.Module):
    """Fails in a function that torch has built in."""

    def forward(self, x: Tensor) -> Tensor:
        """Fail."""
        return torch.matmul(x, torch.ones(3, 7))


def _leave(module: nn.Module, _args: Any, output: Any) -> None:
    if output is None:
        as_without_mode()


def _trace(module: nn.Module) -> str:
    handle = module.register_forward_hook(_leave, always_call=True)
    try:
        module(torch.ones(2, 4))
    except (RuntimeError, ValueError):
        return traceback.format_exc()
    finally:
        handle.remove()
    raise AssertionError("it did not raise")


@pytest.mark.parametrize("module", [Written(), Built()], ids=["written", "built in"])
def test_the_frames_of_a_mode_are_left_out(module: nn.Module) -> None:
    def shown(*, mode: bool) -> str:
        if not mode:
            return _trace(module)
        with CallFollower():
            return _trace(module)

    first, second = (shown(mode=mode) for mode in (False, True))
    assert first == second
