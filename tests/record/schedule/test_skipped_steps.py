"""Skipped steps are counted, and what the schedule asks for is read and recorded all the same."""

from pathlib import Path

import pytest
import torch
from torch import nn

import relume
from relume.record.recorder import Recorder
from relume.record.schedule import overhead_budget
from relume.record.schedule.overhead_budget import OverheadBudget
from relume.record.schedule.step_schedule import grid_level, next_loss, record_level

STEPS = 9_000


@pytest.fixture(autouse=True)
def _enough_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast this machine records has no say here."""
    monkeypatch.setattr(overhead_budget, "ALLOWANCE", 1e9)


def training(path: Path, *, jump: int = -1, **options: object) -> relume.Run:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    with relume.watch(model, path=path, **options) as run:  # type: ignore[arg-type]
        for step in range(STEPS):
            loss = model(torch.ones(2, 4)).square().mean() + (10 if step >= jump >= 0 else 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert run.problems == ()
    return run


def scheduled() -> tuple[list[int], list[int]]:
    losses, step = [], 0
    while step < STEPS:
        losses.append(step)
        step = next_loss(step)
    return losses, [step for step in range(STEPS) if grid_level(step) >= record_level(step)]


def test_what_the_schedule_asks_for_is_read_and_recorded(tmp_path: Path) -> None:
    trace = training(tmp_path / "run.sqlite").trace()
    losses, records = scheduled()
    read, made = trace.series("", "loss"), trace.series("0.weight", "update_ratio")
    assert read is not None
    assert made is not None
    assert set(losses) <= set(read.steps.tolist())
    assert len(read.steps) < len(losses) + 2 * len(records)  # it did skip
    assert made.steps.tolist() == records
    assert trace.meta["steps"] == trace.meta["backwards"] == STEPS


def test_a_twin_that_forgot_the_skipped_steps_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OverheadBudget, "skip_steps", lambda *_: None)
    made = training(tmp_path / "run.sqlite").trace().series("0.weight", "update_ratio")
    assert made is None or made.steps.tolist() != scheduled()[1]


def test_a_jump_of_the_loss_is_recorded_at_once(tmp_path: Path) -> None:
    at = 7_001
    made = training(tmp_path / "run.sqlite", jump=at).trace().series("0.weight", "update_ratio")
    assert made is not None
    assert any(at <= step <= next_loss(at) + 1 for step in made.steps.tolist())


def test_recorded_steps_are_those_that_every_asks_for(tmp_path: Path) -> None:
    made = training(tmp_path / "run.sqlite", every=1_000).trace().series("0.weight", "update_ratio")
    assert made is not None
    assert made.steps.tolist() == list(range(0, STEPS, 1_000))


def test_a_scaler_needs_each_step_to_be_counted(tmp_path: Path) -> None:
    from relume.record.store.writer import Writer

    recorder = Recorder(Writer(tmp_path / "run.sqlite"), OverheadBudget())
    recorder.scaled(torch.amp.GradScaler("cpu"))
    assert recorder.counts_each
    recorder.close()
