"""`relume runs`: what was recorded."""

from typing import Any

from relume.errors import RelumeError
from relume.options import Folder, place
from relume.report.voice import console, say


def runs(folder: Folder = None) -> int:
    """List the recorded runs, the newest first."""
    from relume.record import store
    from relume.report.listing import runs as show

    kept = place(folder)
    metas: list[tuple[str, dict[str, Any] | str]] = []
    for path in store.runs(kept):
        try:
            metas.append((path.stem, store.meta(path)))
        except RelumeError as error:
            metas.append((path.stem, str(error)))
    if not metas:
        say(f"no recorded run in {kept}/; record one with: relume run SCRIPT")
    show(metas, console())
    return 0
