"""The lower bounds of pyproject.toml are true: the lowest set they allow is installed and used.

Each package that pyproject names is taken at its bound, and what those need at their newest, as a
resolver does for somebody who holds the named ones back.
"""

import os
import platform
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# CUDA's packages are gigabytes, and only Linux on x86 brings them along.
BRINGS_CUDA = sys.platform == "linux" and platform.machine() == "x86_64"
RAISES_OTHERS = {"mcp"}
"""Extras that ask for more than relume's own floors (mcp: pydantic 2.12); not in the lowest set."""
WATCH = """
import torch
from torch import nn
import relume

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
with relume.watch(model, path="watched.sqlite", sink="tensorboard") as run:
    for _ in range(30):
        x = torch.randn(16, 4)
        optimiser.zero_grad()
        (model(x) - x.sum(1, keepdim=True)).square().mean().backward()
        optimiser.step()
print(run.diagnose())
"""
EXTRAS = """
import distributed, optuna, safetensors.numpy, safetensors.torch
from relume.fixes.source import act_calls, code, optimizer_argument, setup_blocks
optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=2)).ask(
    {"factor": optuna.distributions.FloatDistribution(0.1, 10, log=True)}
)
print("all there")
"""


def bounded() -> list[Requirement]:
    """What a user may install: the dependencies and the extras but the developers'."""
    extras = PROJECT["optional-dependencies"]
    groups = [group for name, group in extras.items() if name != "dev"]
    return [Requirement(each) for each in sum(groups, PROJECT["dependencies"])]


def floor(requirement: Requirement) -> str:
    """The one lower bound of a requirement.

    Raises:
        ValueError: it has none, or more than that.
    """
    bounds = [each for each in requirement.specifier if each.operator == ">="]
    if len(bounds) != 1:
        raise ValueError(f"{requirement} has {len(bounds)} lower bounds, not one")
    return bounds[0].version


def test_every_dependency_has_one_lower_bound_that_the_tests_set_keeps() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    for requirement in bounded():
        assert Version(floor(requirement)) <= Version(pinned[requirement.name]), requirement


def test_a_dependency_without_a_lower_bound_is_refused() -> None:
    for text in ("typer", "typer<1", "typer>=0.16,>=0.17"):
        with pytest.raises(ValueError, match="lower bounds, not one"):
            floor(Requirement(text))


def pip(python: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = (python, "-m", "pip", "--disable-pip-version-check", *words, "--quiet")
    return subprocess.run(command, capture_output=True, text=True, check=False)


def served(pin: str) -> bool:
    """Whether an index here has this release as a wheel."""
    words = ("--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:", pin)
    return pip(sys.executable, "install", *words).returncode == 0


def torch_pin(lowest: bool) -> str:
    (requirement,) = (each for each in bounded() if each.name == "torch")
    if not lowest:
        return f"torch=={version('torch')}"
    return f"torch=={floor(requirement)}" + ("+cpu" if BRINGS_CUDA else "")


@pytest.mark.slow
@pytest.mark.parametrize("lowest", [False, True], ids=["torch as here", "lowest torch"])
def test_the_lowest_set_is_enough(lowest: bool, tmp_path: Path) -> None:
    python = PROJECT["requires-python"]
    if Version(floor(Requirement(f"python{python}"))).release != sys.version_info[:2]:
        pytest.skip(f"not checked: the lowest set is that of Python {python}, and this is another")
    named = [each for each in bounded() if each.name not in ("torch", *RAISES_OTHERS)]
    pins = [f"{each.name}=={floor(each)}" for each in named]
    if not served(pins[0]):
        pytest.skip(f"not checked: no package index here, {pins[0]} is not to be had")
    pins.append(torch_pin(lowest))
    if not served(pins[-1]):
        pytest.skip(f"not checked: no index here has {pins[-1]}")
    home = tmp_path / "a lowest set"
    venv.create(home, with_pip=True)
    inside = str(home / "bin" / "python")
    done = pip(inside, "install", "--only-binary=:all:", *pins, "hatchling")
    assert done.returncode == 0, f"{pins} cannot be installed together\n{done.stderr}"
    done = pip(inside, "install", "--no-deps", "--no-build-isolation", str(ROOT))
    assert done.returncode == 0, done.stderr
    use(home / "bin", tmp_path)


def use(programs: Path, folder: Path) -> None:
    """What a user does first, with what is installed beside these programs and nothing else."""
    (folder / "watch.py").write_text(WATCH, "utf-8")
    example = str(ROOT / "examples" / "wine_double_softmax.py")
    for expected, status, program, *words in (
        ("Commands", 0, "relume", "--help"),
        ("--exit-zero", 0, "relume", "run", "--help"),
        ("missing argument", 2, "relume", "run"),
        ("How it is measured", 0, "relume", "explain", "dead-units"),
        ("softmax-before-cross-entropy", 1, "relume", "run", example),
        ("relu", 0, "relume", "card", "relu"),
        ("by chance in 30 steps", 0, "python", "watch.py"),
        ("series.parquet", 0, "relume", "export", "watched.sqlite", "--to", "parquet"),
        ("all there", 0, "python", "-c", EXTRAS),
    ):
        done = subprocess.run(
            [str(programs / program), *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"},
        )
        out = done.stdout + done.stderr
        assert done.returncode == status, f"{program} {words}\n{out}"
        assert "Traceback" not in out, f"{program} {words}\n{out}"
        assert expected in out, f"{program} {words} does not say {expected!r}\n{out}"
