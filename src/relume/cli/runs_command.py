"""`relume runs`: lists the recorded runs."""

from typing import Any

from relume.cli.options import Folder, runs_folder
from relume.errors import RelumeError
from relume.report.console import console, print_sentence


def runs(folder: Folder = None) -> int:
    """List the recorded runs, the newest first."""
    from relume.record.store import run_file
    from relume.report.terminal.run_list import runs as show

    run_folder = runs_folder(folder)
    metas: list[tuple[str, dict[str, Any] | str]] = []
    for path in run_file.runs(run_folder):
        try:
            metas.append((path.stem, run_file.meta(path)))
        except RelumeError as error:
            metas.append((path.stem, str(error)))
    if not metas:
        print_sentence(f"no recorded run in {run_folder}/; record one with: relume run SCRIPT")
    show(metas, console())
    return 0
