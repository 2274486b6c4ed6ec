"""Maps the paths of an arm to a layer of its own over the user's files, as overlayfs does.

A path that the arm writes, renames or removes is mapped below a scratch folder. The arm reads back
what it has written, does not find what it has removed, and reads everything else from the original.
The user's files stay unchanged, whatever an arm does in Python.

A path means what it means to the arm: relative to the arm's own current folder, which may exist in
the layer only, with the links that the arm sees. Processes share the layer and what was removed
(`RemovedPaths`).

Mapped: `open` in every mode and `os.open` (so `pathlib`, `numpy.save`, `zipfile`, `logging`,
TensorBoard), making, renaming, copying and removing files and folders, `torch.save`, safetensors,
`sqlite3.connect`. Not mapped: what another program or another C extension opens by itself, sockets
and databases elsewhere, and caches (`~/.cache`, torch's compiler), which all arms share.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from relume.trial.runner.removed_paths import RemovedPaths

_DEVICES = ("/dev", "/proc", "/sys")
_MOST_LINKS = 40  # after so many a path is a loop, as in Linux (path_resolution(7))
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
        self.shared = tuple(os.path.realpath(each) for each in shared)
        self._untouched = (self.top, *self.shared, *_DEVICES)
        self._removed = RemovedPaths(os.path.join(self.top, "removed"))  # noqa: PTH118
        self._lstat, self._getcwd = os.lstat, os.getcwd
        self._readlink, self._symlink = os.readlink, os.symlink
        self._makedirs = _plain_makedirs(os.mkdir)
        self._copy, self.listdir = _plain_copy(open), os.listdir

    # ------------------------------------------------------------------ mapping

    def path_to_read(self, path: Any, *, follow: bool = True) -> Any:
        """Return the real path from which to read `path`; of a link itself without `follow`."""
        whole = self.absolute(path, follow=follow)
        if whole is None:
            return path
        above = self.layer_path(whole)
        if self._lexists(above):
            return above
        if self._removed.hides(whole):
            raise _missing(path)
        return whole if self._in_layer() else path

    def path_to_write(self, path: Any, *, keep: bool = True, follow: bool = True) -> Any:
        """Return the real path to write; with `keep` the original is copied up first.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        whole = self.absolute(path, follow=follow)
        if whole is None:
            return path
        folder = os.path.dirname(whole)  # noqa: PTH120
        if not self._is_there(folder):
            raise _missing(path)
        above = self.layer_path(whole)
        self._makedirs(os.path.dirname(above))  # noqa: PTH120
        if keep and not self._lexists(above) and not self._removed.hides(whole):
            self._copy_up(whole, above)
        self._removed.bring_back(whole)
        return above

    def _copy_up(self, whole: str, above: str) -> None:
        """Copy a file, or a folder with its content, from the original into the layer."""
        link = self._link_at(whole)
        if link is not None:
            self._symlink(link, above)
        elif self._is_file(whole):
            self._copy(whole, above)
        elif self._lexists(whole):
            self._makedirs(above)
            for name in self.listdir(whole):
                self._copy_up(os.path.join(whole, name), os.path.join(above, name))  # noqa: PTH118

    def hide(self, path: Any) -> None:
        """Hide the original at `path` from the arm."""
        whole = self.absolute(path, follow=False)
        if whole is not None:
            self._removed.remove(whole)

    def folder_to_make(self, path: Any) -> Any:
        """Return the real path at which to make the folder `path`."""
        whole = self.absolute(path, follow=False)
        if whole is not None and self._removed.hides(whole):
            self._removed.empty(whole)
        return self.path_to_write(path, keep=False, follow=False)

    def path_to_remove(self, path: Any) -> Any:
        """Hide the original; return the real path to remove, or None if only the original exists.

        Raises:
            FileNotFoundError: there is no such file.
        """
        whole = self.absolute(path, follow=False)
        if whole is None:
            return path
        if not self._is_there(whole):
            raise _missing(path)
        above = self.layer_path(whole)
        self._removed.remove(whole)
        return above if self._lexists(above) else None

    def exists(self, path: Any, *, follow: bool = True) -> bool:
        """Whether the path exists for the arm."""
        whole = self.absolute(path, follow=follow)
        return self._lexists(path) if whole is None else self._is_there(whole)

    def layer_path(self, whole: str) -> str:
        """Return the place of an absolute path in the layer."""
        return self.layer + whole

    def list_names(self, folder: str, listdir: Any) -> list[str]:
        """Return the names that a folder has for the arm."""
        layer = self.layer_path(folder)
        names = dict.fromkeys(listdir(layer) if self._lexists(layer) else ())
        if self._removed.shows_inside(folder) and self._lexists(folder):
            hidden = self._removed.names_in(folder)
            names.update(dict.fromkeys(name for name in listdir(folder) if name not in hidden))
        return list(names)

    def is_changed(self, folder: str) -> bool:
        """Whether the folder differs from the original."""
        return self._lexists(self.layer_path(folder)) or bool(self._removed.names_in(folder))

    # ------------------------------------------------------------------ what a path means

    def current_folder(self) -> str:
        """Return the arm's current folder as the arm knows it, be it in the layer or not."""
        return self.as_seen(self._getcwd())

    def as_seen(self, path: str) -> str:
        """Return the path that the arm has for a real path."""
        if not path.startswith(self.layer + os.sep):
            return path
        return path[len(self.layer) :]

    def absolute(self, path: Any, *, follow: bool = True) -> str | None:
        """Return the arm's absolute path without links; None for what the overlay leaves alone.

        Args:
            path: as the arm gives it.
            follow: whether the last part is followed where it is a link.
        """
        if isinstance(path, int) or path is None:
            return None
        try:
            text = os.fsdecode(path)
        except TypeError:
            return None
        if not text or "\0" in text:
            return None  # the original function says what is wrong
        if not os.path.isabs(text):  # noqa: PTH117
            try:
                text = os.path.join(self.current_folder(), text)  # noqa: PTH118
            except FileNotFoundError:  # the current folder is gone
                return None
        whole = self._resolve(self.as_seen(text), follow=follow)
        return None if whole is None or self._is_untouched(whole) else whole

    def _resolve(self, text: str, *, follow: bool) -> str | None:
        """Follow the links of a path, part by part, as the arm sees them."""
        todo = _parts(text)[::-1]
        whole, links = os.sep, 0
        while todo:
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                whole = os.path.dirname(whole)  # noqa: PTH120
                continue
            whole = os.path.join(whole, part)  # noqa: PTH118
            if self._is_untouched(whole):
                return None
            target = self._link_at(whole) if todo or follow else None
            if target is None:
                continue
            links += 1
            if links > _MOST_LINKS:
                return whole
            target = self.as_seen(target)
            whole = os.sep if os.path.isabs(target) else os.path.dirname(whole)  # noqa: PTH117, PTH120
            todo.extend(_parts(target)[::-1])
        return whole

    def _link_at(self, whole: str) -> str | None:
        """Return where a link leads that the arm sees at this place; None for anything else."""
        for place in (self.layer_path(whole), whole):
            if self._lexists(place) and (place != whole or not self._removed.hides(whole)):
                try:
                    return self._readlink(place)
                except OSError:  # no link
                    return None
        return None

    def _in_layer(self) -> bool:
        """Whether the process stands in the layer, so that its relative paths are no real ones."""
        try:
            return self._getcwd().startswith(self.layer)
        except FileNotFoundError:
            return False

    def _is_untouched(self, whole: str) -> bool:
        return any(whole == top or whole.startswith(top + os.sep) for top in self._untouched)

    def _is_there(self, whole: str) -> bool:
        if self._lexists(self.layer_path(whole)):
            return True
        return not self._removed.hides(whole) and self._lexists(whole)

    def _lexists(self, path: Any) -> bool:
        try:
            self._lstat(path)
        except (OSError, ValueError):
            return False
        return True

    def _is_file(self, path: str) -> bool:
        try:
            return (self._lstat(path).st_mode & 0o170000) == 0o100000
        except (OSError, ValueError):
            return False


def _parts(path: str) -> list[str]:
    return [part for part in path.split(os.sep) if part]  # noqa: PTH206  (.. is kept)


def _missing(path: Any) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


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
