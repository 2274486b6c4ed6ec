"""`relume atlas`: writes the lessons as pages, and runs the experiments behind them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from relume.errors import UnknownNameError, UsageError
from relume.registry import unknown
from relume.report.console import console, print_sentence, spinner

PLACE = Path("relume-atlas")


def atlas(
    name: Annotated[
        str | None,
        typer.Argument(help="A lesson to open; with --measure an experiment to run."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("-o", "--output-dir", "--output", metavar="DIR", help="Where the pages go."),
    ] = PLACE,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Run the experiments anew; the pages then show them."),
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Repetitions, with --measure.", min=1)
    ] = None,
) -> int:
    """Write the textbook that runs: a page for each lesson, with figures that can be moved."""
    if measure:
        return _run_experiments(name, seeds)
    if seeds is not None:
        raise UsageError("--seeds is for --measure; the pages have no repetitions.")
    wanted = _lesson(name)
    with spinner("making the atlas") as busy:
        from relume.atlas.site_builder import write

        first = write(out, progress=lambda what: busy(f"making the atlas: {what}"))
    page = first.with_name(wanted) if wanted else first
    print_sentence(f"the atlas is in {out}; open {page}.")
    if show:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
    return 0


def _lesson(name: str | None) -> str:
    """Return the file of the lesson of that name or number."""
    if name is None:
        return ""
    from relume.atlas.lesson import texts

    known = {text.name: text.file for text in texts()}
    by_claim = {text.claim.lower(): text.file for text in texts()}
    file = by_claim.get(name.lower()) or known.get(name.lower())
    if file is None:
        raise UnknownNameError(unknown(name, known, "lesson"))
    return file


def _run_experiments(name: str | None, seeds: int | None) -> int:
    from rich.table import Table

    from relume.atlas.experiment import experiment, experiments
    from relume.atlas.measured_figures import sentences
    from relume.atlas.result_cache import folder as kept
    from relume.atlas.result_cache import store_result, stored_result
    from relume.atlas.run_experiment import run_experiment
    from relume.report.words.sanitise import clean

    chosen = list(experiments().values()) if name is None else [experiment(name)]
    out = console()
    for one in chosen:
        with _ProgressBar() as progress:
            result: dict[str, Any] = run_experiment(one, seeds=seeds, progress=progress)
        path = store_result(result, kept())
        out.print(clean(one.question), style="bold")
        stored = stored_result(one)
        rows = Table.grid(padding=(0, 2), pad_edge=True)
        rows.add_column(style="dim", no_wrap=True)
        rows.add_column()
        for word, text in sentences(one, stored or result):
            rows.add_row(word, clean(text))
        out.print(rows)
        print_sentence(f"kept in {path}; 'relume atlas' shows it from now on.")
    return 0


class _ProgressBar:
    """A progress bar on stderr, where that is a terminal."""

    def __enter__(self) -> Any:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        stderr = console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=stderr, disable=not stderr.is_terminal)
        self.progress.start()
        task = self.progress.add_task("getting ready", total=None)

        def update(what: str, done: int, total: int) -> None:
            self.progress.update(task, description=what, completed=done, total=total)

        return update

    def __exit__(self, *_: object) -> None:
        self.progress.stop()
