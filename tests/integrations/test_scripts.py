"""`relume run` on unchanged scripts of each framework: seen, not disturbed, and the broken twin
named with its root cause."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from framework_rows import find_library

from twice import run_both

SCRIPTS = Path(__file__).parent / "scripts"
GRAVE = ("warning", "error")
ROOTS = {
    "lightning": ("lightning", "ACT601", "net."),
    "trainer": ("transformers", "ACT605", ""),
    "keras": ("keras", "ACT201", "sequential.dense_2"),
    "skorch": ("skorch", "ACT201", "out"),
    "accelerate": ("accelerate", "ACT303", "3"),
}


@pytest.mark.parametrize("name", ROOTS)
def test_the_broken_script_is_named_and_computes_the_same(name: str) -> None:
    library, code, site = ROOTS[name]
    if find_library(library) is None:
        pytest.skip("install the dev extra to run this")
    ran = run_both(SCRIPTS / f"train_{name}.py", "--broken", every=2)
    assert losses(ran.recorded) == losses(ran.bare)
    assert ran.roots, ran.errors
    assert ran.roots[0]["code"] == code
    assert ran.roots[0]["site"].startswith(site)


@pytest.mark.parametrize("name", ROOTS)
def test_the_healthy_script_is_told_so(name: str, tmp_path: Path) -> None:
    if find_library(ROOTS[name][0]) is None:
        pytest.skip("install the dev extra to run this")
    told = tmp_path / "diagnosis.json"
    form = ["--output-format", "json", "-o", str(told), "--dir", str(tmp_path), "--every", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "relume", "run", *form, str(SCRIPTS / f"train_{name}.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert losses(done.stdout)
    diagnosis = json.loads(told.read_text("utf-8"))
    assert [f["key"] for f in diagnosis["findings"] if f["severity"] in GRAVE] == []
    assert len(diagnosis["checked"]) > 15, "nothing was said because nothing was seen"
    assert diagnosis["meta"]["records"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOTS)
def test_the_healthy_script_computes_the_same(name: str) -> None:
    if find_library(ROOTS[name][0]) is None:
        pytest.skip("install the dev extra to run this")
    ran = run_both(SCRIPTS / f"train_{name}.py", every=2)
    assert losses(ran.recorded) == losses(ran.bare)
    assert ran.keys == []


def losses(text: str) -> list[str]:
    """The lines with results: the Trainer also prints how long it took."""
    found = [line for line in text.splitlines() if "loss " in line]
    assert found
    return found
