"""What an arm writes, moves and removes never touches the user's files, and is read back."""

import io
import logging
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

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


def by_changing_folder() -> None:
    """As Hydra does: a folder of the run's own, from which the data is `../../data.txt`."""
    start = Path.cwd()
    os.makedirs("out/today")  # noqa: PTH103
    os.chdir("out/today")
    assert Path.cwd() == start / "out" / "today"
    assert os.getcwd() == str(start / "out" / "today") == os.path.realpath(".")  # noqa: PTH109
    assert Path("../../data.txt").read_text() == "data"
    assert Path("../old.txt").read_text() == "old"
    Path("new.txt").write_text("new")
    Path("../../data.txt").write_text("other")
    np.save("../a.npy", np.ones(2))
    assert sorted(os.listdir("..")) == ["a.npy", "old.txt", "today"]  # noqa: PTH208
    assert sorted(entry.path for entry in os.scandir("..")) == [
        "../a.npy",
        "../old.txt",
        "../today",
    ]
    os.chdir(start)
    assert (start / "out" / "today" / "new.txt").read_text() == "new"
    assert Path("data.txt").read_text() == "other"
    os.chdir("out")
    Path("old.txt").unlink()
    assert not (start / "out" / "old.txt").exists()
    os.chdir(start)


def by_open_folders() -> None:
    folder = os.open("out", os.O_RDONLY)
    new = os.open("new.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    os.write(new, b"new")
    os.close(new)
    os.mkdir("deep", dir_fd=folder)
    os.rename("old.txt", "moved.txt", src_dir_fd=folder, dst_dir_fd=folder)
    os.close(folder)
    assert sorted(os.listdir("out")) == ["deep", "moved.txt", "new.txt"]  # noqa: PTH208
    os.fchdir(folder := os.open("out", os.O_RDONLY))
    os.close(folder)
    Path("here.txt").write_text("here")
    os.chdir("..")
    assert Path("out/here.txt").read_text() == "here"


def by_links() -> None:
    os.symlink(Path("data.txt").resolve(), "whole")  # noqa: PTH211
    os.symlink("data.txt", "short")  # noqa: PTH211
    os.symlink("out", "folder")  # noqa: PTH211
    Path("whole").write_text("by a link")
    assert Path("data.txt").read_text() == Path("short").read_text() == "by a link"
    Path("folder/new.txt").write_text("new")
    assert Path("out/new.txt").resolve() == Path("folder/new.txt").resolve()
    assert Path("folder/../data.txt").read_text() == "by a link"
    os.link("out/old.txt", "hard")
    with Path("hard").open("a") as file:
        file.write("er")
    Path("short").unlink()
    assert Path("data.txt").exists()
    assert Path("hard").read_text() == "older"


def by_raw_files() -> None:
    with io.FileIO("raw", "w") as file:
        file.write(b"raw")
    with io.FileIO("data.txt", "r+") as file, Path("data.txt").open("rb", buffering=0) as same:
        file.write(b"D")
        assert isinstance(file, io.FileIO)
        assert isinstance(same, io.FileIO)
        assert same.read() == b"Data"
    with pytest.raises(FileNotFoundError):
        io.FileIO("nothing")
    os.mkfifo("pipe")
    os.mknod("node")
    assert Path("pipe").is_fifo()
    assert Path("node").is_file()
    with pytest.raises(FileExistsError):
        os.mkfifo("data.txt")


def by_archives() -> None:
    with tarfile.open("all.tar.bz2", "w:bz2") as archive:
        archive.add("data.txt")
    with tarfile.open("plain.tar", "w") as archive:
        archive.add("data.txt")
    with tarfile.open("all.tar.bz2") as archive:
        assert archive.getnames() == ["data.txt"]
    shutil.make_archive("zipped", "zip", "out")


def by_torch_in_c() -> None:
    torch.from_file("numbers", shared=True, size=4).fill_(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(torch.nn.Linear(2, 2))
        torch.jit.save(script, "one.pt")
        script.save("two.pt")
        assert torch.jit.load("one.pt").weight.shape == (2, 2)
    assert Path("numbers").stat().st_size == 16


def _child() -> None:
    os.unlink("data.txt")  # noqa: PTH108
    Path("out/child.txt").write_text("child")
    torch.save({"a": torch.ones(1)}, "child.pt")


def by_spawned_children() -> None:
    spawned = multiprocessing.get_context("spawn").Process(target=_child)
    with pytest.MonkeyPatch.context() as patch:  # a script that another test ran may be gone
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        spawned.start()
    spawned.join()
    assert spawned.exitcode == 0
    assert Path("out/child.txt").read_text() == "child"
    assert Path("child.pt").exists()
    assert not Path("data.txt").exists()


def by_another_python() -> None:
    text = "import os; os.remove('data.txt'); open('n', 'w').write(os.getcwd()); os.mkdir('f')"
    os.makedirs("out/deep")  # noqa: PTH103
    os.chdir("out/deep")
    subprocess.run([sys.executable, "-c", f"import os; os.chdir('../..'); {text}"], check=True)
    os.chdir("../..")
    assert Path("n").read_text() == os.getcwd()  # noqa: PTH109
    assert Path("f").is_dir()
    assert not Path("data.txt").exists()


WAYS = (
    by_changing_folder,
    by_open_folders,
    by_links,
    by_raw_files,
    by_archives,
    by_torch_in_c,
    by_spawned_children,
    by_another_python,
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
    before = (open, io.FileIO, os.stat, os.getcwd, shutil.rmtree, torch._C.PyTorchFileWriter)
    variables = dict(os.environ)
    with pytest.raises(RuntimeError), sandboxed(tmp_path / "scratch"):
        raise RuntimeError
    now = (open, io.FileIO, os.stat, os.getcwd, shutil.rmtree, torch._C.PyTorchFileWriter)
    assert now == before
    assert dict(os.environ) == variables


def test_temporary_files_and_devices_work(tmp_path: Path) -> None:
    import tempfile

    with sandboxed(tmp_path / "scratch"):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_text("a")
            assert str(tmp_path) in folder
        Path(os.devnull).write_text("gone")
    assert tempfile.gettempdir() != str(tmp_path / "scratch" / "tmp")
