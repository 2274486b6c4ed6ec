"""What `relume.check` leaves alone: all of it, in whatever way it ends."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import relume

X, Y = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 3
OURS = Path(relume.__file__).parent  # not the name: the folder of the checkout may have it


class Restless(nn.Module):
    """A model that changes whatever a forward can change."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 16))
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(16, 3)
        self.frozen = nn.Linear(3, 3)
        self.frozen.requires_grad_(False)
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("swapped", torch.zeros(2), persistent=False)
        self.calls = 0
        self.cache: list[int] = []
        self.state = torch.zeros(3)
        self.memory: dict[str, int] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.cache.append(self.calls)
        self.memory["x"] = self.calls
        self.late = x
        self.state.add_(1)
        self.seen += 1
        self.swapped = torch.ones(2)
        with torch.no_grad():
            self.last.weight.clamp_(-0.01, 0.01)
        random.random()
        np.random.rand()
        return self.frozen(self.last(self.drop(torch.relu(self.norm(self.first(x))))))


def taken(model: nn.Module) -> dict[str, Any]:
    """Everything of a model that can be compared."""
    told: dict[str, Any] = {name: t.detach().clone() for name, t in model.state_dict().items()}
    for name, module in model.named_modules():
        told[f"{name}.training"] = module.training
        told[f"{name}.hooks"] = [
            len(module._forward_hooks),
            len(module._forward_pre_hooks),
            len(module._backward_hooks),
        ]
        told[f"{name}.names"] = sorted(vars(module))
    for name, p in model.named_parameters():
        told[f"{name}.grad"] = None if p.grad is None else p.grad.clone()
        told[f"{name}.id"] = (id(p), id(p.grad), p.requires_grad, p.data_ptr())
    return told


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) if isinstance(one[k], Tensor) else one[k] == other[k]
        for k in one
    )


def fails(output: Tensor, target: Tensor) -> Tensor:
    raise ZeroDivisionError("mine")


@pytest.mark.parametrize("how", ["well", "criterion fails", "forward fails", "data fails"])
@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_changed_in_whatever_way_it_ends(how: str, training: bool) -> None:
    torch.manual_seed(3)
    model = Restless().train(training)
    model(X).sum().backward()  # a gradient of the user's, and a state that is not the first
    handle = model.last.register_forward_hook(lambda *_: None)
    before = taken(model)
    own = (model.calls, list(model.cache), model.state.clone(), dict(model.memory))
    holders = (model.cache, model.state, model.seen, model.swapped)
    numbers = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[union-attr]

    def data() -> Any:
        yield X
        raise ZeroDivisionError("mine")

    if how == "well":
        relume.check(model, [X, Y], nn.CrossEntropyLoss())
    else:
        batch: Any = {"forward fails": X[:, :3], "data fails": data()}.get(how, X)
        error = RuntimeError if how == "forward fails" else ZeroDivisionError
        with pytest.raises(error):
            relume.check(model, batch, fails if how == "criterion fails" else None, target=Y)
    assert same(before, taken(model))
    assert (model.calls, model.cache, model.memory) == (own[0], own[1], own[3])
    assert torch.equal(model.state, own[2])
    assert all(
        a is b
        for a, b in zip(holders, (model.cache, model.state, model.seen, model.swapped), strict=True)
    )
    assert torch.equal(numbers[0], torch.get_rng_state())
    assert numbers[1] == random.getstate()
    assert numbers[2] == np.random.get_state()[1].tolist()  # type: ignore[union-attr]
    assert not torch.is_anomaly_enabled()
    assert not Path(torch.autograd.backward.__code__.co_filename).is_relative_to(OURS)
    handle.remove()


def test_the_comparison_above_sees_a_change() -> None:
    model = Restless()
    before = taken(model)
    model(X)
    assert not same(before, taken(model))


def test_a_lazy_model_stays_lazy() -> None:
    model = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(3))
    diagnosis = relume.check(model, (X, Y), nn.CrossEntropyLoss())
    assert diagnosis.ok
    assert nn.parameter.is_lazy(model[0].weight)


def test_a_training_goes_on_as_if_nothing_had_been() -> None:
    def trained(look: bool) -> Tensor:
        torch.manual_seed(5)
        model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 3))
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(4):
            if look:
                relume.check(model, (X, Y), nn.CrossEntropyLoss())
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X), Y).backward()
            optimizer.step()
        return torch.cat([p.detach().ravel() for p in model.parameters()])

    assert torch.equal(trained(True), trained(False))


def test_it_works_where_gradients_are_off() -> None:
    with torch.no_grad():
        assert relume.check(nn.Linear(8, 3), X).ok
        assert not torch.is_grad_enabled()


def test_the_batch_is_not_changed_either() -> None:
    x = X.clone().requires_grad_()
    relume.check(nn.Sequential(nn.Linear(8, 3)), x)
    assert x.grad is None
    x = X.clone()
    relume.check(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 3)), {"input": x})
    relume.check(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 3)), (x, Y))
    assert torch.equal(x, X)
