"""Where the first value that is not finite came from: each suspect, its line, and the guards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import relume
from relume.core import Diagnosis

HERE = Path(__file__).read_text("utf-8").splitlines()


def line_of(mark: str) -> int:
    return next(at for at, text in enumerate(HERE, 1) if text.endswith(f"# {mark}"))


def trained(
    path: Path,
    loss: Callable[[Tensor, int], Tensor],
    *,
    every: int = 1,
    eps: float = 1e-8,
    steps: int = 12,
    spread: float = 1.0,
) -> Diagnosis:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=eps)
    with relume.watch(model, every=every, path=path / "run.sqlite") as run:
        for step in range(steps):
            optimizer.zero_grad()
            x = torch.randn(8, 4) * torch.tensor([1.0, spread, 1.0, 0.0])  # a column of zeros
            loss(model(x), step).backward()
            optimizer.step()
    return run.diagnose()


def first(diagnosis: Diagnosis) -> dict[str, Any]:
    (finding,) = (f for f in diagnosis.findings if f.code == "ACT604")
    return {"line": finding.line, "step": finding.steps[0], **finding.evidence.more}


def root_at_zero(out: Tensor, step: int) -> Tensor:
    return (out * (step != 6)).square().sum(1).sqrt().mean()  # the root


def untaken(out: Tensor, step: int) -> Tensor:
    ratio = out / (out.detach().abs() * (step != 3))  # the ratio
    return torch.where(ratio.isfinite(), ratio, out).mean()


def log_of_zero(out: Tensor, step: int) -> Tensor:
    return torch.log(out.sigmoid() * (step != 5)).mean().neg()  # the log


def row_of_minus_infinity(out: Tensor, step: int) -> Tensor:
    masked = out.masked_fill(torch.ones(8, 3, dtype=torch.bool) * (step == 4), -torch.inf)
    return (masked.softmax(1) * out).sum()  # the softmax


def half_scores(out: Tensor, step: int) -> Tensor:
    wide = (out[None] * (1e4 if step == 4 else 1.0)).half()
    scores = torch.bmm(wide, wide.transpose(1, 2))  # the scores
    return (scores.softmax(-1).float() @ out[None]).sum()


def half_gate(out: Tensor, step: int) -> Tensor:
    gate = (out * (1e4 if step == 4 else 1.0)).half()
    return (gate * gate.tanh().div(1e-3)).float().log_softmax(1).mean()  # the gate


def equal_axes(out: Tensor, step: int) -> Tensor:
    spread = out.T @ out * (step != 5) + torch.eye(3)
    vectors = torch.linalg.eigh(spread.nan_to_num())[1]  # the axes
    return (out @ vectors)[:, 0].square().mean()


def no_row_counts(out: Tensor, step: int) -> Tensor:
    weight = torch.tensor([1.0, 1.0, float(step != 5)])
    labels = torch.full((len(out),), 2)
    return torch.nn.functional.cross_entropy(out, labels, weight)  # the mean


@pytest.mark.parametrize(
    ("loss", "operation", "step", "mark"),
    [
        (no_row_counts, "nllloss", 5, "the mean"),
        (equal_axes, "linalgeigh", 5, "the axes"),
        (half_scores, "bmm", 4, "the scores"),
        (half_gate, "mul", 4, "the gate"),
        (root_at_zero, "sqrt", 6, "the root"),
        (untaken, "div", 3, "the ratio"),
        (log_of_zero, "log", 5, "the log"),
        (row_of_minus_infinity, "softmax", 4, "the softmax"),
    ],
)
def test_the_operation_its_step_and_its_line(
    tmp_path: Path, loss: Callable[[Tensor, int], Tensor], operation: str, step: int, mark: str
) -> None:
    told = first(trained(tmp_path, loss))
    assert (told["operation"], told["step"], told["line"]) == (operation, step, line_of(mark))


@pytest.mark.parametrize("loss", [root_at_zero, log_of_zero])
def test_a_step_that_is_not_recorded(tmp_path: Path, loss: Callable[[Tensor, int], Tensor]) -> None:
    """Lines come from the first step; what broke the gradient from the weights that are NaN."""
    told = first(trained(tmp_path, loss, every=1000))
    mark = "the root" if loss is root_at_zero else "the log"
    assert (told["line"], told["step"]) == (line_of(mark), 6 if loss is root_at_zero else 5)


def test_the_optimisers_own_update(tmp_path: Path) -> None:
    told = first(trained(tmp_path, lambda out, step: out.square().mean(), eps=0.0))
    assert (told["operation"], told["step"]) == ("Adam", 0)


def test_masks_alone_are_no_fault(tmp_path: Path) -> None:
    def masked(out: Tensor, step: int) -> Tensor:
        scores = out.masked_fill(torch.tensor([True, False, False]), -torch.inf)
        return -(scores.softmax(1)[:, 1] + 1e-3).log().mean()

    diagnosis = trained(tmp_path, masked)
    assert not [f for f in diagnosis.findings if f.code == "ACT604"]


def test_after_it_other_rules_are_silent(tmp_path: Path) -> None:
    diagnosis = trained(tmp_path, log_of_zero, steps=60)
    assert [f.code for f in diagnosis.roots if f.severity > 1] == ["ACT604"]
    late = [f for f in diagnosis.findings if f.steps[0] >= 5 and f.code not in ("ACT604", "ACT602")]
    assert not [f for f in late if f.code.startswith(("ACT4", "ACT5", "ACT2"))]


def test_targets_that_are_not_finite_on_a_step_without_an_audit(tmp_path: Path) -> None:
    """The wiring is audited on ten records and then on every fifteenth: this is the twelfth."""

    def loss(out: Tensor, step: int) -> Tensor:
        target = torch.full((8, 3), float("nan") if step == 12 else 1.0)
        return nn.functional.mse_loss(out, target)

    diagnosis = trained(tmp_path, loss, steps=20)
    assert [f.code for f in diagnosis.roots if f.severity > 1] == ["ACT907"]


@pytest.mark.parametrize("breaks", [True, False])
def test_the_scale_of_the_inputs_is_not_blamed_for_a_slope_that_is_infinite(
    tmp_path: Path, breaks: bool
) -> None:
    loss = root_at_once if breaks else well
    codes = {f.code for f in trained(tmp_path, loss, spread=500.0).findings}
    assert ("ACT604" in codes) == breaks
    assert ("ACT702" in codes) != breaks


def test_an_overflow_of_the_first_pass_is_no_symptom_of_the_inputs(tmp_path: Path) -> None:
    """The sum of squares overflows in float16; what takes it only hands infinity on."""

    def energy(out: Tensor, step: int) -> Tensor:
        maps = (300 * out).half()
        total = (maps * maps).sum()  # the overflow
        return (total.float() / 400).log1p()

    diagnosis = trained(tmp_path, energy, spread=50.0)
    told = first(diagnosis)
    assert told["line"] == line_of("the overflow")
    assert next(f.code for f in diagnosis.roots if f.severity > 1) == "ACT604"


def root_at_once(out: Tensor, step: int) -> Tensor:
    return (out * 0).square().sum(1).sqrt().mean() + out.mean()


def well(out: Tensor, step: int) -> Tensor:
    return out.square().mean()
