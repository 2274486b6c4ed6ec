"""`relume prove`, `relume compare` and `relume recommend`: trials that somebody names."""

import shlex
from dataclasses import fields
from typing import Annotated

import typer

from relume.commands.trying import (
    Again,
    Args,
    Asked,
    Form,
    Module,
    Script,
    Steps,
    Verbose,
    checked,
    flags,
    options,
    setting,
)
from relume.commands.waiting import watched
from relume.errors import UsageError
from relume.options import File, Folder
from relume.registry import unknown
from relume.report.voice import console, say

PROVE_CODES = "Exit code: 0 proven, 1 not proven, 2 bad input, 130 interrupted."
CODES = "Exit code: 0 done, 2 bad input, 130 interrupted."

OWN = frozenset({"--acts", "--tune", "--goal", "--select", "--run", "--help", "-h", "--"}).union(
    *(flags(one.type) for one in fields(Asked))
)
"""What `relume fix` and `compare` would take from a command line that is given to them."""


@options
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
    asked: Asked,
) -> int:
    """Settle by paired runs whether one named fix helps this script."""
    file = checked(script, asked)
    if not edit:
        raise UsageError("name a fix: --edit lower-learning-rate:factor=0.1.")
    from relume.report import proof
    from relume.trial.crew import Crew
    from relume.trial.single import edit_of_words
    from relume.trial.single import prove as settle

    edits = [edit_of_words(words) for words in edit]
    crew = Crew(setting(script, args, asked))
    with watched(crew, verbose=asked.verbose) as told:
        told(f"trying {', '.join(one.text for one in edits)}")
        found = settle(crew, edits, seeds=asked.seeds)
    proof.deliver(found, asked.form, file, console())
    if file is not None:
        say(f"the report is in {file}.")
    return int(not any(v.word == "proven" and v.fresh for v in found.verdicts))


@options
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
    *,
    asked: Asked,
) -> int:
    """Compare activation functions in an unchanged script, on paired seeds, against its own.

    "No difference shown" is an answer.
    """
    file = checked(script, asked)
    if tune not in (None, "lr"):
        raise UsageError(unknown(tune or "", ("lr",), "thing to tune"))
    from relume.report import proof
    from relume.trial.crew import Crew
    from relume.trial.versus import checked as known
    from relume.trial.versus import compare as versus

    names = known(acts.split(","))
    crew = Crew(setting(script, args, asked))
    with watched(crew, verbose=asked.verbose) as told:
        found = versus(crew, names, seeds=asked.seeds, tune=tune or "", goal=goal, told=told)
    proof.deliver(found, asked.form, file, console(), comparison=True)
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
    asked = Asked(
        module=module,
        steps=steps,
        folder=folder,
        fresh=fresh,
        form=form,
        file=file,
        verbose=verbose,
    )
    file = checked(script, asked)
    from relume.report import proof
    from relume.trial.advice import advice
    from relume.trial.crew import Crew
    from relume.trial.single import as_it_is

    crew = Crew(setting(script, args, asked))
    with watched(crew, verbose=verbose) as told:
        told("running the script as it is")
        diagnosis, trace = as_it_is(crew)
    clash = any(word.partition("=")[0] in OWN for word in args or ())
    apart = ["--"] if clash else []
    command = shlex.join([*(["-m"] if module else []), script, *apart, *(args or ())])
    proof.deliver_advice(diagnosis, advice(diagnosis, trace, command), form, file, console())
    if file is not None:
        say(f"the report is in {file}.")
    return 0
