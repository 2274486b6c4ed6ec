"""Writes a patch into the user's files, and keeps what undoes it: `relume fix --undo`.

The record is one JSON file in the folder of run files, with every file before and after, so that
the undo restores each byte, and refuses where the file has changed since.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from relume.core.trial import SourceChange
from relume.errors import UsageError

RECORD = "fix-undo.json"


def write(changes: Sequence[SourceChange], root: Path, folder: Path) -> Path:
    """Write the changed files below `root`, and the record into `folder`; return its path.

    Raises:
        UsageError: a file has changed since it was read; nothing was written.
    """
    _require(changes, root, "before", "it was read; nothing was written")
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / RECORD
    whole = [{"file": c.file, "before": c.before, "after": c.after} for c in changes]
    record.write_text(json.dumps({"root": str(root.resolve()), "changes": whole}), "utf-8")
    for change in changes:
        (root / change.file).write_bytes(change.after.encode())
    return record


def undo(folder: Path) -> tuple[str, ...]:
    """Restore the files of the last `write`, drop its record, and return their paths.

    Raises:
        UsageError: there is no record, it cannot be read, or a file has changed since.
    """
    record = folder / RECORD
    try:
        data = json.loads(record.read_text("utf-8"))
        root = Path(data["root"])
        changes = [SourceChange(**change) for change in data["changes"]]
    except FileNotFoundError:
        raise UsageError(f"there is nothing to undo: no {record}.") from None
    except (ValueError, TypeError, KeyError):
        raise UsageError(f"{record} cannot be read; nothing was undone.") from None
    _require(changes, root, "after", "the patch was written; nothing was undone")
    for change in changes:
        (root / change.file).write_bytes(change.before.encode())
    record.unlink()
    return tuple(change.file for change in changes)


def _require(changes: Sequence[SourceChange], root: Path, side: str, since: str) -> None:
    for change in changes:
        path = root / change.file
        if not path.is_file() or path.read_bytes() != getattr(change, side).encode():
            raise UsageError(f"{change.file} has changed since {since}.")
