"""Scripts to be tried, and a runner that fires them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arms import BASE, SCRIPT

from relume.core.trial import Arm, TrialRun
from relume.trial.pool import forkserver_client
from relume.trial.scheduler import ExecutionPlace, TrialRunner, TrialSetting, program_of


@pytest.fixture(scope="session", autouse=True)
def ended() -> Iterator[None]:
    """No fork server outlives the tests."""
    yield
    forkserver_client.forkservers.close()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a script into a folder of its own, which becomes the working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def put(each: str = "pass", end: str = "", *, steps: int = 20, text: str = "") -> Path:
        path = folder / "train.py"
        path.write_text(text or SCRIPT.format(each=each, end=end, steps=steps))
        return path

    return put


@pytest.fixture
def runner(tmp_path: Path) -> Callable[..., TrialRunner]:
    """A runner for a script, one run at a time unless said otherwise."""

    def make(
        path: Path | str, *argv: str, jobs: int = 1, call: bool = False, **more: Any
    ) -> TrialRunner:
        program = program_of(str(path), argv, call=call)
        setting = TrialSetting(
            program, folder=tmp_path / "runs", where=ExecutionPlace(jobs=jobs), **more
        )
        return TrialRunner(setting)

    return make


@pytest.fixture
def run_one(runner: Callable[..., TrialRunner]) -> Callable[..., TrialRun]:
    """Fires one run of a script."""

    def fire(path: Path, arm: Arm = BASE, seed: int = 0, **more: Any) -> TrialRun:
        one = runner(path, **more)
        one.run([arm], [seed])
        return one.runs[arm.name, seed]

    return fire
