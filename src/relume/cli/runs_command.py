"""`relume runs`: lists the recorded runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relume.cli.options import Folder, ListForm, runs_folder, wants_json
from relume.errors import RelumeError
from relume.report.console import console, print_sentence, spinner

if TYPE_CHECKING:
    from relume.report.terminal.run_list import ListedRun

SHOWN = 20
"""Runs that are judged for the list; one takes a tenth of a second to a second."""


def runs(
    folder: Folder = None,
    every: Annotated[
        bool, typer.Option("--all", help=f"List all runs, not only the newest {SHOWN}.")
    ] = False,
    form: ListForm = "full",
) -> int:
    """List the recorded runs, the newest first: verdict, loss, steps, script."""
    from relume.record.store import run_file
    from relume.report.terminal.run_list import runs as show
    from relume.report.terminal.run_list import runs_as_json

    data = wants_json(form)
    run_folder = runs_folder(folder)
    paths = list(run_file.runs(run_folder))
    if not paths and not data:
        print_sentence(f"no recorded run in {run_folder}/; record one with: relume run SCRIPT")
        return 0
    chosen = paths if every else paths[:SHOWN]
    with spinner(f"reading {len(chosen)} runs"):
        listed = [_listed(path) for path in chosen]
    if data:
        from relume.report.machine.json_file import emit

        emit(runs_as_json(listed))
        return 0
    show(listed, console(), older=len(paths) - len(chosen))
    return 0


def _listed(path: Path) -> "ListedRun":
    from relume.diagnosis import diagnose
    from relume.record.store import run_file
    from relume.report.terminal.run_list import ListedRun

    try:
        return ListedRun(path.stem, run_file.meta(path), diagnose(run_file.read(path)))
    except RelumeError as error:
        return ListedRun(path.stem, problem=str(error))
