"""`relume prove`, `relume compare` and `relume recommend`: run the trial that the user names."""

import shlex
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import typer

from relume.cli.options import File, Folder
from relume.cli.progress import show_progress
from relume.cli.spell_out import options
from relume.cli.trial_options import (
    Again,
    Args,
    Form,
    Import,
    Module,
    Script,
    Steps,
    TrialOptions,
    Verbose,
    Yes,
    announce_plan,
    check_options,
    flags,
    import_acts,
    setting,
)
from relume.errors import UsageError
from relume.registry import unknown
from relume.report.console import console, print_sentence

PROVE_CODES = "Exit code: 0 proven, 1 not proven, 2 bad input, 130 interrupted."
CODES = "Exit code: 0 done, 2 bad input, 130 interrupted."

TABLES = {".csv": "csv", ".md": "markdown", ".tex": "latex", ".html": "html"}


def table_form(form: str, file: Path | None) -> str:
    """Return the form of a comparison: as asked, or as the file's ending says.

    Raises:
        UsageError: an unknown form.
    """
    forms = ("full", "json", *TABLES.values())
    if form not in forms:
        raise UsageError(unknown(form, forms, "output format"))
    return TABLES.get(file.suffix.lower(), form) if file is not None and form == "full" else form


OWN = frozenset(
    {"--acts", "--tune", "--goal", "--equal-parameters", "--select", "--run", "--help", "-h", "--"}
).union(*(flags(one.type) for one in fields(TrialOptions)))
"""The options that `relume fix` and `compare` would take as their own."""


@options(TrialOptions)
def prove(
    script: Script,
    args: Args = None,
    edit: Annotated[
        list[str] | None,
        typer.Option(
            "--edit",
            metavar="NAME[:k=v,...]",
            help="A fix, such as lower-learning-rate:factor=0.1; several are laid together.",
        ),
    ] = None,
    *,
    trial: TrialOptions,
) -> int:
    """Settle by paired runs whether one named fix helps this script."""
    file = check_options(script, trial)
    if not edit:
        raise UsageError("name a fix: --edit lower-learning-rate:factor=0.1.")
    from relume.report import trial_output
    from relume.trial.paired_trial import SEEDS
    from relume.trial.plan import runs_of_prove
    from relume.trial.prove_edit import edit_of_words
    from relume.trial.prove_edit import prove as prove_edits
    from relume.trial.scheduler import TrialRunner

    import_acts(trial.imports)
    edits = [edit_of_words(words) for words in edit]
    runner = TrialRunner(setting(script, args, trial))
    seeds = trial.seeds or SEEDS
    fewest, most = runs_of_prove(seeds)
    announce_plan(runner, f"{fewest} to {most} times", trial)
    with show_progress(runner, verbose=trial.verbose) as report_status:
        report_status(f"trying {', '.join(one.text for one in edits)}")
        result = prove_edits(runner, edits, seeds=seeds)
    trial_output.deliver(result, trial.form, file, console())
    if file is not None:
        print_sentence(f"the report is in {file}.")
    return int(not any(v.word == "proven" and v.fresh for v in result.verdicts))


@options(TrialOptions)
def compare(
    script: Script,
    args: Args = None,
    acts: Annotated[
        str,
        typer.Option("--acts", metavar="NAMES", help="Acts with commas; 'relume acts' lists them."),
    ] = "relu,leaky_relu,elu,gelu,silu,tanh,maxout",
    tune: Annotated[
        str | None,
        typer.Option(
            "--tune",
            metavar="lr",
            help="Tune the learning rate, for every arm alike.",
            show_default="for none",
        ),
    ] = None,
    goal: Annotated[
        float | None,
        typer.Option(
            "--goal",
            metavar="LOSS",
            help="Count the steps to this loss.",
            show_default="the script's own after half of its steps",
        ),
    ] = None,
    equal_parameters: Annotated[
        bool,
        typer.Option(
            "--equal-parameters",
            help="Maxout and gated units (glu, swiglu) get half the units, and no parameter more.",
        ),
    ] = False,
    *,
    trial: TrialOptions,
) -> int:
    """Compare activation functions in an unchanged script, on paired seeds, against its own.

    "No difference shown" is an answer.
    """
    form = table_form(trial.form, trial.file)
    file = check_options(script, replace(trial, form="full" if form != "json" else form))
    if tune not in (None, "lr"):
        raise UsageError(unknown(tune or "", ("lr",), "thing to tune"))
    from relume.report import trial_output
    from relume.report.card_output import split_acts
    from relume.trial.compare_acts import TUNINGS, seeds_for, too_few
    from relume.trial.compare_acts import check_acts as checked_acts
    from relume.trial.compare_acts import compare as compare_arms
    from relume.trial.plan import runs_of_compare
    from relume.trial.scheduler import TrialRunner

    import_acts(trial.imports)
    names = checked_acts(split_acts([acts]), equal_parameters=equal_parameters)
    runner = TrialRunner(setting(script, args, trial))
    seeds = trial.seeds or seeds_for(len(names))
    many = runs_of_compare(len(names), seeds, TUNINGS if tune else 0)
    if few := too_few(max(len(names) - 1, 1), seeds):  # one of them may be the script's own
        print_sentence(few)
    announce_plan(runner, f"up to {many} times", trial)
    with show_progress(runner, verbose=trial.verbose) as report_status:
        result = compare_arms(
            runner,
            names,
            seeds=trial.seeds,
            tune=tune or "",
            goal=goal,
            equal_parameters=equal_parameters,
            announce=report_status,
        )
    trial_output.deliver_comparison(result, form, file, console())
    if file is not None:
        print_sentence(f"the report is in {file}.")
    return 0


def recommend(
    script: Script,
    args: Args = None,
    module: Module = False,
    steps: Steps = None,
    folder: Folder = None,
    fresh: Again = False,
    form: Form = "full",
    file: File = None,
    verbose: Verbose = False,
    imports: Import = None,
    yes: Yes = False,
) -> int:
    """Run a script once and say which activation function to use where, and on what evidence.

    It is advice: the trial that would settle it is named, and wins over it.
    """
    trial = TrialOptions(
        module=module,
        steps=steps,
        folder=folder,
        fresh=fresh,
        form=form,
        file=file,
        verbose=verbose,
        imports=imports,
        yes=yes,
    )
    file = check_options(script, trial)
    from relume.report import trial_output
    from relume.trial.prove_edit import unchanged_arm
    from relume.trial.recommend import advice
    from relume.trial.scheduler import TrialRunner

    import_acts(imports)
    runner = TrialRunner(setting(script, args, trial))
    announce_plan(runner, "once", trial)
    with show_progress(runner, verbose=verbose) as report_status:
        report_status("running the script as it is")
        diagnosis, trace = unchanged_arm(runner)
    clash = any(word.partition("=")[0] in OWN for word in args or ())
    apart = ["--"] if clash else []
    command = shlex.join([*(["-m"] if module else []), script, *apart, *(args or ())])
    trial_output.deliver_advice(diagnosis, advice(diagnosis, trace, command), form, file, console())
    if file is not None:
        print_sentence(f"the report is in {file}.")
    return 0
