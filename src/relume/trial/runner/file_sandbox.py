"""Patches Python's file functions so that one arm writes into an `Overlay`.

`patched_functions` is the table: each function, and the method of `Redirection` that maps its
paths and calls the original.
"""

import builtins
import io
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

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
        for owner, name, redirect in patched_functions(overlay):
            original = getattr(owner, name)
            setattr(owner, name, _wrapper(original, redirect))
            stack.callback(setattr, owner, name, original)
        yield overlay


def _set_temporary_folder(folder: str | None, variable: str | None) -> None:
    tempfile.tempdir = folder
    if variable is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = variable


def _wrapper(original: Any, redirect: Callable[..., Any]) -> Any:
    """Let `redirect` call the function, unless its path is relative to an open folder."""

    def call(*args: Any, **keywords: Any) -> Any:
        relative = {name: keywords.pop(name) for name in _FOLDERS if name in keywords}
        if any(folder is not None for folder in relative.values()):
            return original(*args, **keywords, **relative)
        return redirect(original, *args, **keywords)

    return call


_FOLDERS = ("dir_fd", "src_dir_fd", "dst_dir_fd")


def patched_functions(overlay: Overlay) -> list[tuple[Any, str, Callable[..., Any]]]:
    """Return the functions to patch that exist here: owner, name, and what stands for each."""
    to = Redirection(overlay)
    new_file = partial(to.first, partial(overlay.path_to_write, keep=False))
    database, first = partial(to.first, overlay.path_to_write), partial(to.first, to.readable)
    table: list[tuple[Any, str, Callable[..., Any]]] = [
        (builtins, "open", to.open),
        (io, "open", to.open),
        (os, "open", to.os_open),
        (os, "stat lstat chdir listxattr getxattr readlink", to.read),
        (os, "access", to.access),
        (os, "chmod utime truncate setxattr", to.change),
        (os, "remove unlink rmdir", to.remove),
        (os, "rename replace", to.move),
        (os, "symlink link", to.link),
        (os, "mkdir", to.mkdir),
        (os, "listdir", to.listdir),
        (os, "scandir", to.scandir),
        (shutil, "rmtree", to.rmtree),
        (sqlite3, "connect", database),
    ]
    # torch and safetensors open files in C++ and Rust
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        from relume.instrument.private_names import FILE_READER, FILE_WRITER

        table += [
            (FILE_WRITER[0], FILE_WRITER[1], new_file),
            (FILE_READER[0], FILE_READER[1], first),
            (torch, "load", first),  # mmap=True passes the name to C++
        ]
    with suppress(ImportError):
        import safetensors.numpy
        import safetensors.torch

        for module in (safetensors, safetensors.torch, safetensors.numpy):
            table += [(module, "serialize_file", to.second), (module, "safe_open", first)]
    return [
        (owner, name, redirect)
        for owner, names, redirect in table
        for name in names.split()
        if hasattr(owner, name)
    ]


