"""What the last operations before a criterion reach together, and the head fault it makes."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from test_rule_contract import RULES, found
from torch import Tensor, nn
from torch.nn import functional

import relume
from relume.core import Finding
from relume.record.graph import criterion
from relume.record.graph.autograd_graph import walk
from relume.record.graph.head_reach import head_reach

Act = Callable[[Tensor], Tensor]


def reach(act: Act, loss: Callable[[Tensor], Tensor]) -> tuple[tuple[str, ...], float, float]:
    torch.manual_seed(0)
    graph = walk(loss(act(nn.Linear(4, 1)(torch.randn(8, 4)))).grad_fn)
    spec = criterion.criterion(graph)
    made = head_reach(spec, criterion.head(spec, graph))
    return ((), math.nan, math.nan) if made is None else (made.operations, made.low, made.high)


def bce(p: Tensor) -> Tensor:
    return functional.binary_cross_entropy(p, torch.ones_like(p))


def logits(z: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(z, torch.ones_like(z))


def mse(z: Tensor) -> Tensor:
    return functional.mse_loss(z, torch.ones_like(z))


@pytest.mark.parametrize(
    ("act", "loss", "operations", "low", "high"),
    [
        (lambda z: z.abs().sigmoid(), bce, ("abs", "sigmoid"), 0.5, 1.0),
        (lambda z: (z * z).sigmoid(), bce, ("square", "sigmoid"), 0.5, 1.0),
        (lambda z: z.pow(2).sigmoid(), bce, ("pow", "sigmoid"), 0.5, 1.0),
        (lambda z: z.exp().sigmoid(), bce, ("exp", "sigmoid"), 0.5, 1.0),
        (lambda z: (-z.abs()).exp(), bce, ("abs", "neg", "exp"), 0.0, 1.0),
        (lambda z: z.relu().sigmoid(), bce, ("relu", "sigmoid"), 0.5, 1.0),
        (lambda z: functional.softplus(z).sigmoid(), bce, ("softplus", "sigmoid"), 0.5, 1.0),
        (lambda z: z.abs(), logits, ("abs",), 0.0, math.inf),
        (lambda z: -z.abs(), logits, ("abs", "neg"), -math.inf, 0.0),
        (lambda z: z.abs().sqrt(), mse, ("abs", "sqrt"), 0.0, math.inf),
        (lambda z: -z, mse, ("neg",), -math.inf, math.inf),
        (torch.sigmoid, bce, (), math.nan, math.nan),  # one act, whose range is known
    ],
)
def test_what_operations_reach(
    act: Act,
    loss: Callable[[Tensor], Tensor],
    operations: tuple[str, ...],
    low: float,
    high: float,
) -> None:
    made = reach(act, loss)
    assert made[0] == operations
    assert made[1:] == pytest.approx((low, high), abs=1e-3, nan_ok=True)


def told(path: Path, act: Act, loss: Callable[[Tensor, Tensor], Tensor]) -> list[Finding]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(net.parameters(), 1e-2)
    with relume.watch(net, every=1, path=path / "run.sqlite") as run:
        for _ in range(8):
            x = torch.randn(16, 4)
            optimizer.zero_grad()
            loss(act(net(x)), x[:, :1]).backward()
            optimizer.step()
    return found(RULES["ACT203"], run.trace())


def judged(p: Tensor, x: Tensor) -> Tensor:
    return functional.binary_cross_entropy(p, (x > 0).float())


def judged_logits(z: Tensor, x: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(z, (x > 0).float())


@pytest.mark.parametrize(
    ("act", "loss", "says"),
    [
        (lambda z: z.abs().sigmoid(), judged, "a target of zero costs at least 0.693"),
        (lambda z: (-z.square()).sigmoid(), judged, "a target of one costs at least 0.693"),
        (torch.abs, judged_logits, "a target of zero costs at least 0.693"),
        (torch.abs, functional.mse_loss, "gives nothing below 0"),
        (lambda z: -z.exp(), functional.mse_loss, "gives nothing above 0"),
        (lambda z: functional.normalize(z, dim=1), functional.mse_loss, "axis of 1 entry"),
        (lambda z: z / z.norm(dim=1, keepdim=True), functional.mse_loss, "axis of 1 entry"),
        (torch.sigmoid, judged, ""),
        (lambda z: z.clamp(-10, 10).sigmoid(), judged, ""),
        (lambda z: z, judged_logits, ""),
        (lambda z: -z, functional.mse_loss, ""),
        (lambda z: functional.normalize(z, dim=0), functional.mse_loss, ""),
        (lambda z: (z.abs() - 1).sigmoid(), judged, ""),  # a constant that is not read: any score
    ],
)
def test_the_head_is_judged_by_all_of_them(
    tmp_path: Path, act: Act, loss: Callable[[Tensor, Tensor], Tensor], says: str
) -> None:
    findings = told(tmp_path, act, loss)
    assert bool(findings) is bool(says)
    assert all(says in finding.message for finding in findings)
