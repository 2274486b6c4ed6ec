"""A gradient inside the loss: the model's own forward is read, not what backward made of it."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Trace
from relume.record.graph.autograd_graph import parameter_behind, walk
from relume.record.graph.criterion import criterion, head
from relume.record.graph.double_backward import made_by_backward

DRAW = torch.Generator().manual_seed(0)
Act = Callable[[Tensor], Tensor]


class Net(nn.Module):
    def __init__(self, inputs: int, act: Act) -> None:
        super().__init__()
        torch.manual_seed(0)
        sizes = [(inputs, 16), (16, 16), (16, 1)]
        self.linears = nn.ModuleList(nn.Linear(*size) for size in sizes)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        for layer in list(self.linears)[:-1]:
            x = self.act(layer(x))
        return self.linears[-1](x)


def slope(out: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad(out.sum(), x, create_graph=True)[0]


def residual(model: nn.Module) -> Tensor:
    """A physics-informed loss: u' + u = 0."""
    x = torch.linspace(0, 1, 32)[:, None].requires_grad_()
    u = model(x)
    return (slope(u, x) + u).square().mean()


def second(model: nn.Module) -> Tensor:
    """The same of second order, with a boundary."""
    x = torch.linspace(0, 1, 32)[:, None].requires_grad_()
    u = model(x)
    bent = slope(slope(u, x), x)
    inner = (bent + math.pi**2 * torch.sin(math.pi * x)).square().mean()
    return inner + model(torch.tensor([[0.0], [1.0]])).square().mean()


def critic(model: nn.Module) -> Tensor:
    """WGAN-GP."""
    real, fake = torch.randn(32, 2, generator=DRAW), torch.randn(32, 2, generator=DRAW)
    x = (0.5 * real + 0.5 * fake).requires_grad_()
    penalty = (slope(model(x), x).norm(2, dim=1) - 1).square().mean()
    return model(fake).mean() - model(real).mean() + 10 * penalty


def hamiltonian(model: nn.Module) -> Tensor:
    x = torch.randn(32, 2, generator=DRAW).requires_grad_()
    g = slope(model(x), x)
    return F.mse_loss(torch.stack((g[:, 1], -g[:, 0]), 1), torch.ones(32, 2))


def recorded(model: nn.Module, loss: Callable[[nn.Module], Tensor], path: Path) -> Trace:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for _ in range(12):
            optimizer.zero_grad()
            loss(model).backward()
            optimizer.step()
    assert run.problems == ()
    return run.trace()


@pytest.mark.parametrize("act", [torch.tanh, torch.sin, F.silu, F.leaky_relu])
@pytest.mark.parametrize(("loss", "inputs"), [(residual, 1), (second, 1), (critic, 2)])
def test_head_input_and_acts_are_the_models(
    loss: Callable[[nn.Module], Tensor], inputs: int, act: Act, tmp_path: Path
) -> None:
    trace = recorded(Net(inputs, act), loss, tmp_path)
    assert [site.name for site in trace.sites_of("head")] == ["linears.2"]
    assert [site.name for site in trace.sites_of("input")] == ["linears.0.input"]
    sites = trace.sites_of("act")
    assert {site.act for site in sites} == {act.__name__}
    assert {site.role for site in sites} == {"hidden"}
    assert {site.layer for site in sites} == {"linears.0", "linears.1"}


def test_a_penalty_is_no_distance_to_a_target(tmp_path: Path) -> None:
    for loss, inputs in ((residual, 1), (critic, 2)):
        folder = tmp_path / loss.__name__
        folder.mkdir()
        trace = recorded(Net(inputs, torch.tanh), loss, folder)
        assert [fact.data["loss"] for fact in trace.facts_of("criterion")] == ["unknown"]


def test_a_distance_between_a_gradient_and_targets_stays_one(tmp_path: Path) -> None:
    trace = recorded(Net(2, torch.tanh), hamiltonian, tmp_path)
    assert [fact.data["loss"] for fact in trace.facts_of("criterion")] == ["mse"]
    assert trace.sites_of("head") == ()  # its output is not in the loss, only its slope is
    assert [site.role for site in trace.sites_of("act")] == ["hidden", "hidden"]


def test_a_second_forward_on_adapted_weights_is_the_models(tmp_path: Path) -> None:
    """MAML: the adapted weights are made by backward, the layers that take them are not."""

    def adapted(model: nn.Module) -> Tensor:
        x = torch.randn(32, 1, generator=DRAW)
        weights = dict(model.named_parameters())
        inner = F.mse_loss(torch.func.functional_call(model, weights, x), torch.sin(x))
        grads = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
        fast = {n: w - 0.1 * g for (n, w), g in zip(weights.items(), grads, strict=True)}
        return F.mse_loss(torch.func.functional_call(model, fast, x), torch.sin(x))

    trace = recorded(Net(1, torch.relu), adapted, tmp_path)
    assert [site.name for site in trace.sites_of("head")] == ["linears.2"]
    assert [site.role for site in trace.sites_of("act")] == ["hidden"] * 4
    (fact,) = trace.facts_of("head")
    assert fact.data["layer"] == "linears.2"


def test_a_graph_without_a_gradient_in_it_has_no_derived_node() -> None:
    """The twin: transposed weights and products of signals are a model's too."""
    model = Net(2, torch.tanh)
    x = torch.randn(8, 2, generator=DRAW)
    assert not made_by_backward(walk((model(x) @ model(x).t()).sum().grad_fn))
    tied = model.linears[1].weight
    assert not made_by_backward(walk(((x @ model.linears[0].weight.t()) @ tied).sum().grad_fn))
    assert made_by_backward(walk(residual(Net(1, torch.tanh)).grad_fn))


def test_a_gradient_of_one_row_is_multiplied_from_the_other_side() -> None:
    """An initial value and its slope, at one point: torch then computes W' g' for g W."""
    model = Net(1, torch.tanh)
    t, start = torch.rand(64, 1).requires_grad_(), torch.zeros(1, 1).requires_grad_()
    u, begin = model(t), model(start)
    loss = (slope(slope(u, t), t) + u).square().mean() + (begin - 1).square().mean()
    loss = loss + slope(begin, start).square().mean()
    graph = walk(loss.grad_fn)
    graph.derived = made_by_backward(graph)
    found = head(criterion(graph), graph).affine
    assert found is not None
    assert parameter_behind(found.next_functions[0][0]) is model.linears[-1].bias
