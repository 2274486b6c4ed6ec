"""The wheel and the sdist: what a user gets, with the source tree out of reach."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NOT_SHIPPED = (
    ".git",
    ".venv",
    "node_modules",
    ".relume",
    "site",
    "__pycache__",
    "*.sqlite*",
    ".*_cache",
)


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
    smoke(target, tmp_path)


def smoke(target: Path, folder: Path) -> None:
    """What a user does first, with the relume that lies in `target` and no other."""
    where = "import relume; print(relume.__file__)"
    assert str(target) in run("-c", where, folder=folder, path=str(target))
    ask = ("-m", "relume")
    assert "ACT401" in run(*ask, "rules", folder=folder, path=str(target))
    import relume

    assert relume.__version__ in run(*ask, "--version", folder=folder, path=str(target))
    run(*ask, "demo", "dying-relu", "--exit-zero", folder=folder, path=str(target))


@pytest.mark.slow
def test_the_sdist_builds_what_the_wheel_holds(tmp_path: Path) -> None:
    """The sdist is made, unpacked nowhere near the tree, and its own wheel installed and used."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=True, system_site_packages=False)
    python = str(clean / "bin" / "python")
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    subprocess.run([*pip, "install", "-q", "hatchling"], check=True)
    build = (python, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path))
    subprocess.run(build, check=True, cwd=clone, capture_output=True)
    (sdist,) = tmp_path.glob("relume-*.tar.gz")
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    for kind in ("src/relume/py.typed", "LICENSE", "CHANGELOG.md", "tests/conftest.py", "web"):
        assert any(name.startswith(kind) for name in names), kind
    assert not [name for name in names if "node_modules" in name or name.endswith(".sqlite")]
    shutil.rmtree(clone)  # src/ is gone: the archive is all there is
    target = tmp_path / "installed"
    pip_here = ("-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps")
    run(*pip_here, "--target", str(target), str(sdist), folder=tmp_path)
    made = {p.relative_to(target) for p in (target / "relume").rglob("*") if p.suffix != ".pyc"}
    tree = {
        p.relative_to(ROOT / "src")
        for p in (ROOT / "src" / "relume").rglob("*")
        if p.suffix != ".pyc"
    }
    ignored = {path for path in made ^ tree if path.name == "__pycache__"}
    assert made ^ tree == ignored
    smoke(target, tmp_path)
