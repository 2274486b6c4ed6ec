"""Scripts to be tried, and a crew that fires them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relume.proof import Arm, Edit, Objective, Shot
from relume.trial import nest
from relume.trial.crew import Crew, Setting, Where, program_of

SCRIPT = """
import sys
import torch
torch.manual_seed(3)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(96, 4), torch.randint(3, (96,))
for step in range({steps}):
    pick = torch.randperm(96)[:32]
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x[pick]), y[pick])
    loss.backward()
    optimizer.step()
    {each}
{end}
"""
SLOWER = Arm("slower", (Edit("lower-learning-rate", {"factor": 0.1}, text="lr times 0.1"),))
BASE = Arm("base", role="base")


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


__all__ = ["BASE", "SLOWER", "Objective"]
