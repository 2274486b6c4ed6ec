"""`relume export`: writes a recording as tables for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from relume.cli.options import Folder, runs_folder
from relume.errors import UsageError
from relume.report.console import print_sentence, spinner

Run = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="A run file; the newest if none is given.")
]
Out = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where the tables go.")
]
Kind = Annotated[str, typer.Option("--to", metavar="FORM", help="csv or parquet.")]


def export(run: Run = None, out: Out = None, to: Kind = "csv", folder: Folder = None) -> int:
    """Write a recording as tables: series, sites, units and facts."""
    from relume.record.store import run_file
    from relume.record.store.export_tables import FORMS, write_tables

    if to not in FORMS:
        raise UsageError(f"--to is {to!r}; it is csv or parquet.")
    path = run
    if path is None:
        runs = run_file.runs(runs_folder(folder))
        if not runs:
            raise UsageError(f"no recorded run in {runs_folder(folder)}/; give a run file.")
        path = runs[0]
    with spinner(f"writing {path.name}"):
        written = write_tables(run_file.read(path), out or path.with_suffix(""), to)
    for file, rows in written:
        print_sentence(f"{rows:>9,} rows in {file}")
    return 0
