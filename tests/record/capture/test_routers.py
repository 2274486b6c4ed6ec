"""How often a router chose each expert, against a count by hand; and what is no router."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import relume
from relume.core import Trace

EXPERTS, ROWS = 6, 40


class Mixture(nn.Module):
    def __init__(self, choose: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.router, self.experts = nn.Linear(8, EXPERTS), nn.Linear(8, EXPERTS * 3)
        self.choose, self.head = choose, nn.Linear(3, 2)
        self.picked = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        weight, pick = self.choose(self.router(x))
        self.picked = pick
        every = self.experts(x).view(-1, EXPERTS, 3)
        took = every.gather(1, pick[..., None].expand(*pick.shape, 3))
        return self.head((weight[..., None] * took).sum(1))


def best(z: Tensor) -> tuple[Tensor, Tensor]:
    values, pick = z.softmax(-1).max(-1, keepdim=True)
    return values, pick


def mixtral(z: Tensor) -> tuple[Tensor, Tensor]:
    values, pick = z.topk(2, -1)
    return values.softmax(-1), pick


def renormalised(z: Tensor) -> tuple[Tensor, Tensor]:
    values, pick = z.sigmoid().topk(2, -1)
    return values / values.sum(-1, keepdim=True), pick


def biased(z: Tensor) -> tuple[Tensor, Tensor]:
    p = z.sigmoid()
    pick = (p.detach() + 0.3 * torch.arange(EXPERTS)).topk(2, -1).indices
    return p.gather(-1, pick), pick


FORMS = {"max": best, "topk, then softmax": mixtral, "sigmoid": renormalised, "bias": biased}


def recorded(model: nn.Module, x: Tensor, path: Path) -> Trace:
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    with relume.watch(model, path=path, every=1) as run:
        for _ in range(2):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    assert not run.problems
    return run.trace()


@pytest.mark.parametrize("name", FORMS)
def test_loads_are_counts_of_the_choices(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Mixture(FORMS[name])
    trace = recorded(model, torch.randn(ROWS, 8), tmp_path / "run.sqlite")
    (site,) = trace.sites_of("router")
    counts = np.bincount(model.picked.flatten().numpy(), minlength=EXPERTS)
    window = trace.windows(site.name)[0]
    assert site.layer == "router"
    assert window.samples == ROWS
    assert window.fields["top"].tolist() == counts.tolist()
    assert set(window.fields) == {"top"}
    first = {stat: s.values[0] for (where, stat), s in trace.table.items() if where == site.name}
    assert first["load_violation"] == pytest.approx(counts.max() / counts.mean() - 1)
    assert first["load_most"] == pytest.approx(counts.max() / ROWS)
    assert first["idle_share"] == pytest.approx((counts == 0).mean())


def test_sorted_values_make_no_stuck_gate(tmp_path: Path) -> None:
    """The softmax over a router's best is largest at the first, whatever it chose."""
    torch.manual_seed(0)
    trace = recorded(Mixture(mixtral), torch.randn(ROWS, 8), tmp_path / "run.sqlite")
    (gate,) = trace.sites_of("act", "gate")
    assert not trace.windows(gate.name)


class Sparse(nn.Module):
    """The twins: a top-k code that is decoded, and a maximum over time."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.up, self.down = kind, nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(x)
        if self.kind == "time":
            return self.down(h.view(4, -1, 12).max(1).values)
        best_ = h.topk(3, -1)
        return self.down(torch.zeros_like(h).scatter(-1, best_.indices, best_.values))


@pytest.mark.parametrize("kind", ["code", "time"])
def test_what_is_no_router(kind: str, tmp_path: Path) -> None:
    trace = recorded(Sparse(kind), torch.randn(ROWS, 8), tmp_path / "run.sqlite")
    assert not trace.sites_of("router")
