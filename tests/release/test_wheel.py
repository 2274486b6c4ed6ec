"""The wheel and the sdist: what a user gets, with the source tree out of reach."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(*command: str, folder: Path, path: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_works_without_the_sources(tmp_path: Path) -> None:
    pip = ("-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT), folder=tmp_path)
    (wheel,) = tmp_path.glob("relume-*.whl")
    inside = zipfile.ZipFile(wheel).namelist()
    assert "relume/py.typed" in inside
    assert not [name for name in inside if name.startswith(("tests", "docs", "examples"))]
    sources = {
        str(p.relative_to(ROOT / "src"))
        for p in (ROOT / "src" / "relume").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert sources <= set(inside), sources - set(inside)
    target = tmp_path / "installed"
    run(*pip, "install", "-q", "--no-deps", "--target", str(target), str(wheel), folder=tmp_path)
    where = "import relume; print(relume.__file__)"
    assert str(target) in run("-c", where, folder=tmp_path, path=str(target))
    ask = ("-m", "relume")
    assert "ACT401" in run(*ask, "rules", folder=tmp_path, path=str(target))
    import relume

    assert relume.__version__ in run(*ask, "--version", folder=tmp_path, path=str(target))
    run(*ask, "demo", "dying-relu", "--exit-zero", folder=tmp_path, path=str(target))
