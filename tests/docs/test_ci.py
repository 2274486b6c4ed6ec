"""What the page on CI tells people to copy: it parses, and its commands do what they say."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml: Any = pytest.importorskip("yaml")  # comes with the dev extra

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "guide" / "ci.md").read_text("utf-8")
WORKFLOW = (ROOT / "docs" / "examples" / "relume.yml").read_text("utf-8")

MODELS = """
from torch import nn


def make_model():
    first, last = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)
    {edit}
    return nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
"""
SOUND, BROKEN = "pass", "nn.init.constant_(first.weight, 0.1)"
TRAINING = """
import torch
from pkg.models import make_model
from torch import nn

torch.manual_seed(0)
model = make_model()
optimizer = torch.optim.SGD(model.parameters(), 0.05)
x, y = torch.randn(32, 3, 8, 8), torch.arange(32) % 5
for _ in range(20):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


def project(folder: Path, edit: str) -> None:
    """What the page's names stand for."""
    (folder / "pkg").mkdir(exist_ok=True)
    (folder / "pkg" / "__init__.py").touch()
    (folder / "pkg" / "models.py").write_text(MODELS.format(edit=edit))
    (folder / "train.py").write_text(TRAINING)


def done(command: str, folder: Path) -> int:
    """Exit code of a command of the page."""
    words = shlex.split(command)
    assert words[0] == "relume"
    ran = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode in (0, 1), ran.stderr
    return ran.returncode


def hooks() -> list[dict[str, Any]]:
    """The hooks of every configuration on the page."""
    files = [yaml.safe_load(text) for text in re.findall(r"```yaml[^\n]*\n(.*?)```", PAGE, re.S)]
    return [hook for file in files for repo in file["repos"] for hook in repo["hooks"]]


def test_the_hooks_are_complete_and_judge_the_model(tmp_path: Path) -> None:
    found = hooks()
    assert [hook["language"] for hook in found] == ["system", "python"]
    for hook in found:
        assert hook.keys() >= {"id", "name", "entry", "language", "types", "pass_filenames"}
        assert hook["pass_filenames"] is False  # a target is given, and nothing after it
    entries = {hook["entry"] for hook in found}
    assert len(entries) == 1
    for edit, code in ((SOUND, 0), (BROKEN, 1)):
        project(tmp_path, edit)
        assert done(next(iter(entries)), tmp_path) == code


def test_the_hook_of_the_repository_says_the_same() -> None:
    (shipped,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    for hook in hooks():
        assert hook["entry"].startswith(f"{shipped['entry']} ")
        assert {name: hook[name] for name in ("id", "name", "types", "pass_filenames")} == {
            name: shipped[name] for name in ("id", "name", "types", "pass_filenames")
        }


def test_the_workflow_is_one_and_its_commands_run(tmp_path: Path) -> None:
    workflow = yaml.safe_load(WORKFLOW)
    (job,) = workflow["jobs"].values()
    assert all(("run" in step) != ("uses" in step) for step in job["steps"])
    commands = [s["run"] for s in job["steps"] if s.get("run", "").startswith("relume")]
    assert len(commands) == 2
    project(tmp_path, SOUND)
    assert [done(command, tmp_path) for command in commands] == [0, 0]
    uploaded = [s["with"] for s in job["steps"] if "with" in s and "python" not in str(s["uses"])]
    for at in (uploaded[0]["sarif_file"], uploaded[1]["path"]):
        assert (tmp_path / at).exists(), at