class Redirection:
    """Calls file functions with the paths that an overlay has for theirs.

    Each method gets the original function and the arguments of the call.
    """

    def __init__(self, overlay: Overlay) -> None:
        self.overlay = overlay
        self.readable = overlay.path_to_read

    def open(self, original: Any, file: Any, mode: str = "r", *args: Any, **keywords: Any) -> Any:
        """`open`: by its mode."""
        if not set(mode) & set("wax+"):
            return original(self.readable(file), mode, *args, **keywords)
        if "x" in mode:
            self._refuse_existing(file)
        return original(
            self.overlay.path_to_write(file, keep="w" not in mode), mode, *args, **keywords
        )

    def os_open(self, original: Any, path: Any, flags: int, mode: int = 0o777) -> Any:
        """`os.open`: by its flags."""
        if not flags & WRITING:
            return original(self.readable(path), flags, mode)
        if not flags & os.O_CREAT and not self.overlay.exists(path):
            raise FileNotFoundError(2, os.strerror(2), str(path))
        if flags & os.O_EXCL:
            self._refuse_existing(path)
        path = self.overlay.path_to_write(path, keep=not flags & os.O_TRUNC)
        return original(path, flags, mode)

    def read(self, original: Any, path: Any = ".", *args: Any, **keywords: Any) -> Any:
        """Read what the arm sees at a path."""
        return original(self.readable(path), *args, **keywords)

    def access(self, original: Any, path: Any, *args: Any, **keywords: Any) -> bool:
        """`os.access`: nobody may use what the arm has removed."""
        with suppress(FileNotFoundError):
            return original(self.readable(path), *args, **keywords)
        return False

    def change(self, original: Any, path: Any, *args: Any, **keywords: Any) -> Any:
        """Change a copy of the original in place."""
        if self.overlay.exists(path):
            path = self.overlay.path_to_write(path)
        return original(path, *args, **keywords)

    def remove(self, original: Any, path: Any) -> None:
        """Remove what the arm wrote, and hide the original."""
        real = self.overlay.path_to_remove(path)
        if real is not None:
            original(real)

    def rmtree(
        self, original: Any, path: Any, ignore_errors: bool = False, **keywords: Any
    ) -> None:
        """`shutil.rmtree`: `remove`, of a folder with its content."""
        try:
            self.remove(partial(original, ignore_errors=ignore_errors, **keywords), path)
        except FileNotFoundError:
            if not ignore_errors:
                raise

    def move(self, original: Any, src: Any, dst: Any) -> None:
        """Move a copy of the original, and hide the original."""
        source = self.overlay.path_to_write(src) if self.overlay.exists(src) else src
        original(source, self.overlay.path_to_write(dst, keep=False))
        self.overlay.hide(src)

    def link(self, original: Any, src: Any, dst: Any, *args: Any, **keywords: Any) -> None:
        """Make a link in the layer."""
        original(src, self.overlay.path_to_write(dst, keep=False), *args, **keywords)

    def mkdir(self, original: Any, path: Any, mode: int = 0o777) -> None:
        """`os.mkdir`, in the layer."""
        self._refuse_existing(path)
        original(self.overlay.folder_to_make(path), mode)

    def listdir(self, original: Any, path: Any = None) -> list[Any]:
        """`os.listdir`: the names in the layer and in the original."""
        whole = self._changed_folder(path)
        return original(path) if whole is None else self.overlay.list_names(whole, original)

    def scandir(self, original: Any, path: Any = None) -> Any:
        """`os.scandir`: the entries in the layer, and those in the original for other names."""
        whole = self._changed_folder(path)
        if whole is None:
            return original(path)
        wanted = set(self.overlay.list_names(whole, self.overlay.listdir))
        entries: dict[str, Any] = {}
        for folder in (whole, self.overlay.layer_path(whole)):
            with suppress(FileNotFoundError, NotADirectoryError), original(folder) as scanned:
                entries |= {entry.name: entry for entry in scanned if entry.name in wanted}
        return _Entries(entries.values())

    def first(self, place: Any, original: Any, *args: Any, **keywords: Any) -> Any:
        """Map the first argument by `place` if it is a path: it may be an open file too."""
        if args and isinstance(args[0], str | os.PathLike) and args[0] != ":memory:":
            args = (str(place(args[0])), *args[1:])
        return original(*args, **keywords)

    def second(self, original: Any, data: Any, path: Any, *args: Any, **keywords: Any) -> Any:
        """Write the second argument's file in the layer."""
        return original(data, self.overlay.path_to_write(path), *args, **keywords)

    def _refuse_existing(self, path: Any) -> None:
        if self.overlay.exists(path):
            raise FileExistsError(17, os.strerror(17), str(path))

    def _changed_folder(self, path: Any) -> str | None:
        """Return the folder's absolute path if the arm changed it; one it removed is not listed."""
        whole = (
            None
            if isinstance(path, bytes)
            else self.overlay.absolute("." if path is None else path)
        )
        if whole is None or not self.overlay.is_changed(whole):
            return None
        self.readable(whole)
        return whole


class _Entries(ExitStack):
    """The entries of a folder as `os.scandir` returns them: an iterator and a context."""

    def __init__(self, entries: Iterable[Any]) -> None:
        super().__init__()
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)
