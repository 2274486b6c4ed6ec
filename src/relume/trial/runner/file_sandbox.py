"""Lays an `Overlay` over Python's doors to the file system, for one arm in one process.

Longer than others: one small wrapper for each kind of door, and they read best side by side.
"""

import builtins
import io
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from relume.trial.runner.path_overlay import WRITING, Overlay

Wrapped = tuple[Any, str, Callable[[Any], Any]]


@contextmanager
def sandboxed(scratch: Path, *shared: Path) -> Generator[Overlay]:
    """Until the end, what is written goes to `scratch`, but for the folders `shared`; so do
    temporary files."""
    real = tempfile.gettempdir()
    user = os.environ.get("USER", "user")
    compiled = os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", f"{real}/torchinductor_{user}")
    own = scratch / "tmp"
    own.mkdir(parents=True, exist_ok=True)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    overlay = Overlay(scratch, (compiled, cache, *map(str, shared)))
    with ExitStack() as stack:
        before = tempfile.tempdir, os.environ.get("TMPDIR")
        stack.callback(_temporary, *before)
        _temporary(str(own), str(own))
        for owner, name, make in _doors(overlay):
            original = getattr(owner, name)
            wrapper = make(original)
            setattr(owner, name, wrapper)
            stack.callback(setattr, owner, name, original)
        yield overlay


def _temporary(folder: str | None, variable: str | None) -> None:
    tempfile.tempdir = folder
    if variable is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = variable


def _doors(overlay: Overlay) -> list[Wrapped]:
    opened = _open(overlay)
    doors: list[Wrapped] = [(builtins, "open", opened), (io, "open", opened)]
    doors += [(os, "open", _os_open(overlay))]
    doors += [(os, name, _reader(overlay)) for name in ("stat", "lstat", "access", "chdir")]
    attributes = [name for name in ("listxattr", "getxattr", "readlink") if hasattr(os, name)]
    doors += [(os, name, _reader(overlay)) for name in attributes]
    changes = ("chmod", "utime", "truncate", "setxattr")
    doors += [(os, name, _changer(overlay)) for name in changes if hasattr(os, name)]
    doors += [(os, name, _remover(overlay)) for name in ("remove", "unlink", "rmdir")]
    doors += [(os, name, _mover(overlay)) for name in ("rename", "replace")]
    doors += [(os, name, _linker(overlay)) for name in ("symlink", "link") if hasattr(os, name)]
    doors += [
        (os, "mkdir", _maker(overlay)),
        (os, "listdir", _lister(overlay)),
        (os, "scandir", _scanner(overlay)),
        (shutil, "rmtree", _tree_remover(overlay)),
        (sqlite3, "connect", _first(overlay.writes)),
    ]
    return doors + _of_torch(overlay)


def _of_torch(overlay: Overlay) -> list[Wrapped]:
    """Files that torch and safetensors open in C++ and Rust, at the names they are called by."""
    found: list[Wrapped] = []
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        found += [
            (torch._C, "PyTorchFileWriter", _first(lambda path: overlay.writes(path, keep=False))),
            (torch._C, "PyTorchFileReader", _first(overlay.reads)),
            (torch, "load", _first(overlay.reads)),  # mmap=True hands the name to C++
        ]
    try:
        import safetensors.numpy
        import safetensors.torch as tensors
    except ImportError:
        return found
    for module in (tensors, safetensors.numpy):
        if hasattr(module, "serialize_file"):
            found.append((module, "serialize_file", _second(overlay.writes)))
        if hasattr(module, "safe_open"):
            found.append((module, "safe_open", _first(overlay.reads)))
    found.append((safetensors, "safe_open", _first(overlay.reads)))
    return found


