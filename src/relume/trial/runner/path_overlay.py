"""An arm's own layer over the file system: it reads the user's files and writes beside them.

A path that is written, renamed or removed is mapped below a scratch folder; what an arm has
written it reads back, what it has removed is gone for it, and everything else falls through to
the original. The user's files are as they were, whatever an arm does in Python.

Mapped: `open` in every mode and `os.open` (so `pathlib`, `numpy.save`, `zipfile`, `logging`,
TensorBoard), making, renaming, copying and removing files and folders, `torch.save`, safetensors,
`sqlite3.connect`. Not mapped: what a subprocess or another C extension opens by itself, sockets
and databases elsewhere, and caches (`~/.cache`, torch's compiler), which are meant to be shared.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

_DEVICES = ("/dev", "/proc", "/sys")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Overlay:
    """Where paths lead.

    Args:
        scratch: the folder of the layer; paths in it are left alone.
        shared: folders that are left alone too.
    """

    def __init__(self, scratch: Path, shared: tuple[str, ...] = ()) -> None:
        self.top = os.path.realpath(scratch)
        self.layer = os.path.join(self.top, "files")  # noqa: PTH118  (Path.stat will be ours)
        self._free = (self.top, *(os.path.realpath(each) for each in shared), *_DEVICES)
        self._gone: set[str] = set()  # removed by the arm
        self._anew: set[str] = set()  # folders removed and made again: nothing shines through
        self._stat, self._lstat, self._makedirs = os.stat, os.lstat, _plain_makedirs(os.mkdir)
        self._copy, self.listed = _plain_copy(open), os.listdir

    # ------------------------------------------------------------------ where a path leads

    def reads(self, path: Any) -> Any:
        """Where to read `path`."""
        whole = self._whole(path)
        if whole is None:
            return path
        above = self.above(whole)
        if self._there(above):
            return above
        if self._is_gone(whole):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return path

    def writes(self, path: Any, *, keep: bool = True) -> Any:
        """Where to write `path`; with `keep` what stands there is copied up first.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        whole = self._whole(path)
        if whole is None:
            return path
        folder = os.path.dirname(whole)  # noqa: PTH120
        if not self.exists(folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        above = self.above(whole)
        self._makedirs(os.path.dirname(above))  # noqa: PTH120
        if keep and not self._there(above) and not self._is_gone(whole):
            self._lift(whole, above)
        self._gone.discard(whole)
        return above

    def _lift(self, whole: str, above: str) -> None:
        """Copy a file, or a folder with all that is in it, from below into the layer."""
        if self._is_file(whole):
            self._copy(whole, above)
        elif self._there(whole):
            self._makedirs(above)
            for name in self.listed(whole):
                self._lift(os.path.join(whole, name), os.path.join(above, name))  # noqa: PTH118

    def hides(self, path: Any) -> None:
        """From now on the original at `path` is gone for the arm."""
        whole = self._whole(path)
        if whole is not None:
            self._gone.add(whole)

    def makes(self, path: Any) -> Any:
        """Where to make the folder `path`."""
        whole = self._whole(path)
        if whole is not None and self._is_gone(whole):
            self._anew.add(whole)
        return self.writes(path, keep=False)

    def removes(self, path: Any) -> Any:
        """The real path to remove, or None where only the original is to be hidden.

        Raises:
            FileNotFoundError: there is no such file.
        """
        whole = self._whole(path)
        if whole is None:
            return path
        if not self.exists(whole):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        above = self.above(whole)
        self._gone.add(whole)
        return above if self._there(above) else None

    def exists(self, path: Any) -> bool:
        """Whether the arm sees something there."""
        try:
            return self._there(self.reads(path))
        except FileNotFoundError:
            return False

    def above(self, whole: str) -> str:
        """The place of an absolute path in the layer."""
        drive, rest = os.path.splitdrive(whole)
        return os.path.join(self.layer, drive.strip(":\\/"), rest.lstrip("\\/"))  # noqa: PTH118

    def hidden(self, folder: str) -> set[str]:
        """Names in `folder` that the arm has removed."""
        return {
            os.path.basename(path)  # noqa: PTH119
            for path in self._gone
            if os.path.dirname(path) == folder  # noqa: PTH120
        }

    def whole(self, path: Any) -> str | None:
        """The absolute path; None for what is left alone."""
        return self._whole(path)

    def names(self, folder: str, listed: Any) -> list[str]:
        """What the arm sees in a folder."""
        found = dict.fromkeys(listed(self.above(folder)) if self._there(self.above(folder)) else ())
        if not self._is_gone(folder) and folder not in self._anew and self._there(folder):
            hidden = self.hidden(folder)
            found.update(dict.fromkeys(name for name in listed(folder) if name not in hidden))
        return list(found)

    def touched(self, folder: str) -> bool:
        """Whether the folder is not simply the original."""
        return self._there(self.above(folder)) or bool(self.hidden(folder))

    def _whole(self, path: Any) -> str | None:
        if isinstance(path, int) or path is None:
            return None
        try:
            text = os.fsdecode(path)
        except TypeError:
            return None
        whole = os.path.abspath(text)  # noqa: PTH100
        if whole.startswith(self.layer + os.sep):  # it was found in the layer: as if below
            return None
        free = any(whole == top or whole.startswith(top + os.sep) for top in self._free)
        return None if free else whole

    def _is_gone(self, whole: str) -> bool:
        if whole in self._gone:
            return True
        while True:
            above = os.path.dirname(whole)  # noqa: PTH120
            if above == whole:
                return False
            if above in self._gone or above in self._anew:
                return True
            whole = above

    def _there(self, path: Any) -> bool:
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
    """`os.makedirs(exist_ok=True)` on the `mkdir` of now."""

    def makedirs(path: str) -> None:
        try:
            mkdir(path)
        except FileExistsError:
            return
        except FileNotFoundError:
            makedirs(os.path.dirname(path))  # noqa: PTH120
            mkdir(path)

    return makedirs


def _plain_copy(opened: Any) -> Any:
    def copy(source: str, target: str) -> None:
        with opened(source, "rb") as old, opened(target, "wb") as new:
            shutil.copyfileobj(old, new)

    return copy
