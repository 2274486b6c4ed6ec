"""Defines the command line: `main`, and the commands `run`, `diagnose` and `demo`.

Importing it costs typer and rich's console; the command that needs NumPy or torch imports them.
Commands return their exit code; `run` and `demo` return a function that does the work: on a command
line the script runs in a process of its own, where Python code calls `main` in this one, but not
inside the parser's frames and context. The file is longer than others
because every option is spelled out where its command reads it.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relume import __version__
from relume.cli import (
    acts_command,
    atlas_command,
    check_command,
    combine_command,
    export_command,
    fix_command,
    live_command,
    mcp_command,
    report_command,
    rules_command,
    runs_command,
    trial_commands,
)
from relume.cli.load_and_diagnose import load_and_diagnose
from relume.cli.options import JudgingOptions, OutputPolicy, output_policy
from relume.cli.script_options import PLACES, TrialCommand
from relume.cli.spell_out import options
from relume.cli.trial_options import CONTEXT
from relume.errors import RelumeError, UnknownNameError, UsageError
from relume.registry import pages, unknown
from relume.report.console import console, print_sentence, usage_sentence

if TYPE_CHECKING:
    from relume.launch import LaunchResult

    Launcher = Callable[["RunPlan", Callable[[Path], None]], LaunchResult]

Job = Callable[[Any], int]  # of a Launcher; typer reads this annotation

CODES = "Exit code: 0 nothing of warning or above (see --fail-on), 1 findings, 2 bad input."
RUN_CODES = (
    "Exit code: the script's own if it is not 0; else 0 nothing of warning or above (see "
    "--fail-on), 1 findings (0 with --exit-zero), 2 bad input."
)

DEMO_WITHOUT = ("baseline", "write_baseline", "config", "isolated")

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def relume(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> int:
    """Find out why a network's non-linearities fail, and what cures them."""
    if version:
        typer.echo(f"relume {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), nl=False)
    return 0


@app.command(epilog=RUN_CODES, context_settings=CONTEXT)
@options(JudgingOptions)
def run(
    script: Annotated[
        str, typer.Argument(metavar="SCRIPT", help="A Python script, or a module with -m.")
    ],
    args: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGS", help="All that follows belongs to the script."),
    ] = None,
    module: Annotated[bool, typer.Option("-m", "--module", help="SCRIPT is a module.")] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Share of the wall time for recording.", show_default="0.01"
        ),
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="N", help="Record every N steps, whatever it costs.")
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Record nothing that could change a bit under torch.compile."),
    ] = False,
    sink: Annotated[
        str | None,
        typer.Option(metavar="tensorboard[:DIR]", help="Write the series there too, as it runs."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No report on stderr.")] = False,
    *,
    judging: JudgingOptions,
) -> Job:
    """Run a script unchanged, record it, and say what is wrong, where, since when and why.

    The report goes to stderr: stdout stays the script's. The forms for programs (json, sarif,
    github, junit) go to stdout, or to the -o file.
    """
    wanted = output_policy(judging)
    pace = _pace(str(wanted.budget) if budget is None else budget, every)
    plan = RunPlan(script, tuple(args or ()), module, *pace, wanted.folder, exact, sink, quiet)
    if sink is not None:
        from relume.record.store.tensorboard import parse_sink

        parse_sink(sink)
    from relume.launch import missing_script

    problem = missing_script(script, module)
    if problem:
        raise UsageError(problem)
    return lambda launcher: _run(plan, wanted, launcher, quiet=quiet)


@app.command(epilog=CODES)
@options(JudgingOptions)
def diagnose(
    name: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run's file, name or its beginning; else the last."),
    ] = None,
    *,
    judging: JudgingOptions,
) -> int:
    """Diagnose a recorded run again; also one that still trains, or was killed."""
    from relume.record.store import run_file

    wanted = output_policy(judging)
    diagnosis, trace, notes = load_and_diagnose(run_file.find(name, wanted.folder), wanted)
    from relume.report.output import deliver

    deliver(diagnosis, trace, wanted.order, console(), both=wanted.order.file is None)
    for note in notes:
        print_sentence(note)
    if wanted.order.file is not None:
        print_sentence(f"the report is in {wanted.order.file}.")
    return int(wanted.failed(diagnosis))


