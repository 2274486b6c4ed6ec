"""What is seen while a trial runs: a bar where somebody looks, lines where not."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from relume.report.console import console, print_sentence

if TYPE_CHECKING:
    from relume.core.trial import TrialRun
    from relume.trial.scheduler import TrialRunner


@contextmanager
def show_progress(crew: "TrialRunner", *, verbose: bool) -> Generator[Callable[[str], None]]:
    """A progress bar on stderr where somebody looks, lines where not; gives a function that says
    what is done now. Ctrl-C says what is kept."""
    try:
        with _bar(crew, verbose=verbose) as told:
            yield told
    except KeyboardInterrupt:
        print_sentence(f"interrupted; {crew.executed} finished runs are kept in {crew.cache_file}.")
        print_sentence("the same command goes on from there.")
        raise typer.Exit(130) from None


@contextmanager
def _bar(crew: "TrialRunner", *, verbose: bool) -> Generator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    shown = console(stderr=True)
    best = _Best()
    if not shown.is_terminal:

        def plainly(done: int, planned: int, shot: "TrialRun | None") -> None:
            if shot is not None and (verbose or shot.problem):
                _output(shot, lambda text: print(text, file=sys.stderr))

        crew.progress = plainly
        yield lambda text: print_sentence(text) if text else None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(24), MofNCompleteColumn())
    with Progress(*columns, Remaining(), console=shown, transient=True) as bar:
        task = bar.add_task("running", total=None)

        def progress(done: int, planned: int, shot: "TrialRun | None") -> None:
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

    def saw(self, shot: "TrialRun | None") -> None:
        if shot is not None and shot.value is not None and not shot.diverged:
            self._losses.setdefault(shot.arm, []).append(shot.metrics.get("loss", shot.value))

    def text(self) -> str:
        means = {arm: sum(some) / len(some) for arm, some in self._losses.items()}
        if len(means) < 2:
            return self.doing[:48]
        arm = min(means, key=means.__getitem__)
        return f"best loss so far {means[arm]:.3g} ({arm})"[:48]


def _output(shot: "TrialRun", put: Callable[[str], None]) -> None:
    from relume.report.words.sanitise import clean

    head = f"{shot.arm}, seed {shot.seed}: {shot.problem or 'finished'}"
    put(clean(head))
    for line in shot.output.splitlines()[-20:]:
        put(f"  {clean(line)}")
