"""What is put into torch comes out again, in any order, also after an error."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from relume.instrument.force_eager import ForceEager
from relume.instrument.mode_stack import is_open, remove_mode
from relume.instrument.monkeypatch import MonkeyPatch, patched, replaced
from relume.instrument.preserve_state import preserve_buffers, without_global_hooks
from relume.instrument.private_names import compiler_stance, function_stack_length


class Owner:
    @staticmethod
    def call(word: str) -> str:
        return word

    class Kind:
        pass


def adding(letter: str) -> Callable[[Any], Any]:
    return lambda original: lambda word: original(word + letter)


@pytest.mark.parametrize("first", [0, 1])
def test_wrappers_are_removed_in_any_order(first: int) -> None:
    own = Owner.call
    patches = [MonkeyPatch(Owner, "call", adding(letter)) for letter in "ab"]
    for patch in patches:
        patch.install()
    assert Owner.call("-") == "-ba"
    patches[first].remove()
    assert Owner.call("-") == ("-b", "-a")[first]
    patches[1 - first].remove()
    assert Owner.call is own


def test_a_kept_reference_passes_calls_on() -> None:
    """A compiled model keeps the patched `__call__` for its life."""
    with patched([(Owner, "call", adding("a"))]):
        kept = Owner.call
        assert kept("-") == "-a"
    assert kept("-") == "-"


def test_patches_end_with_an_error() -> None:
    own, kind = Owner.call, Owner.Kind
    two = [(Owner, "call", adding("a")), (Owner, "call", adding("b"))]
    with suppress(ZeroDivisionError), patched(two), replaced(Owner, "Kind", lambda _: int):
        assert Owner.call("-") == "-ba"
        assert isinstance(1, Owner.Kind)
        raise ZeroDivisionError
    assert (Owner.call, Owner.Kind) == (own, kind)


class Mode(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_mode_is_removed_from_any_place(which: int) -> None:
    before = function_stack_length()
    modes = [Mode() for _ in range(3)]
    for mode in modes:
        mode.__enter__()
    try:
        remove_mode(modes[which])
        assert [is_open(mode) for mode in modes] == [at != which for at in range(3)]
        remove_mode(modes[which])  # not there: nothing changes
        assert function_stack_length() == before + 2
    finally:
        for mode in modes:
            remove_mode(mode)
    assert function_stack_length() == before


@pytest.mark.parametrize("over", [False, True])
def test_a_stance_of_the_users_is_restored(over: bool) -> None:
    pytest.importorskip("torch._dynamo.eval_frame")
    eager = ForceEager()
    eager.force()
    assert compiler_stance().stance == "force_eager"
    eager.restore()
    assert compiler_stance().stance == "default"
    torch.compiler.set_stance("eager_on_recompile")
    try:
        eager.force(over_users=over)
        assert compiler_stance().stance == ("force_eager" if over else "eager_on_recompile")
        eager.restore()
        assert compiler_stance().stance == "eager_on_recompile"
    finally:
        torch.compiler.set_stance("default")


def test_a_forward_on_the_side_leaves_no_trace() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    seen: list[nn.Module] = []
    hook = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(module))
    try:
        before = model[0].running_mean.clone()
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        with without_global_hooks(), preserve_buffers(model):
            model.eval()[0].train()
            model(torch.randn(5, 3))
            assert not torch.equal(model[0].running_mean, before)
        assert torch.equal(model[0].running_mean, before)
        assert [part.training for part in model.modules()] == [True] * 3
        assert torch.equal(torch.rand(3), expected)
        assert seen == []
        model(torch.randn(5, 3))  # the broken twin: without the two contexts both show
        assert len(seen) == 3
        assert not torch.equal(model[0].running_mean, before)
    finally:
        hook.remove()


def test_a_replaced_function_has_its_name_and_can_be_sent() -> None:
    """Pickle finds a function by module and name: it must come to what stands there."""
    patch = MonkeyPatch(torch, "compile", lambda original: original)
    base = torch.compile
    patch.install()
    try:
        assert torch.compile is not base
        assert (torch.compile.__module__, torch.compile.__qualname__) == ("torch", "compile")
        assert pickle.loads(pickle.dumps(torch.compile)) is torch.compile
    finally:
        patch.remove()
    assert torch.compile is base
