"""`relume runs`: what was recorded."""

from typing import Any

from relume.cli.options import Folder, place
from relume.errors import RelumeError
from relume.report.console import console, print_sentence


def runs(folder: Folder = None) -> int:
    """List the recorded runs, the newest first."""
    from relume.record.store import run_file
    from relume.report.terminal.run_list import runs as show

    kept = place(folder)
    metas: list[tuple[str, dict[str, Any] | str]] = []
    for path in run_file.runs(kept):
        try:
            metas.append((path.stem, run_file.meta(path)))
        except RelumeError as error:
            metas.append((path.stem, str(error)))
    if not metas:
        print_sentence(f"no recorded run in {kept}/; record one with: relume run SCRIPT")
    show(metas, console())
    return 0
