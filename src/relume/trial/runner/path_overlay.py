"""Maps the paths of an arm to a layer of its own over the user's files, as overlayfs does.

A path that the arm writes, renames or removes is mapped below a scratch folder. The arm reads back
what it has written, does not find what it has removed, and reads everything else from the original.
The user's files stay unchanged, whatever an arm does in Python.

Mapped: `open` in every mode and `os.open` (so `pathlib`, `numpy.save`, `zipfile`, `logging`,
TensorBoard), making, renaming, copying and removing files and folders, `torch.save`, safetensors,
`sqlite3.connect`. Not mapped: what a subprocess or another C extension opens by itself, sockets
and databases elsewhere, and caches (`~/.cache`, torch's compiler), which all arms share.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

_DEVICES = ("/dev", "/proc", "/sys")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Overlay:
    """Maps paths to the layer or to the original.

    Args:
        scratch: the folder of the layer; paths in it are not mapped.
        shared: folders that are not mapped either.
    """

    def __init__(self, scratch: Path, shared: tuple[str, ...] = ()) -> None:
        self.top = os.path.realpath(scratch)
        self.layer = os.path.join(self.top, "files")  # noqa: PTH118  (Path.stat gets patched)
        self._untouched = (self.top, *(os.path.realpath(each) for each in shared), *_DEVICES)
        self._removed: set[str] = set()  # removed by the arm
        self._opaque: set[str] = set()  # folders removed and made again: the original is hidden
        self._stat, self._lstat, self._makedirs = os.stat, os.lstat, _plain_makedirs(os.mkdir)
        self._copy, self.listdir = _plain_copy(open), os.listdir

    # ------------------------------------------------------------------ mapping

    def path_to_read(self, path: Any) -> Any:
        """Return the real path from which to read `path`."""
        whole = self.absolute(path)
        if whole is None:
            return path
        above = self.layer_path(whole)
        if self._lexists(above):
            return above
        if self._is_removed(whole):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return path

    def path_to_write(self, path: Any, *, keep: bool = True) -> Any:
        """Return the real path to write; with `keep` the original is copied up first.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        whole = self.absolute(path)
        if whole is None:
            return path
        folder = os.path.dirname(whole)  # noqa: PTH120
        if not self.exists(folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        above = self.layer_path(whole)
        self._makedirs(os.path.dirname(above))  # noqa: PTH120
        if keep and not self._lexists(above) and not self._is_removed(whole):
            self._copy_up(whole, above)
        self._removed.discard(whole)
        return above

    def _copy_up(self, whole: str, above: str) -> None:
        """Copy a file, or a folder with its content, from the original into the layer."""
        if self._is_file(whole):
            self._copy(whole, above)
        elif self._lexists(whole):
            self._makedirs(above)
            for name in self.listdir(whole):
                self._copy_up(os.path.join(whole, name), os.path.join(above, name))  # noqa: PTH118

    def hide(self, path: Any) -> None:
        """Hide the original at `path` from the arm."""
        whole = self.absolute(path)
        if whole is not None:
            self._removed.add(whole)

    def folder_to_make(self, path: Any) -> Any:
        """Return the real path at which to make the folder `path`."""
        whole = self.absolute(path)
        if whole is not None and self._is_removed(whole):
            self._opaque.add(whole)
        return self.path_to_write(path, keep=False)

    def path_to_remove(self, path: Any) -> Any:
        """Hide the original; return the real path to remove, or None if only the original exists.

        Raises:
            FileNotFoundError: there is no such file.
        """
        whole = self.absolute(path)
        if whole is None:
            return path
        if not self.exists(whole):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        above = self.layer_path(whole)
        self._removed.add(whole)
        return above if self._lexists(above) else None

    def exists(self, path: Any) -> bool:
        """Whether the path exists for the arm."""
        try:
            return self._lexists(self.path_to_read(path))
        except FileNotFoundError:
            return False

    def layer_path(self, whole: str) -> str:
        """Return the place of an absolute path in the layer."""
        drive, rest = os.path.splitdrive(whole)
        return os.path.join(self.layer, drive.strip(":\\/"), rest.lstrip("\\/"))  # noqa: PTH118

    def hidden(self, folder: str) -> set[str]:
        """Return the names in `folder` that the arm has removed."""
        return {
            os.path.basename(path)  # noqa: PTH119
            for path in self._removed
            if os.path.dirname(path) == folder  # noqa: PTH120
        }

    def list_names(self, folder: str, listdir: Any) -> list[str]:
        """Return the names that a folder has for the arm."""
        layer = self.layer_path(folder)
        names = dict.fromkeys(listdir(layer) if self._lexists(layer) else ())
        if not self._is_removed(folder) and folder not in self._opaque and self._lexists(folder):
            hidden = self.hidden(folder)
            names.update(dict.fromkeys(name for name in listdir(folder) if name not in hidden))
        return list(names)

    def is_changed(self, folder: str) -> bool:
        """Whether the folder differs from the original."""
        return self._lexists(self.layer_path(folder)) or bool(self.hidden(folder))

    def absolute(self, path: Any) -> str | None:
        """Return the absolute path; None for what the overlay leaves alone."""
        if isinstance(path, int) or path is None:
            return None
        try:
            text = os.fsdecode(path)
        except TypeError:
            return None
        whole = os.path.abspath(text)  # noqa: PTH100
        if whole.startswith(self.layer + os.sep):  # a path in the layer itself
            return None
        untouched = any(whole == top or whole.startswith(top + os.sep) for top in self._untouched)
        return None if untouched else whole

    def _is_removed(self, whole: str) -> bool:
        if whole in self._removed:
            return True
        while True:
            above = os.path.dirname(whole)  # noqa: PTH120
            if above == whole:
                return False
            if above in self._removed or above in self._opaque:
                return True
            whole = above

    def _lexists(self, path: Any) -> bool:
        try:
            self._lstat(path)
        except (OSError, ValueError):
            return False
        return True

    def _is_file(self, path: str) -> bool:
        try:
            return (self._stat(path).st_mode & 0o170000) == 0o100000
        except (OSError, ValueError):
            return False


def _plain_makedirs(mkdir: Any) -> Any:
    """Make an `os.makedirs(exist_ok=True)` on the unpatched `mkdir`."""

    def makedirs(path: str) -> None:
        try:
            mkdir(path)
        except FileExistsError:
            return
        except FileNotFoundError:
            makedirs(os.path.dirname(path))  # noqa: PTH120
            mkdir(path)

    return makedirs


def _plain_copy(open_: Any) -> Any:
    def copy(source: str, target: str) -> None:
        with open_(source, "rb") as old, open_(target, "wb") as new:
            shutil.copyfileobj(old, new)

    return copy
