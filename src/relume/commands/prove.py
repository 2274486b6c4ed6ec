"""`relume prove`, `relume compare` and `relume recommend`: trials that somebody names."""

import shlex
from typing import Annotated

import typer

from relume.commands.trying import (
    Address,
    Again,
    Args,
    Backend,
    Better,
    Form,
    Jobs,
    Metric,
    Module,
    Script,
    Seeds,
    Steps,
    Verbose,
    checked,
    setting,
    watched,
)
from relume.errors import UsageError
from relume.options import File, Folder
from relume.registry import unknown
from relume.report.voice import console, say

PROVE_CODES = "Exit code: 0 proven, 1 not proven, 2 bad input, 130 interrupted."
CODES = "Exit code: 0 done, 2 bad input, 130 interrupted."


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
    module: Module = False,
    seeds: Seeds = 5,
    steps: Steps = None,
    metric: Metric = None,
    better: Better = None,
    jobs: Jobs = 0,
    backend: Backend = "local",
    address: Address = "",
    folder: Folder = None,
    fresh: Again = False,
    form: Form = "full",
    file: File = None,
    verbose: Verbose = False,
) -> int:
    """Settle by paired runs whether one named fix helps this script."""
    checked(script, module=module, seeds=seeds, steps=steps, jobs=jobs, form=form)
    if not edit:
        raise UsageError("name a fix: --edit lower-learning-rate:factor=0.1.")
    from relume.report import proof
    from relume.report.json import writable
    from relume.trial.crew import Crew
    from relume.trial.single import edit_of_words
    from relume.trial.single import prove as settle

    file = writable(file) if file else None
    edits = [edit_of_words(words) for words in edit]
    crew = Crew(
        setting(
            script,
            args,
            module=module,
            steps=steps,
            metric=(metric, better),
            where=(backend, address, jobs),
            folder=folder,
            again=fresh,
        )
    )
    with watched(crew, verbose=verbose) as told:
        told(f"trying {', '.join(one.text for one in edits)}")
        found = settle(crew, edits, seeds=seeds)
    proof.deliver(found, form, file, console())
    if file is not None:
        say(f"the report is in {file}.")
    return int(not any(v.word == "proven" and v.fresh for v in found.verdicts))


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
    module: Module = False,
    seeds: Seeds = 5,
    steps: Steps = None,
    metric: Metric = None,
    better: Better = None,
    jobs: Jobs = 0,
    backend: Backend = "local",
    address: Address = "",
    folder: Folder = None,
    fresh: Again = False,
    form: Form = "full",
    file: File = None,
    verbose: Verbose = False,
) -> int:
    """Compare activation functions in an unchanged script, on paired seeds, against its own.

    "No difference shown" is an answer.
    """
    checked(script, module=module, seeds=seeds, steps=steps, jobs=jobs, form=form)
    if tune not in (None, "lr"):
        raise UsageError(unknown(tune or "", ("lr",), "thing to tune"))
    from relume.report import proof
    from relume.report.json import writable
    from relume.trial.crew import Crew
    from relume.trial.versus import checked as known
    from relume.trial.versus import compare as versus

    file = writable(file) if file else None
    names = known(acts.split(","))
    crew = Crew(
        setting(
            script,
            args,
            module=module,
            steps=steps,
            metric=(metric, better),
            where=(backend, address, jobs),
            folder=folder,
            again=fresh,
        )
    )
    with watched(crew, verbose=verbose) as told:
        found = versus(crew, names, seeds=seeds, tune=tune or "", goal=goal, told=told)
    proof.deliver(found, form, file, console(), comparison=True)
    if file is not None:
        say(f"the report is in {file}.")
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
) -> int:
    """Run a script once and say which activation function to use where, and on what evidence.

    It is advice: the trial that would settle it is named, and wins over it.
    """
    checked(script, module=module, seeds=5, steps=steps, jobs=0, form=form)
    from relume.report import proof
    from relume.report.json import writable
    from relume.trial.advice import advice
    from relume.trial.crew import Crew
    from relume.trial.single import as_it_is

    file = writable(file) if file else None
    wanted = setting(script, args, module=module, steps=steps, folder=folder, again=fresh)
    crew = Crew(wanted)
    with watched(crew, verbose=verbose) as told:
        told("running the script as it is")
        diagnosis, trace = as_it_is(crew)
    command = shlex.join([*(["-m"] if module else []), script, *(args or ())])
    proof.deliver_advice(diagnosis, advice(diagnosis, trace, command), form, file, console())
    if file is not None:
        say(f"the report is in {file}.")
    return 0