for command, codes in (
    (fix_command.fix, fix_command.CODES),
    (trial_commands.prove, trial_commands.PROVE_CODES),
    (trial_commands.compare, trial_commands.CODES),
    (trial_commands.recommend, trial_commands.CODES),
):
    app.command(cls=TrialCommand, epilog=f"{PLACES}\n\n{codes}", context_settings=CONTEXT)(command)
app.command()(report_command.report)
app.command()(live_command.live)
app.command(epilog=CODES)(check_command.check)
app.command()(rules_command.explain)
app.command()(rules_command.rules)
app.command()(runs_command.runs)
app.command()(combine_command.combine)
app.command()(export_command.export)
app.command()(atlas_command.atlas)
app.command()(mcp_command.mcp)


@app.command(epilog=RUN_CODES)
@options(JudgingOptions, without=DEMO_WITHOUT)
def demo(
    name: Annotated[str | None, typer.Argument(help="Which; without it they are listed.")] = None,
    *,
    judging: JudgingOptions,
) -> Job | int:
    """Run a small broken training and see what relume says; it needs no data."""
    from relume.report.terminal.run_list import demos as show
    from relume.report.terminal.run_list import introduce

    known = {stem.replace("_", "-"): text for stem, text in pages("relume.demos").items()}
    if name is None:
        show(known, console())
        return 0
    key = name.lower().replace("_", "-").removesuffix(".py")
    if key not in known:
        raise UnknownNameError(unknown(name, known, "demo"))
    path = Path(__file__).parent.parent / "demos" / f"{key.replace('-', '_')}.py"
    # a demo gives the same report everywhere, whatever the project's configuration
    wanted = output_policy(replace(judging, isolated=True))
    run_folder = (
        wanted.folder if judging.folder else Path(tempfile.mkdtemp(prefix=f"relume-{key}-"))
    )
    introduce(key, known[key], path, run_folder, console(stderr=True))
    plan = RunPlan(str(path), (), False, 0.01, None, run_folder)
    return lambda launcher: _run(plan, wanted, launcher)


