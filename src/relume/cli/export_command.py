"""`relume export`: writes a recording as tables, or sends it to a logger."""

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
    Path | None,
    typer.Option("-o", "--output-dir", "--output", metavar="FOLDER", help="Where the tables go."),
]
LOGGERS = ("tensorboard", "wandb", "mlflow", "trackio")
Kind = Annotated[
    str, typer.Option("--to", metavar="FORM", help=f"csv, parquet, {', '.join(LOGGERS)}.")
]
Project = Annotated[
    str,
    typer.Option("--project", help="Of a logger: project, experiment, or TensorBoard's folder."),
]


def export(
    run: Run = None,
    out: Out = None,
    to: Kind = "csv",
    project: Project = "relume",
    folder: Folder = None,
) -> int:
    """Write a recording as tables: series, sites, units and facts; or send its figures and findings
    to a logger that is installed. W&B is offline unless WANDB_MODE says otherwise."""
    from relume.record.store import run_file
    from relume.record.store.export_tables import FORMS, write_tables

    if to not in (*FORMS, *LOGGERS):
        raise UsageError(f"--to is {to!r}; it is csv, parquet, {', '.join(LOGGERS)}.")
    path = run
    if path is None:
        runs = run_file.runs(runs_folder(folder))
        if not runs:
            raise UsageError(f"no recorded run in {runs_folder(folder)}/; give a run file.")
        path = runs[0]
    if to in LOGGERS:
        return _send(path, to, project)
    with spinner(f"writing {path.name}"):
        written = write_tables(run_file.read(path), out or path.with_suffix(""), to)
    for file, rows in written:
        print_sentence(f"{rows:>9,} rows in {file}")
    return 0


def _send(path: Path, to: str, project: str) -> int:
    """Send a run to a logger through its own client."""
    from importlib import import_module

    from relume.diagnosis import diagnose
    from relume.integrations.logged_run import LoggedRun
    from relume.record.store import run_file

    with spinner(f"reading {path.name}"):
        trace = run_file.read(path)
        run = LoggedRun(trace, diagnose(trace))
    where = import_module(f"relume.integrations.log_{to}").send(run, project)
    print_sentence(f"{len(run.findings)} findings and the figures are in {where}.")
    return 0
