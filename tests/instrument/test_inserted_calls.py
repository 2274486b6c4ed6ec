"""Calls inside a function of torch leave its results, signature and tracebacks as they are."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.amp.grad_scaler import GradScaler

from relume.instrument.inserted_calls import FunctionCalls, InsertedCalls

Seen = list[tuple[Any, ...]]


@pytest.fixture
def seen() -> Iterator[tuple[Seen, Callable[..., None]]]:
    """What was called, and a function that has `InsertedCalls` call both until the test ends."""
    calls: Seen = []
    pair = (
        lambda *values: calls.append(("before", *values)),
        lambda *v: calls.append(("after", *v)),
    )
    added: list[InsertedCalls] = []

    def add(inserted: InsertedCalls) -> None:
        assert inserted.possible
        inserted.add(pair)
        added.append(inserted)

    yield calls, add
    for inserted in added:
        inserted.remove(pair)


def _grad_error() -> str:
    made = torch.ones(2, requires_grad=True).square().sum()
    return _trace(lambda: torch.autograd.grad(made, [torch.ones(1, requires_grad=True)]))


def _trace(work: Callable[[], object]) -> str:
    try:
        work()
    except RuntimeError:
        return traceback.format_exc()
    raise AssertionError("it did not raise")


def test_a_derivative_is_seen_with_its_result(seen: tuple[Seen, Callable[..., None]]) -> None:
    calls, add = seen
    grad = torch.autograd.grad
    plain, signature = _grad_error(), inspect.signature(grad)
    add(InsertedCalls.of(grad, "_engine_run_backward", after=("outputs", "result", "create_graph")))  # type: ignore[arg-type]
    weight = torch.ones(2, requires_grad=True)
    loss = weight.square().sum()
    (found,) = grad(loss, weight)
    assert found.tolist() == [2.0, 2.0]
    assert calls == [("before",), ("after", (loss,), (found,), False)]
    assert torch.autograd.grad is grad
    assert (_grad_error(), inspect.signature(grad)) == (plain, signature)


def test_a_scaler_is_seen_before_it_scales(seen: tuple[Seen, Callable[..., None]]) -> None:
    calls, add = seen
    # the arguments are those that a recording asks for, since all share one longer code
    add(InsertedCalls.of(GradScaler.scale, "", ("self", "outputs")))  # type: ignore[arg-type]
    add(InsertedCalls.of(GradScaler.update, ""))  # type: ignore[arg-type]
    scaler, loss = GradScaler("cpu", init_scale=4.0), torch.ones(1)
    assert scaler.scale(loss).item() == 4.0
    scaler.update(2.0)
    assert calls == [("before", scaler, loss), ("before",)]
    assert scaler.scale(torch.ones(1)).item() == 2.0


def test_a_function_without_such_a_statement_is_left_alone() -> None:
    inserted = InsertedCalls.of(_trace, "_engine_run_backward", ("work",))  # type: ignore[arg-type]
    code = _trace.__code__
    inserted.add((print, print))
    assert not inserted.possible
    assert _trace.__code__ is code


def test_a_function_without_source_is_wrapped_instead() -> None:
    space: dict[str, Any] = {}
    exec("def times(x, factor=2):\n    return x * factor", space)
    owner, calls = SimpleNamespace(times=space["times"]), list[tuple[Any, ...]]()
    listener = FunctionCalls(
        owner,
        "times",
        lambda *values: calls.append(("before", *values)),
        lambda *values: calls.append(("after", *values)),
        names=(("x", "factor"), ("result",)),
    )
    listener.install()
    assert owner.times(3) == 6
    assert calls == [("before", 3, 2), ("after", 6)]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        owner.times()
    listener.remove()
    assert owner.times is space["times"]
    assert len(calls) == 2
