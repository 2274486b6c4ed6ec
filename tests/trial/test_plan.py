"""Before the first run: how often, how long, what is real. Then: limits, one GPU, and progress."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import typer
from arms import BASE

from relume.cli import progress
from relume.cli.trial_options import TrialOptions, announce_plan
from relume.core.trial import Arm, Edit, TrialRun
from relume.trial import scheduler
from relume.trial.runner.outside import OFFLINE, go_offline
from relume.trial.scheduler import ExecutionPlace, TrialRunner

Write = Callable[..., Path]
MakeRunner = Callable[..., TrialRunner]
OTHER = Arm("other", (Edit("lower-learning-rate"),))


def finished(arm: str, seed: int, *, seconds: float = 1.0, gpu: bool = False) -> TrialRun:
    """A run as one that has ended well."""
    return TrialRun(
        arm=arm,
        seed=seed,
        value=1.0,
        loss=((0, 1.0),),
        seconds=seconds,
        metrics={"device": 1.0} if gpu else {},
    )


@pytest.mark.parametrize(
    ("answer", "yes", "text", "asked", "goes_on"),
    [
        (False, False, "import subprocess", True, False),
        (True, False, "import subprocess", True, True),
        (False, True, "import subprocess", False, True),
        (False, False, "import wandb", False, True),  # that is switched off
        (False, False, "import math", False, True),
    ],
)
def test_what_is_real_is_asked_about_on_a_terminal(
    answer: bool,
    yes: bool,
    text: str,
    asked: bool,
    goes_on: bool,
    write: Write,
    runner: MakeRunner,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    one = runner(write(text=text))
    questions: list[str] = []
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
    monkeypatch.setattr(typer, "confirm", lambda words, **_: questions.append(words) or answer)
    with nullcontext() if goes_on else pytest.raises(typer.Exit) as left:
        announce_plan(one, "12 times", TrialOptions(yes=yes))
    assert left is None or left.value.exit_code == 130
    assert bool(questions) == asked
    assert "train.py will run 12 times" in " ".join(capfd.readouterr().err.split())


def test_nobody_is_asked_off_a_terminal(write: Write, runner: MakeRunner, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stdin", type("Pipe", (), {"isatty": lambda _: False})())
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: pytest.fail("it was asked"))
    announce_plan(runner(write(text="import subprocess")), "12 times", TrialOptions())


def test_the_limit_is_ten_times_the_base(
    write: Write, runner: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []
    monkeypatch.setattr(
        scheduler, "run_jobs", lambda jobs, _: limits.extend(job.timeout for job in jobs) or ()
    )
    one = runner(write())
    one.add(BASE, finished("base", 0, seconds=12.0))
    one.run([OTHER], [0])
    one.add(BASE, finished("base", 1, seconds=2.0))
    one.run([OTHER], [0])
    short = runner(write())
    short.add(BASE, finished("base", 0, seconds=2.0))
    short.run([OTHER], [0])
    given = runner(write(), timeout=7.0)
    given.add(BASE, finished("base", 0, seconds=12.0))
    given.run([OTHER], [0])
    assert limits == [120.0, 120.0, scheduler.SHORTEST, 7.0]


@pytest.mark.parametrize(("gpu", "wanted"), [(True, [1, 1]), (False, [1, 4])])
def test_a_gpu_is_used_by_one_run_at_a_time(
    gpu: bool, wanted: list[int], write: Write, runner: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base runs first and alone: it tells whether the program uses the GPU."""
    places: list[int] = []

    def run_jobs(jobs: Sequence[Any], place: ExecutionPlace) -> Any:
        places.append(place.jobs if len(jobs) > 1 else 1)
        return iter([finished(job.arm.name, job.seed, gpu=gpu) for job in jobs])

    monkeypatch.setattr(scheduler, "run_jobs", run_jobs)
    one = runner(write(), jobs=4)
    one.run([OTHER, BASE], [0, 1])
    assert places == wanted
    assert len(one.runs) == 4


def test_progress_is_told_in_a_log(
    write: Write,
    runner: MakeRunner,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(
        scheduler,
        "run_jobs",
        lambda jobs, _: iter([finished(job.arm.name, job.seed) for job in jobs]),
    )
    one = runner(write())
    with progress.show_progress(one, verbose=False):
        one.run([BASE], range(3))
    lines = capfd.readouterr().err.splitlines()
    assert [line[:34] for line in lines] == [
        "relume: 1 of 3 runs of this part; ",
        "relume: 2 of 3 runs of this part; ",
    ]
    assert all("s left" in line for line in lines)


def test_trackers_are_offline_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*OFFLINE, "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")  # it is put back after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    go_offline(tmp_path)
    assert os.environ["WANDB_MODE"] == "offline"
    assert os.environ["NEPTUNE_MODE"] == OFFLINE["NEPTUNE_MODE"]
    assert os.environ["MLFLOW_TRACKING_URI"].startswith("file://")
