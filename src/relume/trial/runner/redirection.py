"""Calls file functions with the paths that an overlay has for theirs."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

from relume.trial.runner.path_overlay import WRITING, Overlay


class Redirection:
    """Calls file functions with the paths that an overlay has for theirs.

    Each method gets the original function and the arguments of the call.
    """

    def __init__(self, overlay: Overlay) -> None:
        self.overlay = overlay
        self.readable = overlay.path_to_read

    def file(self, file: Any, mode: str) -> Any:
        """Return the real path of a file that is opened in a mode of `open`."""
        if not set(mode) & set("wax+"):
            return self.readable(file)
        if "x" in mode:
            self._refuse_existing(file)
        if "r" in mode and not isinstance(file, int) and not self.overlay.exists(file):
            raise FileNotFoundError(2, os.strerror(2), str(file))
        return self.overlay.path_to_write(file, keep="w" not in mode)

    def open(self, original: Any, file: Any, mode: str = "r", *args: Any, **keywords: Any) -> Any:
        """`open`: by its mode."""
        return original(self.file(file, mode), mode, *args, **keywords)

    def file_io(self, original: type[io.FileIO]) -> type[io.FileIO]:
        """Return `io.FileIO` for the arm: a class, of which every raw file is an instance."""
        place = self.file

        class OfAllFiles(type(original)):
            def __instancecheck__(cls, instance: object) -> bool:
                return isinstance(instance, original)

        class FileIO(original, metaclass=OfAllFiles):
            def __init__(self, file: Any, mode: str = "r", *args: Any, **keywords: Any) -> None:
                super().__init__(place(file, mode), mode, *args, **keywords)

        return FileIO

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
        follow = keywords.get("follow_symlinks", True)
        return original(self.overlay.path_to_read(path, follow=follow), *args, **keywords)

    def read_link(self, original: Any, path: Any, *args: Any, **keywords: Any) -> Any:
        """Read what the arm sees at a path, of a link itself."""
        return original(self.overlay.path_to_read(path, follow=False), *args, **keywords)

    def access(self, original: Any, path: Any, *args: Any, **keywords: Any) -> bool:
        """`os.access`: nobody may use what the arm has removed."""
        with suppress(FileNotFoundError):
            return original(self.readable(path), *args, **keywords)
        return False

    def current_folder(self, original: Any) -> Any:
        """`os.getcwd` and `os.getcwdb`: the arm's name of the folder that it is in."""
        found = original()
        if isinstance(found, bytes):
            return os.fsencode(self.overlay.as_seen(os.fsdecode(found)))
        return self.overlay.as_seen(found)

    def change(self, original: Any, path: Any, *args: Any, **keywords: Any) -> Any:
        """Change a copy of the original in place."""
        follow = keywords.get("follow_symlinks", True)
        if self.overlay.exists(path, follow=follow):
            path = self.overlay.path_to_write(path, follow=follow)
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
        there = self.overlay.exists(src, follow=False)
        source = self.overlay.path_to_write(src, follow=False) if there else src
        original(source, self.overlay.path_to_write(dst, keep=False, follow=False))
        self.overlay.hide(src)

    def symlink(self, original: Any, src: Any, dst: Any, *args: Any, **keywords: Any) -> None:
        """`os.symlink`: the link is made in the layer, and leads where the arm says."""
        self._refuse_existing(dst)
        place = self.overlay.path_to_write(dst, keep=False, follow=False)
        original(src, place, *args, **keywords)

    def hard_link(self, original: Any, src: Any, dst: Any, *args: Any, **keywords: Any) -> None:
        """`os.link`: a second name of a copy, as the original must not be written by it."""
        self._refuse_existing(dst)
        source = self.overlay.path_to_write(src) if self.overlay.exists(src) else src
        place = self.overlay.path_to_write(dst, keep=False, follow=False)
        original(source, place, *args, **keywords)

    def make(self, original: Any, path: Any, *args: Any, **keywords: Any) -> None:
        """`os.mkfifo` and `os.mknod`, in the layer."""
        self._refuse_existing(path)
        original(self.overlay.path_to_write(path, keep=False, follow=False), *args, **keywords)

    def mkdir(self, original: Any, path: Any, mode: int = 0o777) -> None:
        """`os.mkdir`, in the layer."""
        self._refuse_existing(path)
        original(self.overlay.folder_to_make(path), mode)

    def listdir(self, original: Any, path: Any = None) -> list[Any]:
        """`os.listdir`: the names in the layer and in the original."""
        whole = self._changed_folder(path)
        if whole is None:
            return original(self.readable("." if path is None else path))
        return self.overlay.list_names(whole, original)

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
        shown = os.fspath("." if path is None else path)
        return _Entries(_Entry(entry, shown) for entry in entries.values())

    def first(self, place: Any, original: Any, *args: Any, **keywords: Any) -> Any:
        """Map the first argument by `place` if it is a path: it may be an open file too."""
        if args and isinstance(args[0], str | os.PathLike) and args[0] != ":memory:":
            args = (str(place(args[0])), *args[1:])
        return original(*args, **keywords)

    def second(self, original: Any, data: Any, path: Any, *args: Any, **keywords: Any) -> Any:
        """Write the second argument's file in the layer; it may be an open file too."""
        if isinstance(path, str | os.PathLike):
            path = str(self.overlay.path_to_write(path))
        return original(data, path, *args, **keywords)

    def _refuse_existing(self, path: Any) -> None:
        if self.overlay.exists(path, follow=False):
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


class _Entry:
    """An `os.DirEntry` whose path is the arm's.

    Args:
        entry: the real one.
        folder: as the arm gave it to `os.scandir`.
    """

    def __init__(self, entry: "os.DirEntry[str]", folder: str) -> None:
        self._entry = entry
        self.name = entry.name
        self.path = os.path.join(folder, entry.name)  # noqa: PTH118

    def __fspath__(self) -> str:
        return self.path

    def __getattr__(self, name: str) -> Any:  # stat, inode, is_dir, is_file, is_symlink
        return getattr(self._entry, name)


class _Entries(ExitStack):
    """The entries of a folder as `os.scandir` returns them: an iterator and a context."""

    def __init__(self, entries: Iterable[Any]) -> None:
        super().__init__()
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)


def by_folder_handle(original: Callable[..., Any], redirect: Callable[..., Any]) -> Any:
    """Return the function that calls `redirect` with the original.

    A path relative to an open folder (`dir_fd`) becomes one relative to the folder's name. Where
    the system does not tell the name, the original is called as it is.
    """
    read_link = os.readlink

    def call(*args: Any, **keywords: Any) -> Any:
        relative = {name: keywords.pop(name) for name in _FOLDERS if name in keywords}
        paths = list(args)
        for name, handle in relative.items():
            at = _FOLDERS[name]
            if handle is None or at >= len(paths):
                continue
            try:
                folder = read_link(f"/proc/self/fd/{handle}")
            except OSError:
                return original(*args, **keywords, **relative)
            paths[at] = os.path.join(folder, os.fsdecode(paths[at]))  # noqa: PTH118
        return redirect(original, *paths, **keywords)

    return call


_FOLDERS = {"dir_fd": 0, "src_dir_fd": 0, "dst_dir_fd": 1}
"""Keywords that name an open folder, and the place of the path that is relative to it."""
