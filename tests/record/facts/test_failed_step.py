"""The step that raises leaves its forward, and what its criterion was given."""

from pathlib import Path

import pytest
import torch
from torch import nn

import relume
from relume.core import Diagnosis, Finding


class Logarithm(nn.Module):
    """A layer whose output is NaN where its input is zero: 0 times the logarithm of 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.relu(x)) * 0


def run(
    tmp_path: Path, inner: nn.Module, x: torch.Tensor, y: torch.Tensor, bad_step: int = -1
) -> Diagnosis:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), inner, nn.Linear(8, 1), nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    run = relume.watch(model, path=tmp_path / "run.sqlite")

    def train() -> None:
        for step in range(12):
            loss = nn.functional.binary_cross_entropy(model(x), y)
            loss = loss * float("inf") if step == bad_step else loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    with pytest.raises(RuntimeError), run:
        train()
    return run.diagnose()


def root(diagnosis: Diagnosis) -> Finding:
    """The first finding above a note that nothing explains."""
    return next(f for f in diagnosis.findings if f.severity > 1 and not f.explained_by)


@pytest.fixture
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    x = torch.randn(64, 4)
    return x, (x[:, :1] > 0).float()


def test_a_nan_in_the_data_of_the_first_step(
    tmp_path: Path, rows: tuple[torch.Tensor, torch.Tensor]
) -> None:
    x, y = rows
    x[7, 2] = float("nan")
    diagnosis = run(tmp_path, nn.ReLU(), x, y)
    assert diagnosis.verdict == "fails"
    assert root(diagnosis).code == "ACT907"
    failed = next(f for f in diagnosis.findings if f.code == "ACT003")
    assert failed.evidence.value == pytest.approx(1 / 64)
    assert "binary_cross_entropy" in failed.message
    assert failed.explained_by


def test_targets_beyond_what_the_criterion_takes(
    tmp_path: Path, rows: tuple[torch.Tensor, torch.Tensor]
) -> None:
    x, y = rows
    found = root(run(tmp_path, nn.ReLU(), x, 2 * y - 1))
    assert (found.code, found.evidence.more["what"]) == ("ACT003", "target")
    assert "from -1 to 1" in found.message


def test_the_operation_that_made_it(
    tmp_path: Path, rows: tuple[torch.Tensor, torch.Tensor]
) -> None:
    found = root(run(tmp_path, Logarithm(), *rows))
    assert found.code == "ACT604"
    assert found.evidence.more["operation"] == "log"


def test_weights_that_the_step_before_has_broken(
    tmp_path: Path, rows: tuple[torch.Tensor, torch.Tensor]
) -> None:
    diagnosis = run(tmp_path, nn.ReLU(), *rows, bad_step=9)
    failed = next(f for f in diagnosis.findings if f.code == "ACT003")
    assert failed.steps == (10, 10)
    assert failed.explained_by  # by the gradients of step 9


def test_an_exception_of_the_program_s_own_is_none_of_the_step(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    run = relume.watch(model, path=tmp_path / "run.sqlite")

    def train() -> None:
        for _ in range(12):
            loss = model(torch.randn(16, 4)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        raise KeyError(loss)

    with pytest.raises(KeyError), run:
        train()
    assert not run.trace().facts_of("failed-step")
