"""Drift and vanishing hold along paths of the graph: two towers are two chains, not one."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import relume
from relume.core import Trace
from relume.rules.gradient_profile import chains, gradient_profile
from relume.rules.series_tools import acts_of

DRAW = torch.Generator().manual_seed(0)


def tower(depth: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(6, 8), nn.Tanh()]
    for _ in range(depth - 1):
        layers += [nn.Linear(8, 8), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(8, 1))


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.actor, self.critic = tower(2), tower(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.actor(x) + 100 * self.critic(x)


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
        return x


def recorded(model: nn.Module, path: Path) -> Trace:
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(32, 6, generator=DRAW)).square().mean().backward()
            optimizer.step()
    return run.trace()


def names(trace: Trace) -> list[list[str]]:
    return [[site.name for site in chain] for chain in chains(trace, acts_of(trace))]


def test_two_towers_are_two_chains(tmp_path: Path) -> None:
    trace = recorded(Pair(), tmp_path)
    assert names(trace) == [["actor.1", "actor.3"], ["critic.1", "critic.3", "critic.5"]]
    profile = gradient_profile(trace)
    assert profile is not None
    assert len({site.path.partition(".")[0] for site in profile.sites}) == 1
    assert abs(profile.change) < 1, "a hundredfold between the towers is no change on a path"


def test_a_stack_with_shortcuts_is_one_chain(tmp_path: Path) -> None:
    trace = recorded(Stack(), tmp_path)
    assert names(trace) == [["tanh()", "tanh()#2", "tanh()#3"]]  # the fourth is the output


@pytest.mark.parametrize("lost", ["all", "one"])
def test_without_paths_the_forward_order_is_the_chain(tmp_path: Path, lost: str) -> None:
    trace = recorded(Pair(), tmp_path)
    kept = [f for f in trace.facts if f.kind != "path" or (lost == "one" and f.site != "actor.1")]
    old = Trace(trace.meta, trace.sites, trace.table, trace.units, tuple(kept))
    assert len(names(old)) == 1
    assert len(names(old)[0]) == 5
