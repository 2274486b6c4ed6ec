"""Writes reports to files, whole or not at all, and to stdout in UTF-8."""

import os
import sys
from pathlib import Path

from relume.errors import UsageError


def write(text: str, path: Path) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never a half.

    What is not a regular file (``/dev/stdout``, a pipe) is written to directly.
    """
    from relume.core.whole_file import whole_file  # core's nouns are not for `relume --help`

    data = text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes its JSON escape
    if path.exists() and not path.is_file():  # before resolving: a pipe's link leads to no name
        with path.open("wb") as stream:
            stream.write(data)
        return
    with whole_file(path.resolve()) as part:
        part.write_bytes(data)


def emit(text: str) -> None:
    """Write `text` and a newline to stdout in UTF-8, which JSON is by definition."""
    data = f"{text}\n".encode("utf-8", "backslashreplace")
    raw = getattr(sys.stdout, "buffer", None)
    sys.stdout.flush()
    if raw is None:
        sys.stdout.write(data.decode())
    else:
        raw.write(data)
    sys.stdout.flush()


def writable(path: Path) -> Path:
    """Return `path` made absolute, if a report can be written there.

    Raises:
        UsageError: it cannot; the message says why. Call it before anything runs.
    """
    target = path.absolute()
    if target.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: it is a folder; give a file in it.")
    if not target.parent.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}.")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise UsageError(f"cannot write {str(path)!r}: no permission; choose another place.")
    return target
