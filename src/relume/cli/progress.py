"""Shows the progress of a trial: a bar on a terminal, lines elsewhere."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import typer

from relume.report.console import console, print_sentence

if TYPE_CHECKING:
    from relume.core.trial import TrialRun
    from relume.trial.scheduler import TrialRunner


EVERY = 10.0  # seconds between two lines of progress where no bar can be drawn


@contextmanager
def show_progress(runner: "TrialRunner", *, verbose: bool) -> Generator[Callable[[str], None]]:
    """Show a progress bar on stderr if it is a terminal, else lines.

    Yields:
        A function that shows what is done now.

    Raises:
        Exit: 130 after Ctrl-C, once it is printed which runs are kept.
    """
    try:
        with _bar(runner, verbose=verbose) as report_status:
            yield report_status
    except KeyboardInterrupt:
        print_sentence(
            f"interrupted; {runner.executed} finished runs are kept in {runner.cache_file}."
        )
        print_sentence("the same command goes on from there.")
        raise typer.Exit(130) from None


@contextmanager
def _bar(runner: "TrialRunner", *, verbose: bool) -> Generator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    stderr = console(stderr=True)
    best = _BestArm()
    if not stderr.is_terminal:
        begun = last = monotonic()
        made = 0

        def plainly(done: int, planned: int, run: "TrialRun | None") -> None:
            nonlocal last, made
            made += run is not None
            if run is not None and monotonic() - last >= EVERY and done < planned:
                last = monotonic()
                left = (last - begun) / made * (planned - done)
                print_sentence(f"{done} of {planned} runs of this part; about {left:.0f} s left")
            if run is not None and (verbose or (run.problem and not run.unlaid)):
                _output(run, lambda text: print(text, file=sys.stderr))

        runner.progress = plainly
        yield lambda text: print_sentence(text) if text else None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(24), MofNCompleteColumn())
    with Progress(*columns, Remaining(), console=stderr, transient=True) as bar:
        task = bar.add_task("running", total=None)

        def progress(done: int, planned: int, run: "TrialRun | None") -> None:
            best.add(run)
            bar.update(task, completed=done, total=planned, description=best.text())
            if run is not None and (verbose or (run.problem and not run.unlaid)):
                _output(run, bar.console.print)

        def report_status(text: str) -> None:
            best.doing = text or best.doing
            bar.update(task, description=best.text())

        runner.progress = progress
        yield report_status


class _BestArm:
    """The arm with the best loss so far, as the text of the bar."""

    def __init__(self) -> None:
        self.doing = "running"
        self._losses: dict[str, list[float]] = {}

    def add(self, run: "TrialRun | None") -> None:
        if run is not None and run.value is not None and not run.diverged:
            self._losses.setdefault(run.arm, []).append(run.metrics.get("loss", run.value))

    def text(self) -> str:
        means = {arm: sum(some) / len(some) for arm, some in self._losses.items()}
        if len(means) < 2:
            return self.doing[:48]
        arm = min(means, key=means.__getitem__)
        return f"best loss so far {means[arm]:.3g} ({arm})"[:48]


def _output(run: "TrialRun", put: Callable[[str], None]) -> None:
    from relume.report.words.sanitise import clean

    head = f"{run.arm}, seed {run.seed}: {run.problem or 'finished'}"
    put(clean(head))
    for line in run.output.splitlines()[-20:]:
        put(f"  {clean(line)}")
