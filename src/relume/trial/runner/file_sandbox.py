"""Patches Python's file functions so that one arm writes into an `Overlay`.

Longer than other files: one small wrapper for each kind of function, best read side by side.
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

from relume.instrument.monkeypatch import Patch, patched
from relume.trial.runner.path_overlay import WRITING, Overlay


@contextmanager
def sandboxed(scratch: Path, *shared: Path) -> Generator[Overlay]:
    """Redirect all writes and temporary files to `scratch`, apart from the folders `shared`."""
    real = tempfile.gettempdir()
    user = os.environ.get("USER", "user")
    compiled = os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", f"{real}/torchinductor_{user}")
    own = scratch / "tmp"
    own.mkdir(parents=True, exist_ok=True)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    overlay = Overlay(scratch, (compiled, cache, *map(str, shared)))
    with ExitStack() as stack:
        before = tempfile.tempdir, os.environ.get("TMPDIR")
        stack.callback(_set_temporary_folder, *before)
        _set_temporary_folder(str(own), str(own))
        stack.enter_context(patched(_patched_functions(overlay)))
        yield overlay


def _set_temporary_folder(folder: str | None, variable: str | None) -> None:
    tempfile.tempdir = folder
    if variable is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = variable


def _patched_functions(overlay: Overlay) -> list[Patch]:
    open_ = _open(overlay)
    patches: list[Patch] = [(builtins, "open", open_), (io, "open", open_)]
    patches += [(os, "open", _os_open(overlay))]
    patches += [(os, name, _reader(overlay)) for name in ("stat", "lstat", "access", "chdir")]
    attributes = [name for name in ("listxattr", "getxattr", "readlink") if hasattr(os, name)]
    patches += [(os, name, _reader(overlay)) for name in attributes]
    changes = ("chmod", "utime", "truncate", "setxattr")
    patches += [(os, name, _changer(overlay)) for name in changes if hasattr(os, name)]
    patches += [(os, name, _remover(overlay)) for name in ("remove", "unlink", "rmdir")]
    patches += [(os, name, _mover(overlay)) for name in ("rename", "replace")]
    patches += [(os, name, _linker(overlay)) for name in ("symlink", "link") if hasattr(os, name)]
    patches += [
        (os, "mkdir", _maker(overlay)),
        (os, "listdir", _lister(overlay)),
        (os, "scandir", _scanner(overlay)),
        (shutil, "rmtree", _tree_remover(overlay)),
        (sqlite3, "connect", _first(overlay.path_to_write)),
    ]
    return patches + _of_torch(overlay)


def _of_torch(overlay: Overlay) -> list[Patch]:
    """Patch the functions with which torch and safetensors open files in C++ and Rust."""
    patches: list[Patch] = []
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        from relume.instrument.private_names import FILE_READER, FILE_WRITER

        patches += [
            (*FILE_WRITER, _first(lambda path: overlay.path_to_write(path, keep=False))),
            (*FILE_READER, _first(overlay.path_to_read)),
            (torch, "load", _first(overlay.path_to_read)),  # mmap=True passes the name to C++
        ]
    try:
        import safetensors.numpy
        import safetensors.torch as tensors
    except ImportError:
        return patches
    for module in (tensors, safetensors.numpy):
        if hasattr(module, "serialize_file"):
            patches.append((module, "serialize_file", _second(overlay.path_to_write)))
        if hasattr(module, "safe_open"):
            patches.append((module, "safe_open", _first(overlay.path_to_read)))
    patches.append((safetensors, "safe_open", _first(overlay.path_to_read)))
    return patches


def _open(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def open(file: Any, mode: str = "r", *args: Any, **keywords: Any) -> Any:
            if set(mode) & set("wax+"):
                if "x" in mode and overlay.exists(file):
                    raise FileExistsError(17, os.strerror(17), str(file))
                file = overlay.path_to_write(file, keep="w" not in mode)
            else:
                file = overlay.path_to_read(file)
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
                path = overlay.path_to_write(path, keep=not flags & os.O_TRUNC)
            else:
                path = overlay.path_to_read(path)
            return original(path, flags, mode)

        return open

    return make


def _mapped(place: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Map the first argument by `place`, unless it is relative to an open folder."""

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
                    path = overlay.path_to_read(path)
                except FileNotFoundError:
                    if original.__name__ == "access":
                        return False
                    raise
            return original(path, *args, **keywords)

        return call

    return make


def _changer(overlay: Overlay) -> Callable[[Any], Any]:
    return _mapped(lambda path: overlay.path_to_write(path) if overlay.exists(path) else path)


def _remover(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any, *, dir_fd: Any = None) -> None:
            if dir_fd is not None:
                return original(path, dir_fd=dir_fd)
            real = overlay.path_to_remove(path)
            return None if real is None else original(real)

        return call

    return make


def _mover(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(src: Any, dst: Any, **keywords: Any) -> None:
            if keywords.get("src_dir_fd") is not None or keywords.get("dst_dir_fd") is not None:
                return original(src, dst, **keywords)
            source = (
                overlay.path_to_write(src) if overlay.exists(src) else src
            )  # a copy of an original
            target = overlay.path_to_write(dst, keep=False)
            original(source, target)
            return overlay.hide(src)

        return call

    return make


def _linker(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(src: Any, dst: Any, *args: Any, **keywords: Any) -> None:
            if keywords.get("dir_fd") is None and keywords.get("dst_dir_fd") is None:
                dst = overlay.path_to_write(dst, keep=False)
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
            return original(overlay.folder_to_make(path), mode)

        return call

    return make


def _lister(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any = None) -> list[Any]:
            where = "." if path is None else path
            whole = overlay.absolute(where)
            if whole is None or isinstance(path, bytes):
                return original(where)
            if not overlay.is_changed(whole):
                return original(where)
            overlay.path_to_read(whole)  # a folder that was removed is not listed
            return overlay.list_names(whole, original)

        return call

    return make


def _scanner(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def call(path: Any = None) -> Any:
            where = "." if path is None else path
            whole = overlay.absolute(where)
            if whole is None or isinstance(path, bytes) or not overlay.is_changed(whole):
                return original(where)
            overlay.path_to_read(whole)
            return _Entries(overlay, original, whole)

        return call

    return make


class _Entries:
    """The entries of `os.scandir` in a folder and its layer."""

    def __init__(self, overlay: Overlay, scan: Any, whole: str) -> None:
        wanted, entries = set(overlay.list_names(whole, overlay.listdir)), list[Any]()
        for folder in (overlay.layer_path(whole), whole):
            try:
                with scan(folder) as scanned:
                    listed = [entry for entry in scanned if entry.name in wanted]
            except (FileNotFoundError, NotADirectoryError):
                continue
            entries += listed
            wanted -= {entry.name for entry in listed}
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
        """Drop the entries that are left."""
        self._at = iter(())


def _tree_remover(overlay: Overlay) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def rmtree(path: Any, ignore_errors: bool = False, **keywords: Any) -> None:
            try:
                real = overlay.path_to_remove(path)
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
