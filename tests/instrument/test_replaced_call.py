"""What a user has replaced in torch runs as often as without our modes."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from relume.instrument.replaced_call import without_replacement


class Passing(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        func, args, kwargs = without_replacement(func, args, kwargs)
        return func(*args, **kwargs)


class Twice(TorchFunctionMode):
    """The broken twin: what torch's documentation shows."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[str]:
    plain, calls = getattr(owner, name), list[str]()

    def replacement(*args: Any, **keywords: Any) -> Any:
        calls.append(name)
        return plain(*args, **keywords)

    monkeypatch.setattr(owner, name, replacement)
    return calls


def work() -> list[Tensor]:
    x = torch.linspace(-1, 1, 6).reshape(2, 3).requires_grad_()
    loss: Tensor = F.cross_entropy(F.relu(x * 2), torch.tensor([0, 2]), label_smoothing=0.1)
    loss = loss + F.softplus(x).norm()
    loss.backward(retain_graph=True)
    assert x.grad is not None
    return [loss.detach(), x.grad]


@pytest.mark.parametrize(
    ("owner", "name"),
    [(F, "relu"), (F, "cross_entropy"), (Tensor, "backward"), (Tensor, "norm")],
)
def test_a_replacement_runs_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    expected = work()
    calls = counted(monkeypatch, owner, name)
    with Passing():
        found = work()
    assert calls == [name]
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    with Twice():
        work()
    assert calls == [name] * 3


def test_a_function_of_any_number_of_arguments_is_called_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = counted(monkeypatch, torch, "einsum")
    with Passing():
        assert torch.einsum("i->", torch.ones(3)) == 3
    assert calls


def test_an_error_of_the_users_is_the_users() -> None:
    with Passing(), pytest.raises(ValueError, match="reduction"):
        F.mse_loss(torch.ones(2), torch.ones(2), reduction="men")
