"""The options that the trial commands share, and the `TrialSetting` made of them."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relume.cli.options import File, Folder, runs_folder
from relume.errors import UsageError
from relume.registry import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relume.trial.scheduler import TrialRunner, TrialSetting

Script = Annotated[
    str, typer.Argument(metavar="SCRIPT", help="A Python script, or a module with -m.")
]
Args = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ARGS",
        help="The script's: options that are not listed below, and whatever follows --.",
    ),
]
Module = Annotated[
    bool, typer.Option("-m", "--module", help="SCRIPT is a module; stands before it.")
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        metavar="N",
        help="Pairs of runs; a winner has N fresh ones, 5 at least.",
        show_default="5; compare: as many as its acts need",
    ),
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
        help="Judge by validation (what it prints or logs on held-out rows), printed:WORDS (the "
        "number after them), reported:NAME, pkg.mod:fn (called with its globals), or loss.",
        show_default="what the script reports, else the training loss",
    ),
]
Better = Annotated[
    str | None, typer.Option("--better", metavar="min|max", help="Which way --metric is better.")
]
Least = Annotated[
    float | None,
    typer.Option(
        "--least",
        metavar="X",
        help="The least effect worth a change, in the unit of what is judged.",
        show_default="a tenth of the loss, of an accuracy a tenth of what is missing",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="End a run after so long.",
        show_default="ten times the script as it is, a minute at least",
    ),
]
Import = Annotated[
    list[str] | None,
    typer.Option("--import", metavar="MODULE", help="Import your module, for the acts in it."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first run.")]
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


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """The options that every trial has, as they were typed; each field is one option.

    A command takes them as its parameter `trial`; `options(TrialOptions)` spells them out.
    """

    module: Module = False
    seeds: Seeds = None
    steps: Steps = None
    metric: Metric = None
    better: Better = None
    least: Least = None
    jobs: Jobs = 0
    timeout: Timeout = None
    imports: Import = None
    backend: Backend = "local"
    address: Address = ""
    folder: Folder = None
    fresh: Again = False
    form: Form = "full"
    file: File = None
    verbose: Verbose = False
    yes: Yes = False


def flags(kind: Any) -> frozenset[str]:
    """Return the flags of an option by its annotated type: ``-j`` and ``--jobs``."""
    option = kind.__metadata__[0]
    return frozenset({option.default, *(option.param_decls or ())})


def check_options(script: str, trial: TrialOptions) -> Path | None:
    """Check all that can be wrong before anything runs.

    Returns:
        The file for the report, which can be written.

    Raises:
        UsageError: a script that does not exist, an invalid number or word, a file that cannot be
            written.
    """
    from relume.launch import missing_script
    from relume.report.machine.json_file import writable

    seeds, steps, jobs = trial.seeds, trial.steps, trial.jobs
    if trial.form not in FORMS:
        raise UsageError(unknown(trial.form, FORMS, "output format"))
    if seeds is not None and seeds < 3:
        raise UsageError(f"--seeds is {seeds}; at least 3 pairs are needed, 5 are usual.")
    if steps is not None and steps < 1:
        raise UsageError(f"--steps is {steps}; it is a number of optimiser steps, 1 or more.")
    if jobs < 0:
        raise UsageError(f"--jobs is {jobs}; it is a number of runs at a time, 0 for all cores.")
    if trial.least is not None and not trial.least >= 0:
        raise UsageError(f"--least is {trial.least:g}; it is an effect, 0 or more.")
    if trial.timeout is not None and not trial.timeout > 0:
        raise UsageError(f"--timeout is {trial.timeout:g}; it is a number of seconds above 0.")
    problem = missing_script(script, trial.module)
    if problem:
        raise UsageError(problem)
    return writable(trial.file) if trial.file else None


def setting(script: str, args: list[str] | None, trial: TrialOptions) -> "TrialSetting":
    """Make the setting of a trial from its options.

    Raises:
        UsageError: an invalid word.
    """
    from relume.trial.judge.objective import requested_objective as wanted
    from relume.trial.scheduler import BACKENDS, ExecutionPlace, TrialSetting, program_of

    if trial.backend not in BACKENDS:
        raise UsageError(unknown(trial.backend, BACKENDS, "backend"))
    return TrialSetting(
        program=program_of(script, args or (), module=trial.module),
        steps=trial.steps,
        objective=wanted(trial.metric, trial.better),
        folder=runs_folder(trial.folder).absolute(),
        where=ExecutionPlace(trial.backend, trial.address, trial.jobs),
        again=trial.fresh,
        least=trial.least,
        timeout=trial.timeout,
        imports=tuple(trial.imports or ()),
    )


def announce_plan(runner: "TrialRunner", runs: str, trial: TrialOptions) -> None:
    """Print how often the script will run and what of it is real; ask where that matters.

    Raises:
        Exit: 130 where the answer is no.
    """
    from relume.report.console import print_sentence
    from relume.trial.plan import needs_consent, plan_lines

    for line in plan_lines(runner.setting, runs, runner.known_seconds()):
        print_sentence(line)
    if trial.yes or not needs_consent(runner.setting) or not sys.stdin.isatty():
        return
    if not typer.confirm("relume: run it so often?", default=False, err=True):
        raise typer.Exit(130)


def import_acts(modules: "Sequence[str] | None") -> None:
    """Import the user's modules that register acts.

    Raises:
        UsageError: one cannot be imported.
    """
    if modules:
        from relume.acts.lookup import import_module_here

        for module in modules:
            import_module_here(module)
