"""The pages on adding a member of each kind: what they show is applied and tested."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# by page: the tests that hold a member of the kind to its contract
CONTRACTS = {
    "rule": ("tests/rules/test_rule_contract.py", "ACT805 or every_rule or circle or pages_are"),
    "act": ("tests/acts/test_exact.py tests/acts/test_acts.py", "isru or every"),
    "fix": ("tests/fixes/test_fix_contract.py", "clip-values or every_fix"),
    "stat": ("tests/record/measure/test_stats.py", "says or formula"),
    "property": ("tests/cards/test_properties.py", "symmetry or every"),
    "integration": ("tests/integrations/test_callbacks.py", "torch"),
    "lesson": ("tests/atlas/test_lessons.py", "F11 or every_claim or links"),
}
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Kind (``"python"``: a new file, ``"diff"``), path and text of what a page shows."""
    found = BLOCK.findall((ROOT / "docs" / "extend" / f"{page}.md").read_text("utf-8"))
    assert [kind for kind, _, _ in found].count("python") == 1, "one new file"
    assert len({path for _, path, _ in found}) == 2, "two files"
    return found


def changed(text: str, diff: str) -> str:
    """The text after a diff of one piece, whose old lines stand in it once."""
    lines = diff.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
    assert text.count(old) == 1, f"not as the page says: {old}"
    return text.replace(old, new)


def copy(folder: Path) -> None:
    """The package and its tests, as a contributor has them."""
    for name, skipped in (("src", ()), ("tests", ("data", "scripts"))):
        ignored = shutil.ignore_patterns("__pycache__", *skipped)
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)


def contract(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What the contract says of the copy."""
    files, chosen = CONTRACTS[page]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", chosen, *files.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("page", CONTRACTS)
def test_what_the_page_shows_keeps_the_contract(page: str, tmp_path: Path) -> None:
    copy(tmp_path)
    for kind, path, text in blocks(page):
        place = tmp_path / path
        assert place.exists() == (kind == "diff"), path
        place.write_text(text if kind == "python" else changed(place.read_text("utf-8"), text))
    done = contract(page, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "passed" in done.stdout


def test_a_member_without_a_row_is_refused(tmp_path: Path) -> None:
    copy(tmp_path)
    ((_, path, text),) = [block for block in blocks("rule") if block[0] == "python"]
    (tmp_path / path).write_text(text)
    done = contract("rule", tmp_path)
    assert done.returncode == 1
    assert "ACT805" in done.stdout
