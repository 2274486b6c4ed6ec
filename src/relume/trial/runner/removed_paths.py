"""What an arm has removed from the user's folders, known to every process of the arm."""

import os


class RemovedPaths:
    """Originals that an arm does not see any more, kept in a file that its processes share.

    Each entry of the file is a sign, an absolute path and a zero byte, which no path has. Signs:
    `-` it was removed, `+` it is there again, `0` it was made again as an empty folder, so what
    the original holds is hidden.

    Args:
        file: absolute path of the file, which need not exist.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._read_to = 0
        self._removed: set[str] = set()
        self._emptied: set[str] = set()
        self._open, self._read, self._write = os.open, os.read, os.write
        self._stat, self._close, self._seek = os.stat, os.close, os.lseek

    def remove(self, whole: str) -> None:
        """Hide the original at this path."""
        self._note("-", whole)

    def bring_back(self, whole: str) -> None:
        """Something stands at this path again."""
        if whole in self._known():
            self._note("+", whole)

    def empty(self, whole: str) -> None:
        """A folder stands at this path again, without what the original holds."""
        self._note("0", whole)

    def hides(self, whole: str) -> bool:
        """Whether the original at this path is hidden, by itself or with a folder above it."""
        known = self._known()
        if not known and not self._emptied:
            return False
        if whole in known:
            return True
        while (above := os.path.dirname(whole)) != whole:  # noqa: PTH120
            if above in known or above in self._emptied:
                return True
            whole = above
        return False

    def shows_inside(self, folder: str) -> bool:
        """Whether what the original folder holds is seen."""
        return not self.hides(folder) and folder not in self._emptied

    def names_in(self, folder: str) -> set[str]:
        """Return the names in a folder that were removed one by one."""
        known = self._known()
        return {os.path.basename(each) for each in known if os.path.dirname(each) == folder}  # noqa: PTH119, PTH120

    def _note(self, sign: str, whole: str) -> None:
        entry = f"{sign}{whole}\0".encode("utf-8", "surrogateescape")
        file = self._open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._write(file, entry)
        finally:
            self._close(file)

    def _known(self) -> set[str]:
        """Return the removed paths, with what other processes have added since."""
        try:
            size = self._stat(self._file).st_size
        except OSError:
            return self._removed
        if size > self._read_to:
            file = self._open(self._file, os.O_RDONLY)
            try:
                self._seek(file, self._read_to, os.SEEK_SET)
                text = self._read(file, size - self._read_to)
            finally:
                self._close(file)
            *entries, begun = text.split(b"\0")  # another process may be writing the last one
            self._read_to += len(text) - len(begun)
            for entry in entries:
                each = entry.decode("utf-8", "surrogateescape")
                self._apply(each[:1], each[1:])
        return self._removed

    def _apply(self, sign: str, whole: str) -> None:
        if sign == "-":
            self._removed.add(whole)
        else:
            self._removed.discard(whole)
        if sign == "0":
            self._emptied.add(whole)
