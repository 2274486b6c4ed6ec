"""Every recorded stat is declared, each declaration is recorded, and each formula has an oracle."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import relume
from relume.acts.act import find_act
from relume.core import Trace
from relume.record.measure import act_stats
from relume.record.measure.stat import SampledSums, Stat, UnitField
from relume.record.measure.stats import declared, recorded_stats
from relume.record.merge.merge_series import LAWS

ROOT = Path(__file__).parent.parent.parent.parent


@dataclass(frozen=True)
class Raw:
    """What one record sampled, (rows, units) in float64; `slope` over the act's largest."""

    pre: Any
    post: Any
    slope: Any
    grad_pre: Any
    grad_post: Any


def rms(x: Any) -> float:
    return float(np.sqrt(np.mean(x**2)))


def line_left(raw: Raw) -> float:
    """The residual of NumPy's least squares, unit by unit."""
    left = whole = 0.0
    for x, y in zip(raw.pre.T, raw.post.T, strict=True):
        left += float(((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2).sum())
        whole += float(((y - y.mean()) ** 2).sum())
    return left / whole


def flat(raw: Raw, *, high: bool) -> Any:
    return (raw.slope < 0.05) & ((raw.pre > 0) == high)


# by stat: the same number from the raw entries, by its definition
ROWS: dict[tuple[str, str], Callable[[Raw], float]] = {
    ("act", "silent_unit_share"): lambda r: float((r.slope == 0).all(0).mean()),
    ("act", "zero_slope_share"): lambda r: float((r.slope == 0).mean()),
    ("act", "flat_share_low"): lambda r: float(flat(r, high=False).mean()),
    ("act", "flat_share_high"): lambda r: float(flat(r, high=True).mean()),
    ("act", "flat_unit_share_low"): lambda r: float((flat(r, high=False).mean(0) >= 0.9).mean()),
    ("act", "flat_unit_share_high"): lambda r: float((flat(r, high=True).mean(0) >= 0.9).mean()),
    ("act", "post_mean"): lambda r: float(r.post.mean()),
    ("act", "post_rms"): lambda r: rms(r.post),
    ("act", "nonfinite_share"): lambda r: 0.0,
    ("act", "affine_residual_share"): line_left,
    ("act", "pre_mean"): lambda r: float(r.pre.mean()),
    ("act", "pre_rms"): lambda r: rms(r.pre),
    ("act", "pre_absmax"): lambda r: float(np.abs(r.pre).max()),
    ("act", "grad_pre_rms"): lambda r: rms(r.grad_pre),
    ("act", "grad_post_rms"): lambda r: rms(r.grad_post),
    ("head", "pre_rms"): lambda r: rms(r.pre),
    ("head", "pre_absmax"): lambda r: float(np.abs(r.pre).max()),
    ("head", "nonfinite_share"): lambda r: 0.0,
    ("head", "grad_pre_rms"): lambda r: rms(r.grad_pre),
}
FORMULAS = {
    (s.kind, s.name): s
    for s in recorded_stats().values()
    if s.of is not None
    and s.kind
    not in ("attention", "router")  # tests/record/capture/test_attention.py, test_routers
}


def record(name: str) -> tuple[Raw, dict[str, float], dict[str, float]]:
    """One record of an act: its raw entries, and its stats as an act and as a head."""
    made = torch.Generator().manual_seed(0)
    act = find_act(name)
    pre = torch.randn(60, 8, generator=made) * 3
    pre[:, 0], pre[:, 1] = -500.0 - pre[:, 0].abs(), 500.0 + pre[:, 1].abs()
    wide = pre.double().requires_grad_()  # 1 - tanh^2 of 9 is no 0 there
    (slope,) = torch.autograd.grad(act(wide).sum(), wide)
    pre.requires_grad_()
    post = act(pre)
    grad_post = torch.randn(60, 8, generator=made) * 1e-3
    (grad_pre,) = torch.autograd.grad(post, pre, grad_post)
    pre, post = pre.detach(), post.detach()
    sums = {
        **named(act_stats.FORWARD, act_stats.forward_sums(act, pre, "pre", act.defaults)),
        **named(act_stats.BACKWARD, act_stats.backward_sums(grad_pre, grad_post)),
        **named(act_stats.PRE, act_stats.pre_sums(pre)),
        **named(act_stats.LINE, act_stats.line_sums(act, pre, act.defaults)),
    }
    entries = (pre, post, slope.abs().float() / act.max_slope, grad_pre, grad_post)
    raw = Raw(*(entry.double().numpy() for entry in entries))
    sampled = SampledSums(60, 60, sums)
    return raw, act_stats.site_stats(sampled), act_stats.site_stats(sampled, "head")


def named(names: tuple[str, ...], rows: Tensor) -> dict[str, Any]:
    return dict(zip(names, rows.numpy(), strict=True))


def test_every_formula_has_a_row() -> None:
    assert ROWS.keys() == FORMULAS.keys()


@pytest.mark.parametrize("act", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_a_stat_is_what_its_row_says(kind: str, name: str, act: str) -> None:
    raw, of_act, of_head = record(act)
    found = (of_act if kind == "act" else of_head)[name]
    assert found == pytest.approx(ROWS[kind, name](raw), rel=1e-5, abs=1e-9)


def test_a_row_with_another_axis_is_refused() -> None:
    """The twin: silent rows instead of silent units."""
    raw, of_act, _ = record("relu")
    assert of_act["silent_unit_share"] == float((raw.slope == 0).all(0).mean()) > 0
    assert of_act["silent_unit_share"] != float((raw.slope == 0).all(1).mean())


class Net(nn.Module):
    """Acts of all sorts: smooth, leaky, by a comparison, and a softmax that gates."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(20, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.router, self.experts = nn.Linear(16, 4), nn.Linear(16, 12)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.gelu(self.a(x))
        h = functional.leaky_relu(self.b(h), 0.2)
        h = torch.sigmoid(self.c(h))
        share = self.router(h).softmax(-1)
        return (share.unsqueeze(-1) * self.experts(h).view(-1, 4, 3)).sum(1)


def trained(path: Path, *, batch: int = 200) -> Trace:
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with relume.watch(net, path=path, every=1) as run:
        for step in range(16):
            x = torch.randn(batch, 20)
            loss = functional.mse_loss(net(x), torch.zeros(batch, 3))
            optimizer.zero_grad()
            (loss * float("nan") if step == 12 else loss).backward()
            for parameter in net.parameters() if step == 12 else ():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
    assert not run.problems
    return run.trace()


def swallowing(path: Path) -> Trace:
    """NaN goes into a choice by a comparison, and a number comes out."""
    net = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(net.parameters(), 0.0)
    with relume.watch(net, path=path, every=1) as run:
        for step in range(12):
            x = torch.randn(8, 4)
            if step == 10:
                x[0] = float("nan")
            z = net(x)
            loss = torch.where(z > 0, z, 0.0).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return run.trace()


def headed(path: Path) -> Trace:
    """The output of a linear layer goes straight into the loss."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with relume.watch(net, path=path, every=1) as run:
        for _ in range(4):
            loss = functional.mse_loss(net(torch.randn(8, 4)), torch.zeros(8, 3))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return run.trace()


def attending(path: Path) -> Trace:
    """Attention, in one fused operation."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    optimizer = torch.optim.SGD(layer.parameters(), 0.01)
    with relume.watch(layer, path=path, every=1) as run:
        for _ in range(2):
            loss = functional.mse_loss(layer(torch.randn(4, 6, 8)), torch.zeros(4, 6, 8))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return run.trace()


def routed(path: Path) -> Trace:
    """A row goes to one of three experts."""
    router, experts = nn.Linear(4, 3), nn.Linear(4, 6)
    net = nn.ModuleList([router, experts])
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with relume.watch(net, path=path, every=1) as run:
        for _ in range(2):
            x = torch.randn(16, 4)
            weight, pick = router(x).softmax(-1).max(-1)
            took = experts(x).view(-1, 3, 2)[torch.arange(16), pick]
            optimizer.zero_grad()
            (weight[:, None] * took).square().mean().backward()
            optimizer.step()
    return run.trace()


def alternating(path: Path) -> Trace:
    """Two optimisers take turns, each with a loss of its own."""
    nets = nn.ModuleDict({"G": nn.Linear(4, 2), "D": nn.Sequential(nn.Linear(2, 8), nn.ReLU())})
    optimizers = {name: torch.optim.SGD(net.parameters(), 0.01) for name, net in nets.items()}
    with relume.watch(nets, path=path, every=1) as run:
        for _ in range(12):
            for name, sign in (("D", 1.0), ("G", -1.0)):
                made = nets["G"](torch.randn(8, 4))
                loss = sign * nets["D"](made.detach() if name == "D" else made).mean()
                optimizers[name].zero_grad()
                loss.backward()
                optimizers[name].step()
    return run.trace()


def written(trace: Trace) -> set[tuple[str, str]]:
    """Kind and name of everything that a trace holds."""
    kinds = {site.name: site.kind for site in trace.sites}
    keys = set(trace.table)
    pairs = {(kinds.get(site, "parameter") if site else "run", stat) for site, stat in keys}
    windows = (window for course in trace.units.values() for window in course)
    return pairs | {("window", name) for window in windows for name in window.fields}


def undeclared(trace: Trace) -> list[tuple[str, str]]:
    return sorted(pair for pair in written(trace) if declared(*pair) is None)


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[Trace]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        trained(folder / "all.sqlite"),
        swallowing(folder / "nan.sqlite"),
        headed(folder / "head.sqlite"),
        alternating(folder / "gan.sqlite"),
        attending(folder / "attention.sqlite"),
        routed(folder / "router.sqlite"),
    ]


def test_every_stat_that_is_written_is_declared(traces: list[Trace]) -> None:
    assert [pair for trace in traces for pair in undeclared(trace)] == []


def test_every_stat_that_is_declared_is_written(traces: list[Trace]) -> None:
    pairs = set.union(*map(written, traces))
    assert ("run", "loss_2") in pairs
    assert recorded_stats().keys() - pairs == {("act", "rows")}, "which only a rank of several has"


def test_a_stat_without_a_declaration_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: a recorder that writes what nobody declared."""
    real = act_stats.site_stats

    def more(*given: Any) -> dict[str, float]:
        return {**real(*given), "kurtosis": 3.0}

    monkeypatch.setattr("relume.record.capture.pending_records.site_stats", more)
    assert ("act", "kurtosis") in undeclared(trained(tmp_path / "run.sqlite"))


def asked(folder: Path) -> set[str]:
    """The stats that the package asks a trace for by a literal: ``trace.series(site, "x")``."""
    return {
        node.args[1].value
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("series", "value_at_start")
        and len(node.args) == 2
        and isinstance(node.args[1], ast.Constant)
    }


def test_every_stat_that_is_asked_for_is_declared() -> None:
    names = {stat.name for stat in recorded_stats().values()}
    found = asked(ROOT / "src" / "relume")
    assert len(found) > 10
    assert found <= names


def test_a_name_has_one_law_of_merging() -> None:
    stats = [stat for stat in recorded_stats().values() if not isinstance(stat, UnitField)]
    assert all(LAWS[stat.name] == stat.merge for stat in stats)


@pytest.mark.parametrize("stat", recorded_stats().values(), ids=lambda stat: stat.name)
def test_a_declaration_says_unit_and_formula(stat: Stat) -> None:
    assert stat.unit
    assert stat.doc.endswith((".", ")"))
    assert (stat.of is None) == (not stat.needs)
    assert isinstance(stat, UnitField) == (stat.kind == "window")
