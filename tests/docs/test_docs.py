"""The documentation builds without a warning, and its first page does what it says."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import rule_code
import typer

from relume.cli.app import app

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
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


def test_an_editor_reads_the_concise_lines(tmp_path: Path) -> None:
    """By the problem matcher of docs/guide/editor.md."""
    matcher = re.search(r'"regexp": (".*"),', (DOCS / "guide" / "editor.md").read_text("utf-8"))
    assert matcher
    (tmp_path / "train.py").write_text(rule_code.scripts("softmax-before-cross-entropy")[0])
    done = relume_says("run", "--output-format", "concise", "train.py", folder=tmp_path)
    found = re.match(json.loads(matcher[1]), (done.stderr + done.stdout).splitlines()[0])
    assert found
    assert found.groups()[:4:3] == ("train.py", "ACT201")


def test_agents_are_given_commands_and_fields_that_exist() -> None:
    text = (ROOT / "docs/AGENTS.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.split() for block in blocks for line in block.splitlines()]
    assert len(lines) >= 6
    group: Any = typer.main.get_command(app)
    for _, name, *words in lines:
        options = {o for p in group.commands[name].params for o in (*p.opts, *p.secondary_opts)}
        assert {word for word in words if word.startswith("-")} <= options, name
    schema = json.loads((DOCS / "schema" / "diagnosis-1.json").read_text("utf-8"))
    fields = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert len(fields) >= 5
    assert fields <= set(schema["properties"])


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
    live = re.search(r'href="\.\./\.\./(the-atlas/[^"]+)"', lesson)
    assert live
    assert (tmp_path / live[1]).is_file()
    page = (tmp_path / "start" / "index.html").read_text("utf-8")
    assert re.findall(r'(?:src|href)="(https?://[^"]+)"[^>]*(?:stylesheet|script)', page) == []
    assert "fonts.googleapis" not in page
    rule = (tmp_path / "rules" / "vanishing-gradient" / "index.html").read_text("utf-8")
    assert (
        rule.index('id="bad-code"')
        < rule.index("vanishing-gradient: ")
        < rule.index('id="good-code"')
    )
    act = (tmp_path / "acts" / "gelu" / "index.html").read_text("utf-8")
    assert act.count("<polyline") == 4  # value and slope, in a panel each that hides the other
    reference = (tmp_path / "reference" / "index.html").read_text("utf-8")
    assert "doc-signature" in reference
    assert "ACT601" in (tmp_path / "report-of-a-run.html").read_text("utf-8")
    listed = (tmp_path / "llms.txt").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", listed)
    assert len(links) > 200
    assert [link for link in links if not (tmp_path / link).exists()] == []
    home = (tmp_path / "index.html").read_text("utf-8")
    places = re.findall(r'href="([^":#?]+)"', home)
    assert [place for place in places if not (tmp_path / place).exists()] == []
