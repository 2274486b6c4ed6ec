"""`relume fix`: diagnoses a script, tries cures in paired runs, and writes the proven patch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relume.cli.options import ExitZero, Select, runs_folder
from relume.cli.progress import show_progress
from relume.cli.spell_out import options
from relume.cli.trial_options import (
    Args,
    TrialOptions,
    announce_plan,
    check_options,
    import_acts,
    setting,
)
from relume.errors import UsageError
from relume.report.console import console, print_sentence

if TYPE_CHECKING:
    from relume.core.trial import Cure

CODES = (
    "Exit code: 0 nothing to fix or a cure is proven, 1 not cured (0 with --exit-zero), "
    "2 bad input, 130 interrupted."
)


@options(TrialOptions)
def fix(
    script: Annotated[
        str | None, typer.Argument(metavar="SCRIPT", help="A Python script, or a module with -m.")
    ] = None,
    args: Args = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="Diagnose this recorded run, not a new one."),
    ] = None,
    select: Select = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show nothing but the patch, on stdout.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write the proven patch to the source.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back what --write wrote last; runs nothing.")
    ] = False,
    exit_zero: ExitZero = False,
    *,
    trial: TrialOptions,
) -> int:
    """Diagnose a script, try the cures of the root cause in paired runs, and keep what is proved.

    The script is not changed and its files are not written: every run has its own layer over them.
    Only --write changes the source, only by a patch that has run and cured the script, and --undo
    takes it back.
    """
    if undo:
        return _undo(runs_folder(trial.folder).absolute())
    if script is None:
        raise UsageError("name a script: relume fix train.py.")
    from relume.fixes.patches import libcst_missing

    if (diff or write) and libcst_missing():
        raise UsageError(f"--{'diff' if diff else 'write'}: {libcst_missing()}")
    file = check_options(script, trial)
    wanted = setting(script, args, trial)
    path = _recorded(run, wanted.folder)
    codes = _codes(select)
    from relume.trial.fix_search import cure, runs_at_most
    from relume.trial.paired_trial import SEEDS
    from relume.trial.scheduler import TrialRunner

    import_acts(trial.imports)
    seeds = trial.seeds or SEEDS
    runner = TrialRunner(wanted)
    announce_plan(
        runner, f"once, and up to {runs_at_most(seeds, fails=True)} times more to cure it", trial
    )
    with show_progress(runner, verbose=trial.verbose) as report_status:
        result = cure(runner, run=path, seeds=seeds, select=codes, announce=report_status)
    _deliver(result, trial.form, file, diff=diff, verbose=trial.verbose)
    if result.edits and libcst_missing():
        print_sentence(libcst_missing())
    if write:
        _write(result, wanted.folder)
    return int(result.word in ("not cured", "leave it") and not exit_zero)


def _recorded(run: str | None, folder: Path) -> Path | None:
    if run is None:
        return None
    from relume.record.store import run_file

    return run_file.find(run, folder)


def _codes(select: list[str] | None) -> tuple[str, ...] | None:
    if not select:
        return None
    from relume.report.rule_pages.pages import rules, selection

    return selection(select, rules())


def _deliver(cure: "Cure", form: str, file: Path | None, *, diff: bool, verbose: bool) -> None:
    from relume.report import trial_output

    if diff:
        print(cure.diff, end="")
        return
    trial_output.deliver(cure, form, file, console(), verbose=verbose)
    if file is not None:
        print_sentence(f"the report is in {file}.")


def _write(cure: "Cure", folder: Path) -> None:
    if not cure.edits:
        print_sentence("nothing was written: no cure is proven.")
        return
    if not cure.changes:
        how = cure.by_hand or "make it by hand."
        print_sentence(f"nothing was written: no patch has run and cured the script; {how}")
        return
    from relume.fixes.write_patch import write

    write(cure.changes, Path.cwd(), folder)
    names = ", ".join(change.file for change in cure.changes)
    print_sentence(f"wrote {names}; undo it with: relume fix --undo")


def _undo(folder: Path) -> int:
    from relume.fixes.write_patch import undo

    print_sentence(f"restored {', '.join(undo(folder))}.")
    return 0