def _open(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def open(file: Any, mode: str = "r", *args: Any, **keywords: Any) -> Any:
            if set(mode) & set("wax+"):
                if "x" in mode and overlay.exists(file):
                    raise FileExistsError(17, os.strerror(17), str(file))
                file = overlay.writes(file, keep="w" not in mode)
            else:
                file = overlay.reads(file)
            return original(file, mode, *args, **keywords)

        return open

    return make


def _os_open(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: Any = None) -> Any:
            if dir_fd is not None:
                return original(path, flags, mode, dir_fd=dir_fd)
            if flags & WRITING:
                if not flags & os.O_CREAT and not overlay.exists(path):
                    raise FileNotFoundError(2, os.strerror(2), str(path))
                if flags & os.O_EXCL and overlay.exists(path):
                    raise FileExistsError(17, os.strerror(17), str(path))
                path = overlay.writes(path, keep=not flags & os.O_TRUNC)
            else:
                path = overlay.reads(path)
            return original(path, flags, mode)

        return open

    return make


def _mapped(place: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The first argument goes through `place`, unless it is relative to an open folder."""

    def make(original: Any) -> Any:
        def call(path: Any = ".", *args: Any, **keywords: Any) -> Any:
            if keywords.get("dir_fd") is None:
                path = place(path)
            return original(path, *args, **keywords)

        return call

    return make


def _reader(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any, *args: Any, **keywords: Any) -> Any:
            if keywords.get("dir_fd") is None:
                try:
                    path = overlay.reads(path)
                except FileNotFoundError:
                    if original.__name__ == "access":
                        return False
                    raise
            return original(path, *args, **keywords)

        return call

    return make


def _changer(overlay: Overlay) -> Callable[[Any], Any]:
    return _mapped(lambda path: overlay.writes(path) if overlay.exists(path) else path)


def _remover(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any, *, dir_fd: Any = None) -> None:
            if dir_fd is not None:
                return original(path, dir_fd=dir_fd)
            real = overlay.removes(path)
            return None if real is None else original(real)

        return call

    return make


def _mover(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(src: Any, dst: Any, **keywords: Any) -> None:
            if keywords.get("src_dir_fd") is not None or keywords.get("dst_dir_fd") is not None:
                return original(src, dst, **keywords)
            source = overlay.writes(src) if overlay.exists(src) else src  # a copy, if it is below
            target = overlay.writes(dst, keep=False)
            original(source, target)
            return overlay.hides(src)

        return call

    return make


def _linker(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(src: Any, dst: Any, *args: Any, **keywords: Any) -> None:
            if keywords.get("dir_fd") is None and keywords.get("dst_dir_fd") is None:
                dst = overlay.writes(dst, keep=False)
            return original(src, dst, *args, **keywords)

        return call

    return make


def _maker(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any, mode: int = 0o777, *, dir_fd: Any = None) -> None:
            if dir_fd is not None:
                return original(path, mode, dir_fd=dir_fd)
            if overlay.exists(path):
                raise FileExistsError(17, os.strerror(17), str(path))
            return original(overlay.makes(path), mode)

        return call

    return make


def _lister(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any = None) -> list[Any]:
            where = "." if path is None else path
            whole = overlay.whole(where)
            if whole is None or isinstance(path, bytes):
                return original(where)
            if not overlay.touched(whole):
                return original(where)
            overlay.reads(whole)  # a folder that was removed is not listed
            return overlay.names(whole, original)

        return call

    return make


def _scanner(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any = None) -> Any:
            where = "." if path is None else path
            whole = overlay.whole(where)
            if whole is None or isinstance(path, bytes) or not overlay.touched(whole):
                return original(where)
            overlay.reads(whole)
            return _Entries(overlay, original, whole)

        return call

    return make


class _Entries:
    """What `os.scandir` gives of two folders that lie over each other."""

    def __init__(self, overlay: Overlay, scan: Any, whole: str) -> None:
        wanted, entries = set(overlay.names(whole, overlay.listed)), list[Any]()
        for folder in (overlay.above(whole), whole):
            try:
                with scan(folder) as found:
                    mine = [entry for entry in found if entry.name in wanted]
            except (FileNotFoundError, NotADirectoryError):
                continue
            entries += mine
            wanted -= {entry.name for entry in mine}
        self._at = iter(entries)

    def __iter__(self) -> "_Entries":
        return self

    def __next__(self) -> Any:
        return next(self._at)

    def __enter__(self) -> "_Entries":
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open any more."""
        self._at = iter(())


def _tree_remover(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def rmtree(path: Any, ignore_errors: bool = False, **keywords: Any) -> None:
            try:
                real = overlay.removes(path)
            except FileNotFoundError:
                if ignore_errors:
                    return
                raise
            if real is not None:
                original(real, ignore_errors, **keywords)

        return rmtree

    return make


def _first(place: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(first: Any, *args: Any, **keywords: Any) -> Any:
            if isinstance(first, str | os.PathLike) and first != ":memory:":
                first = str(place(first))
            return original(first, *args, **keywords)

        return call

    return make


def _second(place: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(first: Any, second: Any, *args: Any, **keywords: Any) -> Any:
            return original(first, place(second), *args, **keywords)

        return call

    return make
