"""A virtual environment, and relume itself, behind a link: library code is still library code."""

import os
import subprocess
import sys
from pathlib import Path

import torch

import relume
from relume.record.sites.qualified_names import is_user_code
from relume.record.store import run_file

SCRIPT = """
import torch
from torch import nn

model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(3):
    loss = nn.functional.cross_entropy(model(torch.randn(8, 6)), torch.arange(8) % 3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
raise RuntimeError("the user's own")
"""


def test_files_reached_through_a_link(tmp_path: Path) -> None:
    link = tmp_path / "venv"
    link.symlink_to(Path(torch.__file__).parents[1])
    assert not is_user_code(str(link / "torch" / "nn" / "functional.py"))
    ours = tmp_path / "ours"
    ours.symlink_to(Path(relume.__file__).parent)
    assert not is_user_code(str(ours / "record" / "tap.py"))
    assert is_user_code(str(ours / "demos" / "dying_relu.py")), "a demo is run as a user's script"
    assert not is_user_code(str(Path(os.__file__).absolute()))
    mine = tmp_path / "real" / "torch"  # a name alone makes no library
    mine.mkdir(parents=True)
    assert is_user_code(str(mine / "net.py"))
    assert is_user_code(str(mine.with_name("torch_extras") / "net.py"))


def test_a_run_whose_libraries_are_behind_links(tmp_path: Path) -> None:
    for name, target in (
        ("site", Path(torch.__file__).parents[1]),
        ("source", Path(relume.__file__).parents[1]),
    ):
        (tmp_path / name).symlink_to(target)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    paths = os.pathsep.join(str(tmp_path / name) for name in ("source", "site"))
    done = subprocess.run(
        [sys.executable, "-m", "relume", "run", "--isolated", "--every", "1", str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    frames = [line for line in done.stderr.splitlines() if line.lstrip().startswith("File ")]
    assert [line.strip() for line in frames] == [f'File "{script}", line 12, in <module>']
    (path,) = run_file.runs(tmp_path / ".relume")
    trace = run_file.read(path)
    told = [site.file for site in trace.sites_of("act")]
    told += [str(f.data["file"]) for f in trace.facts if f.data.get("file")]
    assert len(told) >= 3
    assert set(told) == {str(script)}


def test_installed_packages_are_not_the_users_own() -> None:
    import typer

    assert not is_user_code(typer.__file__)
    assert not is_user_code(str(Path(sys.executable).parent / "relume")), (
        "the entry point of a package"
    )
    assert is_user_code(__file__)
