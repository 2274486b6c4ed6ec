"""What only some acts have: each field against numbers taken from the forward itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import relume
from relume.acts.act import find_act
from relume.core import Trace
from relume.diagnosis import diagnose
from relume.record.capture import step_record
from relume.record.measure import act_stats
from relume.record.merge.merge_traces import add

STEPS, ROWS = 24, 64


class Net(nn.Module):
    """A smooth act, a curved one whose output is kept, a leaky one, a convolution and a router."""

    def __init__(self, route: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv1d(2, 5, 3, padding=1)
        self.a, self.b, self.c = nn.Linear(20, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.router, self.experts = nn.Linear(16, 4), nn.Linear(16, 4 * 3)
        with torch.no_grad():
            self.a.bias[:3] = -20.0
            self.a.bias[3:6] = -2.6
            self.router.weight *= route
            self.router.bias[0] = 40.0 * (route < 1)

    def forward(self, x: Tensor) -> Tensor:
        self.z0 = self.conv(x)
        self.h0 = functional.silu(self.z0)
        self.z1 = self.a(self.h0.flatten(1))
        self.h1 = functional.gelu(self.z1)
        self.h2 = torch.tanh(self.b(self.h1))
        self.z3 = self.c(self.h2)
        share = self.router(functional.leaky_relu(self.z3, 0.2)).softmax(-1)
        self.share = share.detach()
        return (share.unsqueeze(-1) * self.experts(self.h2).view(-1, 4, 3)).sum(1)


class Seen:
    """The same numbers, from the tensors of the forward."""

    def __init__(self) -> None:
        self.slopes: dict[str, list[np.ndarray]] = {"gelu()": [], "silu()": [], "tanh()": []}
        self.norms: dict[str, list[np.ndarray]] = {"gelu()": [], "silu()": [], "tanh()": []}
        self.above: list[np.ndarray] = []
        self.top: list[np.ndarray] = []

    def look(self, net: Net) -> None:
        taken = {"gelu()": (functional.gelu, net.z1), "silu()": (functional.silu, net.z0)}
        for name, (act, pre) in taken.items():
            z = pre.detach().double().requires_grad_()
            (slope,) = torch.autograd.grad(act(z).sum(), z)  # torch's own, not a formula of ours
            size = slope.abs() / {"gelu()": 1.1289, "silu()": 1.0998}[name]
            top = size.amax((0, 2) if z.dim() == 3 else 0)
            self.slopes[name].append(top.clamp(max=0.05).numpy())
        flat = (1 - net.h2.detach().double() ** 2).amax(0).clamp(max=0.05)
        self.slopes["tanh()"].append(flat.numpy())
        a, b = net.a.weight.detach(), net.b.weight.detach()
        self.norms["silu()"].append(a.view(16, 5, 4).square().sum((0, 2)).sqrt().numpy())
        self.norms["gelu()"].append(b.square().sum(0).sqrt().numpy())
        both = torch.cat((net.c.weight.detach(), net.experts.weight.detach()))
        self.norms["tanh()"].append(both.square().sum(0).sqrt().numpy())
        self.above.append((net.z3.detach() > 0).sum(0).numpy())
        self.top.append(np.bincount(net.share.argmax(1).numpy(), minlength=4))


def train(path: Path, route: float = 1.0, *, steps: int = STEPS, rate: float = 0.1) -> tuple:
    net, seen = Net(route), Seen()
    draw = torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(net.parameters(), rate)
    with relume.watch(net, path=path / "run.sqlite", every=1, budget=1.0) as run:
        for _ in range(steps):
            x = torch.randn(ROWS, 2, 4, generator=draw)
            loss = functional.cross_entropy(net(x), torch.arange(ROWS) % 3)
            seen.look(net)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return run.trace(), seen


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, Seen]:
    return train(tmp_path_factory.mktemp("rare"))


@pytest.mark.parametrize("site", ["gelu()", "silu()", "tanh()"])
def test_the_largest_slope_is_torchs(trained: tuple[Trace, Seen], site: str) -> None:
    trace, seen = trained
    told = np.fmax.reduce([w.fields["slope_max"] for w in trace.windows(site)])
    truth = np.max(seen.slopes[site], axis=0)
    assert told == pytest.approx(truth, rel=1e-3, abs=1e-12)


def test_between_silent_and_steep_a_slope_is_told_as_it_is(trained: tuple[Trace, Seen]) -> None:
    first = trained[0].windows("gelu()")[0].fields["slope_max"]
    assert (first[:3] < 1e-10).all()
    assert (first[6:] == np.float32(0.05)).all()


@pytest.mark.parametrize("site", ["gelu()", "silu()", "tanh()"])
def test_outgoing_norms_are_those_of_the_weights(trained: tuple[Trace, Seen], site: str) -> None:
    trace, seen = trained
    first = trace.windows(site)[0].fields["out_norm"]
    assert first == pytest.approx(seen.norms[site][0], rel=1e-5)
    deep = [*range(4), *range(8, STEPS, 8)]
    told = np.fmax.reduce([w.fields["out_norm"] for w in trace.windows(site)])
    assert told == pytest.approx(np.max(np.array(seen.norms[site])[deep], axis=0), rel=1e-5)


def test_samples_above_a_leaky_kink_and_wins_of_a_router_are_counted(
    trained: tuple[Trace, Seen],
) -> None:
    trace, seen = trained
    leaky, gate = trace.windows("leaky_relu()"), trace.windows("softmax()")
    assert (sum(w.fields["above"] for w in leaky) == np.sum(seen.above, axis=0)).all()
    assert (sum(w.fields["top"] for w in gate) == np.sum(seen.top, axis=0)).all()
    assert all(set(w.fields) == {"top"} for w in gate)
    assert all(not {"above", "top"} & set(w.fields) for w in trace.windows("gelu()"))
    assert not trace.facts_of("error")


@pytest.mark.parametrize(("route", "fires"), [(1.0, False), (0.01, True)])
def test_a_router_that_picks_one_expert_is_found(tmp_path: Path, route: float, fires: bool) -> None:
    trace, _ = train(tmp_path, route, rate=1e-4)
    stuck = [f for f in diagnose(trace).findings if f.code == "ACT502"]
    assert bool(stuck) is fires
    assert all(f.evidence.stat == "top_share" for f in stuck)


def test_ranks_add_counts_and_keep_the_larger_extreme(trained: tuple[Trace, Seen]) -> None:
    for site in ("gelu()", "leaky_relu()", "softmax()"):
        one = trained[0].windows(site)[1]
        both = add(one, one)
        for name in ("slope_max", "out_norm"):
            if name in one.fields:
                assert np.array_equal(both.fields[name], one.fields[name], equal_nan=True)
        for name in ("above", "top"):
            if name in one.fields:
                assert (both.fields[name] == 2 * one.fields[name]).all()


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_a_unit_that_is_flat_is_told_alike_by_the_counts_and_by_its_slopes(name: str) -> None:
    """The short way (slopes are taken of wholly flat units alone) leaves nothing out."""
    act = find_act(name)
    rows = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)) * 0.3
    rows = rows + torch.tensor([-30.0, -9.0, -6.0, -3.0, 0.0, 3.0])
    forward = act_stats.forward_sums(act, rows, "pre", act.defaults)
    counts = dict(zip(act_stats.FORWARD, forward.numpy(), strict=True))
    slopes = act_stats.slope_sums(act, rows, "pre", act.defaults)[0].numpy()
    short = step_record._slope_sums(act, rows, "pre", act.defaults, forward)[0].numpy()
    assert np.array_equal(short, slopes)
    flat = counts["low"] + counts["high"] >= len(rows)
    assert (slopes[~flat] == np.float32(act_stats.FLAT)).all()
    assert (slopes[flat] < act_stats.FLAT).all()
