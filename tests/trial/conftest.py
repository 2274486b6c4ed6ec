"""Scripts to be tried, and a crew that fires them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arms import BASE, SCRIPT

from relume.proof import Arm, Shot
from relume.trial import nest
from relume.trial.crew import Crew, Setting, Where, program_of


@pytest.fixture(scope="session", autouse=True)
def ended() -> Iterator[None]:
    """No hatchery outlives the tests."""
    yield
    nest.nests.close()


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
def crew(tmp_path: Path) -> Callable[..., Crew]:
    """A crew for a script, one shot at a time unless said otherwise."""

    def make(path: Path | str, *argv: str, jobs: int = 1, call: bool = False, **more: Any) -> Crew:
        program = program_of(str(path), argv, call=call)
        setting = Setting(program, folder=tmp_path / "runs", where=Where(jobs=jobs), **more)
        return Crew(setting)

    return make


@pytest.fixture
def shoot(crew: Callable[..., Crew]) -> Callable[..., Shot]:
    """Fires one shot of a script."""

    def fire(path: Path, arm: Arm = BASE, seed: int = 0, **more: Any) -> Shot:
        one = crew(path, **more)
        one.run([arm], [seed])
        return one.shots[arm.name, seed]

    return fire
