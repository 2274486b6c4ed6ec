"""What the commands that run trials share: their options, and the setting they come to."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relume.errors import UsageError
from relume.options import place
from relume.registry import unknown
from relume.report.voice import console, say

if TYPE_CHECKING:
    from relume.proof import Shot
    from relume.trial.crew import Crew, Setting

Script = Annotated[
    str, typer.Argument(metavar="SCRIPT", help="A Python script, or a module with -m.")
]
Args = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARGS", help="All that follows belongs to the script."),
]
Module = Annotated[bool, typer.Option("-m", "--module", help="SCRIPT is a module.")]
Seeds = Annotated[
    int, typer.Option("--seeds", metavar="N", help="Pairs of runs; the winner runs N fresh ones.")
]
Steps = Annotated[
    int | None,
    typer.Option("--steps", metavar="N", help="End every run after N optimiser steps."),
]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="WHAT",
        help="Judge by pkg.mod:fn (called with the script's globals), printed:WORDS (the number "
        "it prints after them), reported:NAME, or loss.",
        show_default="what the script reports, else the training loss",
    ),
]
Better = Annotated[
    str | None, typer.Option("--better", metavar="min|max", help="Which way --metric is better.")
]
Jobs = Annotated[
    int, typer.Option("-j", "--jobs", metavar="N", help="Runs at a time.", show_default="all cores")
]
Backend = Annotated[
    str, typer.Option("--backend", metavar="local|dask|ray", help="Where the runs are made.")
]
Address = Annotated[
    str, typer.Option("--address", metavar="URL", help="The cluster's scheduler: tcp://host:8786.")
]
Again = Annotated[bool, typer.Option("--fresh", help="Run everything again, whatever was kept.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show what every run prints.")]
Form = Annotated[
    str, typer.Option("--output-format", metavar="full|json", help="For a person, or a program.")
]
FORMS = ("full", "json")
CONTEXT = {"allow_interspersed_args": False}


def checked(
    script: str, *, module: bool, seeds: int, steps: int | None, jobs: int, form: str
) -> None:
    """Everything that can be wrong before anything runs.

    Raises:
        UsageError: a script that is not there, a number or a word that means nothing.
    """
    from relume.launch import missing

    if form not in FORMS:
        raise UsageError(unknown(form, FORMS, "output format"))
    if seeds < 3:
        raise UsageError(f"--seeds is {seeds}; at least 3 pairs are needed, 5 are usual.")
    if steps is not None and steps < 1:
        raise UsageError(f"--steps is {steps}; it is a number of optimiser steps, 1 or more.")
    if jobs < 0:
        raise UsageError(f"--jobs is {jobs}; it is a number of runs at a time, 0 for all cores.")
    problem = missing(script, module)
    if problem:
        raise UsageError(problem)


def setting(
    script: str,
    args: Sequence[str] | None,
    *,
    module: bool = False,
    steps: int | None = None,
    metric: tuple[str | None, str | None] = (None, None),
    where: tuple[str, str, int] = ("local", "", 0),
    folder: Path | None = None,
    again: bool = False,
) -> "Setting":
    """What the options come to.

    Raises:
        UsageError: a word that means nothing.
    """
    from relume.trial.crew import BACKENDS, Setting, Where, program_of
    from relume.trial.objective import asked

    backend, address, jobs = where
    if backend not in BACKENDS:
        raise UsageError(unknown(backend, BACKENDS, "backend"))
    return Setting(
        program=program_of(script, args or (), module=module),
        steps=steps,
        objective=asked(*metric),
        folder=place(folder).absolute(),
        where=Where(backend, address, jobs),
        again=again,
    )


@contextmanager
def watched(crew: "Crew", *, verbose: bool) -> Generator[Callable[[str], None]]:
    """A progress bar on stderr where somebody looks, lines where not; gives a function that says
    what is done now. Ctrl-C says what is kept."""
    try:
        with _bar(crew, verbose=verbose) as told:
            yield told
    except KeyboardInterrupt:
        say(f"interrupted; {crew.fired} finished runs are kept in {crew.kept_in}.")
        say("the same command goes on from there.")
        raise typer.Exit(130) from None


@contextmanager
def _bar(crew: "Crew", *, verbose: bool) -> Generator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    shown = console(stderr=True)
    best = _Best()
    if not shown.is_terminal:

        def plainly(done: int, planned: int, shot: "Shot | None") -> None:
            if shot is not None and (verbose or shot.problem):
                _output(shot, lambda text: print(text, file=sys.stderr))

        crew.progress = plainly
        yield lambda text: say(text) if text else None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(24), MofNCompleteColumn())
    with Progress(*columns, Remaining(), console=shown, transient=True) as bar:
        task = bar.add_task("running", total=None)

        def progress(done: int, planned: int, shot: "Shot | None") -> None:
            best.saw(shot)
            bar.update(task, completed=done, total=planned, description=best.text())
            if shot is not None and (verbose or shot.problem):
                _output(shot, bar.console.print)

        def told(text: str) -> None:
            best.doing = text or best.doing
            bar.update(task, description=best.text())

        crew.progress = progress
        yield told


class _Best:
    """The arm with the best loss so far, for whoever waits."""

    def __init__(self) -> None:
        self.doing = "running"
        self._losses: dict[str, list[float]] = {}

    def saw(self, shot: "Shot | None") -> None:
        if shot is not None and shot.value is not None and not shot.diverged:
            self._losses.setdefault(shot.arm, []).append(shot.metrics.get("loss", shot.value))

    def text(self) -> str:
        means = {arm: sum(some) / len(some) for arm, some in self._losses.items()}
        if len(means) < 2:
            return self.doing[:48]
        arm = min(means, key=means.__getitem__)
        return f"best loss so far {means[arm]:.3g} ({arm})"[:48]


def _output(shot: "Shot", put: Callable[[str], None]) -> None:
    from relume.report.text import clean

    head = f"{shot.arm}, seed {shot.seed}: {shot.problem or 'finished'}"
    put(clean(head))
    for line in shot.output.splitlines()[-20:]:
        put(f"  {clean(line)}")
