"""Patches Python's file functions so that one arm writes into an `Overlay`.

`patched_functions` is the table: each function, and the method of `Redirection` that maps its
paths and calls the original. Python processes that the arm starts enter the same layer: the
environment names it, and `relume.startup.sitecustomize` calls `enter` in them.
"""

import builtins
import bz2
import io
import json
import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from relume.trial.runner.path_overlay import Overlay
from relume.trial.runner.redirection import Redirection, by_folder_handle

LAYER = "RELUME_LAYER"  # JSON: the scratch folder, and the folders that are shared


@contextmanager
def sandboxed(scratch: Path, *shared: Path) -> Generator[Overlay]:
    """Redirect all writes and temporary files to `scratch`, apart from the folders `shared`."""
    real = tempfile.gettempdir()
    user = os.environ.get("USER", "user")
    compiled = os.environ.get("TORCHINDUCTOR_CACHE_DIR") or f"{real}/torchinductor_{user}"
    own = scratch / "tmp"
    own.mkdir(parents=True, exist_ok=True)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    overlay = Overlay(scratch, (compiled, cache, *map(str, shared)))
    above = os.environ.get("PYTHONPATH")
    for_children = str(Path(__file__).parents[2] / "startup")
    variables = {
        "TMPDIR": str(own),
        "TORCHINDUCTOR_CACHE_DIR": compiled,
        LAYER: json.dumps([overlay.top, *overlay.shared]),
        "PYTHONPATH": for_children + (os.pathsep + above if above else ""),
    }
    with ExitStack() as stack:
        stack.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
        tempfile.tempdir = str(own)
        for name, value in variables.items():
            stack.callback(_set_variable, name, os.environ.get(name))
            os.environ[name] = value
        stack.enter_context(_redirected(overlay))
        yield overlay


def enter(layer: str) -> Callable[[], None]:
    """Let this process, which an arm has started, write into the arm's layer until it ends.

    Args:
        layer: the value of the variable `LAYER`.

    Returns:
        What redirects torch's own functions, to be called once torch has been imported.
    """
    scratch, *shared = json.loads(layer)
    overlay = Overlay(Path(scratch), tuple(shared))
    _lasting.enter_context(_redirected(overlay))
    return lambda: _patch(_lasting, _torch_functions(Redirection(overlay)))


_lasting = ExitStack()


@contextmanager
def _redirected(overlay: Overlay) -> Generator[None]:
    with ExitStack() as stack:
        to = Redirection(overlay)
        _patch(stack, [*patched_functions(to), *_torch_functions(to)])
        raw = io.FileIO
        stack.callback(setattr, io, "FileIO", raw)
        io.FileIO = to.file_io(raw)  # type: ignore[misc]
        yield


def _patch(stack: ExitStack, table: "list[Row]") -> None:
    for owner, names, redirect in table:
        for name in names.split():
            original = getattr(owner, name, None)
            if original is not None:
                stack.callback(setattr, owner, name, original)
                setattr(owner, name, by_folder_handle(original, redirect))


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


Row = tuple[Any, str, Callable[..., Any]]
"""An owner, names of functions that it may have, and what stands for each."""


def patched_functions(to: Redirection) -> list[Row]:
    """Return Python's functions that take paths, and what stands for each."""
    return [
        (builtins, "open", to.open),
        (io, "open", to.open),
        (tarfile, "bltn_open", to.open),  # both modules keep a name of their own for it
        (bz2, "_builtin_open", to.open),
        (os, "open", to.os_open),
        (os, "getcwd getcwdb", to.current_folder),
        (os, "stat chdir listxattr getxattr statvfs pathconf", to.read),
        (os, "lstat readlink", to.read_link),
        (os, "access", to.access),
        (os, "chmod chown utime truncate setxattr removexattr chflags", to.change),
        (os, "remove unlink rmdir", to.remove),
        (os, "rename replace", to.move),
        (os, "symlink", to.symlink),
        (os, "link", to.hard_link),
        (os, "mkfifo mknod", to.make),
        (os, "mkdir", to.mkdir),
        (os, "listdir", to.listdir),
        (os, "scandir", to.scandir),
        (shutil, "rmtree", to.rmtree),
        (sqlite3, "connect", partial(to.first, to.overlay.path_to_write)),
    ]


def _torch_functions(to: Redirection) -> list[Row]:
    """Return what opens files in C++ and Rust, of torch and safetensors as far as imported."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return []
    from relume.instrument.private_names import FILE_READER, FILE_WRITER

    new_file = partial(to.first, partial(to.overlay.path_to_write, keep=False))
    changed, read = partial(to.first, to.overlay.path_to_write), partial(to.first, to.readable)
    table: list[Row] = [
        (*FILE_WRITER, new_file),
        (*FILE_READER, read),
        (torch, "load", read),  # mmap=True passes the name to C++
        (torch, "from_file", changed),
        (torch.jit, "save", to.second),
        (torch.jit, "load", read),
        (torch.jit.RecursiveScriptModule, "save", to.second),
    ]
    with suppress(ImportError):
        import safetensors.numpy
        import safetensors.torch

        for module in (safetensors, safetensors.torch, safetensors.numpy):
            table += [(module, "serialize_file", to.second), (module, "safe_open", read)]
    return table
