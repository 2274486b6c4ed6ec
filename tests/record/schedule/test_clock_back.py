"""A wall clock that goes back, at the end of summer time or by hand, changes nothing but times."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import relume
from relume.core import Trace
from relume.record import recorder
from relume.record.store import new_path, run_file

DAY = 86_400.0
NOW = datetime(2026, 10, 25, 2, 59, 30)


class Clock:
    """The wall clock, as `datetime` and as seconds; it can be put back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = NOW
        clock = self

        class Moments(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
                return clock.moment

        monkeypatch.setattr(new_path, "datetime", Moments)
        monkeypatch.setattr(recorder, "time", self.seconds)

    def seconds(self) -> float:
        return self.moment.timestamp()

    def back(self, seconds: float) -> None:
        self.moment -= timedelta(seconds=seconds)


def recorded(path: Path, clock: Clock | None = None) -> Trace:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, y = torch.randn(32, 8), torch.randint(3, (32,))
    with relume.watch(model, path=path) as run:
        for step in range(300):
            if clock is not None and step == 150:
                clock.back(DAY)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert run.problems == ()
    return run_file.read(path)


def test_the_same_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = recorded(tmp_path / "plain.sqlite")
    clock = Clock(monkeypatch)
    jumped = recorded(tmp_path / "jumped.sqlite", clock)
    assert jumped.meta["updated"] == NOW.timestamp() - DAY  # the clock was asked, and had gone back
    assert jumped.meta["steps"] == plain.meta["steps"] == 300
    assert jumped.meta["seconds"] > 0
    for name in ("loss", "learning_rate"):
        one, two = plain.series("", name), jumped.series("", name)
        assert one is not None
        assert two is not None
        assert np.array_equal(one.steps, two.steps)
        assert np.array_equal(one.values, two.values)
    took = jumped.series("", "step_seconds")
    assert took is not None
    assert float(took.values.min()) >= 0


def test_the_newest_run_is_the_latest_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made = [new_path.new_path(tmp_path, "one")]
    for _ in range(3):
        clock.back(600)
        made.append(new_path.new_path(tmp_path, "another"))
        assert run_file.find(None, tmp_path) == made[-1]
    assert run_file.runs(tmp_path) == made[::-1]
    clock.back(-DAY)
    late = new_path.new_path(tmp_path, "one")
    assert late.name == f"{clock.moment:{new_path.STAMP}}-one.sqlite"


def test_other_names_in_the_folder_are_no_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    for name in ("zebra.sqlite", "99999999-999999-x.sqlite", "20991231.sqlite"):
        (tmp_path / name).touch()
    assert new_path.new_path(tmp_path, "one").name == f"{NOW:{new_path.STAMP}}-one.sqlite"
