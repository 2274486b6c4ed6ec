"""A run as the result of a notebook's cell, in IPython's own display machinery."""

import gc
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import relume
from relume.integrations import jupyter


class Screen:
    """What a notebook's front end would show: one output, replaced by each update."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, item: Any, *, display_id: bool) -> Any:
        assert display_id
        self.shown.append(item.data)
        return SimpleNamespace(update=lambda item: self.shown.append(item.data))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    made = Screen()
    module = ModuleType("IPython.display")
    module.display = made.display  # type: ignore[attr-defined]
    module.HTML = lambda data: SimpleNamespace(data=data)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(jupyter, "PAUSE", 0.05)
    monkeypatch.setattr(jupyter, "SHARE", 1)
    return made


def until(ready: Any) -> None:
    for _ in range(400):
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in 20 s")


def trained(path: Path) -> tuple[relume.Run, Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    rows = torch.randn(32, 4)
    run = relume.watch(model, every=1, path=path)

    def step() -> None:
        (model(rows) - 1).square().mean().backward()  # its optimiser never steps

    return run, step


def test_an_open_run_is_shown_anew_and_its_view_ends_with_it(
    screen: Screen, tmp_path: Path
) -> None:
    run, step = trained(tmp_path / "run.sqlite")
    for _ in range(10):
        step()
    run._ipython_display_()
    assert "Still training" in screen.shown[0]
    for _ in range(60):
        step()
    until(lambda: len(screen.shown) > 2)
    run.close()
    until(lambda: "Still training" not in screen.shown[-1])
    assert "never-steps" in screen.shown[-1] or "not-cleared" in screen.shown[-1]
    time.sleep(1)  # it may have been between its two questions
    many = len(screen.shown)
    time.sleep(1)
    assert len(screen.shown) == many
    run._ipython_display_()
    assert screen.shown[-1] == relume.load(run.path).diagnose()._repr_html_()  # type: ignore[arg-type]


def test_the_view_holds_no_run(screen: Screen, tmp_path: Path) -> None:
    run, step = trained(tmp_path / "run.sqlite")
    step()
    run._ipython_display_()
    recorder = run._recorder
    del run
    gc.collect()
    until(lambda: recorder is not None and (recorder.closed or gc.collect() < 0))


def test_without_a_notebook_the_run_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    run, _ = trained(tmp_path / "run.sqlite")
    run.close()
    with pytest.raises(NotImplementedError):
        run._ipython_display_()
