"""Sleep: slept steps are counted, and nothing that must be seen is slept through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import relume
from relume.record.schedule import plain_step_sampling
from relume.record.schedule.overhead_budget import OverheadBudget
from relume.record.schedule.plain_step_sampling import FIRST_STEPS, STRETCH, PlainStepSampling


@pytest.fixture
def sleepy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looking at a plain step is as good as never worth its cost."""
    monkeypatch.setattr(plain_step_sampling, "LONGEST", 0.02)  # seconds
    monkeypatch.setattr(PlainStepSampling.__init__, "__defaults__", (1e-9,))
    return


def training(steps: int, path: Path, *, jump: int = -1, **options: Any) -> relume.Run:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    with relume.watch(model, path=path, **options) as run:
        for step in range(steps):
            loss = model(torch.ones(2, 4)).square().mean() + (10 if step >= jump >= 0 else 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert run.problems == ()
    return run


@pytest.mark.usefixtures("sleepy")
def test_slept_steps_are_counted(tmp_path: Path) -> None:
    trace = training(3000, tmp_path / "run.sqlite", every=1000).trace()
    loss = trace.series("", "loss")
    assert loss is not None
    seen = loss.steps.tolist()
    assert trace.meta["steps"] == 3000
    assert trace.meta["backwards"] == 3000
    assert seen[:FIRST_STEPS] == list(range(FIRST_STEPS))  # how a run begins is seen whole
    assert len(seen) < 2000  # it did sleep
    records = trace.series("0.weight", "update_ratio")
    assert records is not None
    assert records.steps.tolist() == [0, 1000, 2000]


@pytest.mark.usefixtures("sleepy")
def test_stretches_are_of_consecutive_steps(tmp_path: Path) -> None:
    loss = training(3000, tmp_path / "run.sqlite", every=10**6).trace().series("", "loss")
    assert loss is not None
    later = [step for step in loss.steps.tolist() if step > FIRST_STEPS]
    gaps = [place for place in range(1, len(later)) if later[place] != later[place - 1] + 1]
    # behind a step that the machine held up for longer than any sleep there is none: two join
    lengths = sorted(two - one for one, two in zip([0, *gaps], gaps, strict=False))
    assert gaps
    assert STRETCH - 1 <= lengths[len(lengths) // 2] <= STRETCH + 1


def test_a_twin_that_forgot_the_slept_steps_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainStepSampling.__init__, "__defaults__", (1e-9,))
    monkeypatch.setattr(OverheadBudget, "skip_steps", lambda *_: None)
    trace = training(3000, tmp_path / "run.sqlite", every=1000).trace()
    records = trace.series("0.weight", "update_ratio")
    assert records is None or records.steps.tolist() != [0, 1000, 2000]


@pytest.mark.usefixtures("sleepy")
def test_a_jump_is_seen_a_quarter_of_a_second_later_at_most(tmp_path: Path) -> None:
    run = training(6000, tmp_path / "run.sqlite", jump=1500)
    loss = run.trace().series("", "loss")
    assert loss is not None
    assert (loss.values > 9).any()


def test_long_steps_are_never_slept_through() -> None:
    slow = PlainStepSampling()
    assert slow.skip(4e-6, 0.02, 1000) == 0
    assert PlainStepSampling().skip(4e-6, 0.0005, 1000) > 0


def test_nothing_that_is_to_be_recorded_is_slept_through() -> None:
    assert PlainStepSampling().skip(4e-6, 0.0005, 7) <= 7
    budget = OverheadBudget(every=50)
    for step in range(1, 200):
        wanted = budget.step(1e-3, None)
        if step % 50 != 49 and not wanted:
            budget_left = budget.steps_until_record()
            assert budget_left < 50
            assert (step + budget_left) // 50 == step // 50
