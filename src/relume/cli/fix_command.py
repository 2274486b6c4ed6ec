"""`relume fix`: diagnoses a script, tries cures in paired runs, and writes the proven patch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relume.cli.options import ExitZero, Select
from relume.cli.progress import show_progress
from relume.cli.spell_out import options
from relume.cli.trial_options import Args, Script, TrialOptions, check_options, setting
from relume.errors import UsageError
from relume.report.console import console, print_sentence

if TYPE_CHECKING:
    from relume.core.trial import Cure

CODES = (
    "Exit code: 0 nothing to fix, 1 something was found (cured or not; 0 with --exit-zero), "
    "2 bad input, 130 interrupted."
)


@options(TrialOptions)
def fix(
    script: Script,
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
    exit_zero: ExitZero = False,
    *,
    trial: TrialOptions,
) -> int:
    """Diagnose a script, try the cures of the root cause in paired runs, and keep what is proved.

    The script is not changed and its files are not written: every run has its own layer over them.
    Only --write changes the source, and only by a patch that has won its trial.
    """
    from relume.fixes.patches import libcst_missing

    if (diff or write) and libcst_missing():
        raise UsageError(f"--{'diff' if diff else 'write'}: {libcst_missing()}")
    file = check_options(script, trial)
    wanted = setting(script, args, trial)
    path = _recorded(run, wanted.folder)
    codes = _codes(select)
    from relume.trial.fix_search import cure
    from relume.trial.scheduler import TrialRunner

    runner = TrialRunner(wanted)
    with show_progress(runner, verbose=trial.verbose) as report_status:
        result = cure(runner, run=path, seeds=trial.seeds, select=codes, announce=report_status)
    _deliver(result, trial.form, file, diff=diff)
    if result.edit is not None and libcst_missing():
        print_sentence(libcst_missing())
    if write:
        _write(result, wanted.program.argv)
    return int(result.root is not None and not exit_zero)


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


def _deliver(cure: "Cure", form: str, file: Path | None, *, diff: bool) -> None:
    from relume.report import trial_output

    if diff:
        print(cure.diff, end="")
        return
    trial_output.deliver(cure, form, file, console())
    if file is not None:
        print_sentence(f"the report is in {file}.")


def _write(cure: "Cure", argv: tuple[str, ...]) -> None:
    if cure.edit is None:
        print_sentence("nothing was written: no patch is proven.")
        return
    from relume.fixes.patches import patch_of

    root = Path.cwd()
    patch = patch_of(cure.edit, root, argv)
    if patch is None:
        how = cure.by_hand or "make it by hand."
        print_sentence(f"nothing was written: this fix has no simple patch; {how}")
        return
    target = root / patch.file
    if target.read_bytes().decode("utf-8", "replace") != patch.before:
        raise UsageError(f"{patch.file} has changed since it was read; nothing was written.")
    from relume.report.machine.json_file import write as whole

    whole(patch.after, target)
    print_sentence(f"wrote {patch.file}; undo it with: git checkout -p, or patch -R -p1.")
