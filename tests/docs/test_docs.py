"""The documentation builds without a warning, and its first page does what it says."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
START = (ROOT / "docs" / "start.md").read_text("utf-8")


def relume_says(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "relume", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_the_five_minutes_are_as_they_are_told(tmp_path: Path) -> None:
    found = re.search(r'```python title="train.py"\n(.*?)```', START, re.DOTALL)
    assert found
    (tmp_path / "train.py").write_text(found[1])
    scaled = re.search(r'```python title="cured.py"\n(.*?)```', START, re.DOTALL)
    assert scaled
    head, model, rest = found[1].partition("optimizer = ")
    (tmp_path / "cured.py").write_text(
        head.replace("nn.Sigmoid()", "nn.ReLU()") + scaled[1] + model + rest
    )
    commands = re.findall(r"```sh\n(relume .*?)\n```", START)
    assert len(commands) == 3
    sick, page, cured = (relume_says(*c.split()[1:], folder=tmp_path) for c in commands)
    assert (sick.returncode, page.returncode, cured.returncode) == (0, 0, 0)
    assert re.search(r"loss 0\.(6[5-9]|7)", sick.stdout)
    assert re.search(r"ACT601\]: vanishing-gradient", sick.stderr)
    assert "How it is measured" in page.stdout
    assert "Learning: " in cured.stderr  # how long acts are seen hangs on the machine
    assert "vanishing-gradient" not in cured.stderr


def test_it_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    if find_spec("mkdocs") is None:
        pytest.skip("install the dev extra to run this")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rules" / "dead-units" / "index.html").is_file()
    assert (tmp_path / "fixes" / "clip-gradient" / "index.html").is_file()
    lesson = (tmp_path / "lessons" / "dying-relu" / "index.html").read_text("utf-8")
    assert 'href="../../rules/dead-units/"' in lesson
    page = (tmp_path / "start" / "index.html").read_text("utf-8")
    assert re.findall(r'(?:src|href)="(https?://[^"]+)"[^>]*(?:stylesheet|script)', page) == []
    assert "fonts.googleapis" not in page