app.command()(acts_command.card)
app.command()(acts_command.acts)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A script, and how to record it."""

    script: str
    args: tuple[str, ...]
    module: bool
    budget: float
    every: int | None
    folder: Path
    exact: bool = False
    sink: str | None = None
    quiet: bool = False


def _in_this_process(plan: RunPlan, begun: Callable[[Path], None]) -> "LaunchResult":
    from relume.launch import run as launch

    return launch(
        plan.script,
        plan.args,
        module=plan.module,
        budget=plan.budget,
        every=plan.every,
        exact=plan.exact,
        sink=plan.sink,
        folder=plan.folder.absolute(),  # a script may change the working directory
        begun=begun,
    )


def _in_its_own_process(plan: RunPlan, begun: Callable[[Path], None]) -> "LaunchResult":
    from relume.cli.early_alarm import EarlyAlarm
    from relume.record.store.new_path import new_path
    from relume.supervise import run as supervise

    name = plan.script if plan.module else Path(plan.script).resolve().stem
    path = new_path(plan.folder.absolute(), name)
    if path.exists():
        begun(path)
    return supervise(
        plan.script,
        plan.args,
        path=path,
        module=plan.module,
        budget=plan.budget,
        every=plan.every,
        exact=plan.exact,
        sink=plan.sink,
        look=None if plan.quiet or not sys.stderr.isatty() else EarlyAlarm(path, sys.stderr),
    )


def _run(plan: RunPlan, wanted: OutputPolicy, launcher: "Launcher", *, quiet: bool = False) -> int:
    stderr = sys.stderr  # the script may replace it
    launched = launcher(plan, lambda path: None if quiet else _say_begun(path, stderr))
    try:
        has_findings = _report(launched, wanted, quiet=quiet)
    except BrokenPipeError:  # the reader has closed the pipe; the script's code counts
        _mute(sys.stderr)
        has_findings = False
    except (Exception, KeyboardInterrupt) as error:  # a failure of the report is never the script's
        kept_run = f"; the run is kept in {launched.path}" if launched.path else ""
        reason = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())
        print_sentence(f"the report failed ({reason}){kept_run}.", stderr)
        has_findings = False
    if launched.code < 0:
        from relume.supervise import die_of

        die_of(-launched.code)
    return launched.code or int(has_findings)


def _say_begun(path: Path, stderr: Any) -> None:
    """Say on a terminal, in one line, where the run is recorded and how to watch it."""
    with contextlib.suppress(OSError, ValueError):  # a terminal that is gone is no reason to stop
        if not stderr.isatty():
            return
        print_sentence(f"recording to {path.name}; watch it: relume live", stderr)


def _report(launched: "LaunchResult", wanted: OutputPolicy, *, quiet: bool) -> bool:
    """Report on a run that has just ended; return whether the exit code is to be 1."""
    for note in launched.notes:
        if not quiet or launched.path is None:
            print_sentence(note)
    if launched.path is None or (launched.rank is not None and launched.rank.rank > 0):
        return False  # rank 0 reports for all
    if launched.how == "killed" and not quiet:
        print_sentence(
            f"{launched.killer} ended the script; the run is kept in {launched.path}: "
            "'relume diagnose' says what it shows."
        )
    if launched.asked_to_end:
        return False  # and soon: whoever sent the signal waits for the end
    from relume.report.output import MACHINE, deliver, verdict_line

    diagnosis, trace, notes = load_and_diagnose(launched.path, wanted)
    for stream in (sys.stdout, sys.stderr):  # the script's buffered output comes before the report
        stream.flush()
    saw_a_step = trace.meta.get("records") or trace.facts_of("failed-step")
    if launched.code and not saw_a_step and wanted.order.form not in MACHINE:
        if not quiet:  # only one sentence after the script's own traceback
            print_sentence(
                "the script ended before a step was recorded; there is nothing to report."
            )
        return False
    deliver(diagnosis, trace, wanted.order, console(stderr=True), both=not quiet)
    if quiet and wanted.failed(diagnosis):  # an exit code of 1 never comes without a word
        print_sentence(verdict_line(diagnosis))
    for note in () if quiet else notes:
        print_sentence(note)
    if launched.rank is not None:
        # exit code 1 would look like a crash to torchrun, which then ends the other ranks
        print_sentence(
            f"this is rank 0 of {launched.rank.world}; 'relume combine' merges their recordings."
        )
        return False
    return wanted.failed(diagnosis)


def _pace(budget: str, every: str | None) -> tuple[float, int | None]:
    share = _number(budget)
    if not 0 < share <= 1:
        raise UsageError(
            f"--budget is {budget!r}; it is a share of the wall time, above 0 and at most 1, "
            "such as 0.02."
        )
    steps = None if every is None else _number(every)
    if steps is not None and not (steps >= 1 and steps.is_integer()):
        raise UsageError(f"--every is {every!r}; it is a number of steps, such as 100.")
    return share, None if steps is None else int(steps)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def _known_command(args: Sequence[str]) -> None:
    """Raise where the first word is no command; a script there is the likeliest slip."""
    word = args[0] if args else ""
    commands = [
        info.name or info.callback.__name__ for info in app.registered_commands if info.callback
    ]
    if not word or word.startswith("-") or word in commands:
        return
    if word.endswith(".py"):
        raise UsageError(f"{word!r} is a script, not a command; did you mean 'relume run {word}'?")
    raise UnknownNameError(unknown(word, commands, "command"))


def _mute(stream: Any) -> None:
    """Drop what is still buffered for a closed pipe, so that Python prints no error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of `argv` (without the program's name) and return the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        _known_command(args)
        # not app(...): that would leave typer's excepthook behind for the user's script
        command = typer.main.get_command(app)
        result: Job | int | None = command.main(args, prog_name="relume", standalone_mode=False)
        if not callable(result):
            return result or 0
        # A debugger follows the script only in this process.
        here = argv is not None or sys.gettrace() is not None
        return result(_in_this_process if here else _in_its_own_process)
    except RelumeError as error:
        print_sentence(str(error))
        return 2
    except BrokenPipeError:  # the reader went away, as `head` does
        _mute(sys.stdout)
        return 141
    except Exception as error:
        # typer's own complaints; their class lives in click or in typer, by version
        if not hasattr(error, "format_message"):
            raise
        print_sentence(usage_sentence(error))
        return 2
