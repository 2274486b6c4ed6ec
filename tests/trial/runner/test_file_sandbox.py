"""What an arm writes, moves and removes never touches the user's files, and is read back."""

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from relume.trial.runner.file_sandbox import sandboxed


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = tmp_path / "project"
    (here / "out").mkdir(parents=True)
    (here / "out" / "old.txt").write_text("old")
    (here / "data.txt").write_text("data")
    monkeypatch.chdir(here)
    return here


def tree(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): p.read_text("latin1") if p.is_file() else "/"
        for p in folder.rglob("*")
    }


def by_torch() -> None:
    torch.save({"a": torch.ones(2)}, "model.pt")
    assert torch.load("model.pt", weights_only=True)["a"].sum() == 2
    assert torch.load("model.pt", weights_only=True, mmap=True)["a"].sum() == 2
    assert Path("model.pt").exists()


def by_numpy() -> None:
    np.save("a.npy", np.ones(3))
    np.savez("b.npz", a=np.ones(3))
    assert np.load("a.npy").sum() + np.load("b.npz")["a"].sum() == 6


def by_safetensors() -> None:
    from safetensors.torch import load_file, save_file

    save_file({"a": torch.ones(2)}, "m.safetensors")
    assert load_file("m.safetensors")["a"].sum() == 2


def by_text() -> None:
    with Path("data.txt").open("a") as file:
        file.write("+more")
    assert Path("data.txt").read_text() == "data+more"
    with open("data.txt", "r+") as file:  # noqa: PTH123  (it is what is tested)
        file.write("D")
    assert Path("data.txt").read_text() == "Data+more"
    with pytest.raises(FileExistsError):
        Path("data.txt").touch(exist_ok=False)
    with pytest.raises(FileExistsError):
        open("data.txt", "x")  # noqa: PTH123, SIM115
    with pytest.raises(FileNotFoundError):
        Path("nowhere/file.txt").write_text("a")


def by_folders() -> None:
    os.makedirs("out/a/b", exist_ok=True)  # noqa: PTH103
    Path("out/a/b/c.txt").write_text("c")
    Path("out").mkdir(exist_ok=True)
    assert sorted(os.listdir("out")) == ["a", "old.txt"]  # noqa: PTH208
    assert sorted(p.name for p in Path("out").iterdir()) == ["a", "old.txt"]
    assert sorted(p.name for p in Path().rglob("*.txt")) == ["c.txt", "data.txt", "old.txt"]
    with pytest.raises(FileExistsError):
        Path("out").mkdir()


def by_removing() -> None:
    Path("data.txt").unlink()
    assert not Path("data.txt").exists()
    with pytest.raises(FileNotFoundError):
        Path("data.txt").read_text()
    with pytest.raises(FileNotFoundError):
        Path("data.txt").unlink()
    shutil.rmtree("out")
    assert not os.path.isdir("out")  # noqa: PTH112
    os.makedirs("out")  # noqa: PTH103
    assert os.listdir("out") == []  # noqa: PTH208
    assert not Path("out/old.txt").exists()
    Path("out/new.txt").write_text("new")
    assert [e.name for e in os.scandir("out")] == ["new.txt"]
    assert not os.access("data.txt", os.R_OK)


def by_moving() -> None:
    Path("data.txt").rename("moved.txt")
    assert Path("moved.txt").read_text() == "data"
    assert not Path("data.txt").exists()
    shutil.move("out", "elsewhere")
    assert Path("elsewhere/old.txt").read_text() == "old"
    assert not Path("out").exists()
    shutil.copy("moved.txt", "copy.txt")
    shutil.copytree("elsewhere", "again")
    assert Path("again/old.txt").read_text() == "old"


def by_others() -> None:
    handler = logging.FileHandler("train.log")
    handler.emit(logging.LogRecord("a", 20, "f", 1, "hello", None, None))
    handler.close()
    assert "hello" in Path("train.log").read_text()
    with sqlite3.connect("runs.db") as db:
        db.execute("CREATE TABLE t (a)")
    db.close()
    descriptor = os.open("raw.bin", os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, b"raw")
    os.close(descriptor)
    assert Path("raw.bin").read_bytes() == b"raw"
    Path("touched").touch()
    os.chmod("data.txt", 0o600)  # noqa: PTH101


WAYS = (
    by_torch,
    by_numpy,
    by_safetensors,
    by_text,
    by_folders,
    by_removing,
    by_moving,
    by_others,
)


@pytest.mark.parametrize("way", WAYS)
def test_the_users_files_stay(way: Callable[[], None], project: Path, tmp_path: Path) -> None:
    before, mode = tree(project), (project / "data.txt").stat().st_mode
    with sandboxed(tmp_path / "scratch"):
        way()
    assert tree(project) == before
    assert (project / "data.txt").stat().st_mode == mode


@pytest.mark.parametrize("way", WAYS)
def test_every_way_would_change_them(way: Callable[[], None], project: Path) -> None:
    """The broken twin: without the sandbox each of them does change the folder."""
    before, mode = tree(project), (project / "data.txt").stat().st_mode
    way()
    assert tree(project) != before or (project / "data.txt").stat().st_mode != mode


def test_the_doors_are_given_back(tmp_path: Path) -> None:
    before = (open, os.stat, os.scandir, shutil.rmtree, torch._C.PyTorchFileWriter)
    with pytest.raises(RuntimeError), sandboxed(tmp_path / "scratch"):
        raise RuntimeError
    assert (open, os.stat, os.scandir, shutil.rmtree, torch._C.PyTorchFileWriter) == before


def test_temporary_files_and_devices_work(tmp_path: Path) -> None:
    import tempfile

    with sandboxed(tmp_path / "scratch"):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_text("a")
            assert str(tmp_path) in folder
        Path(os.devnull).write_text("gone")
    assert tempfile.gettempdir() != str(tmp_path / "scratch" / "tmp")
