"""The door for Python: the same trials as on the command line, for scripts and for functions.

A function is called as ``train(seed)`` in processes of its own, so it must stand in a file or a
module; what it returns (a number, or numbers by name) is judged, or else its training loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relume.errors import UsageError
from relume.launch import missing
from relume.proof import Cure, Edit, Trial
from relume.trial import cure as curing
from relume.trial import single
from relume.trial.crew import Crew, Setting, Where, callable_name, program_of
from relume.trial.objective import asked
from relume.trial.settle import SEEDS
from relume.trial.versus import ACTS
from relume.trial.versus import compare as versus

Target = str | Path | Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which all runs of a trial are made.

    Attributes:
        argv: the script's arguments.
        module: the target is a module's name.
        steps: end every run after so many optimiser steps.
        metric, better: what is judged, as ``--metric`` and ``--better`` say it.
        where: where the runs are made.
        folder: where runs and finished shots are kept.
        again: run everything again, whatever was kept.
    """

    argv: tuple[str, ...] = ()
    module: bool = False
    steps: int | None = None
    metric: str | None = None
    better: str | None = None
    where: Where = field(default_factory=Where)
    folder: Path = Path(".relume")
    again: bool = False


def compare(
    target: Target,
    acts: Sequence[str] = ACTS,
    *,
    seeds: int = SEEDS,
    tune: str = "",
    under: Conditions | None = None,
) -> Trial:
    """Compare acts in the hidden layers of a program, against its own.

    Args:
        target: a script, or a function of a module or a file.
        acts: names of acts.
        seeds: paired runs for each act.
        tune: ``"lr"`` tunes the learning rate for every act alike.
        under: the conditions.

    Raises:
        UsageError: a program that is not there or has no hidden act, an unknown act.
    """
    return versus(crew_for(target, under), acts, seeds=seeds, tune=tune)


def prove(
    target: Target,
    edits: Sequence[Edit | str],
    *,
    seeds: int = SEEDS,
    under: Conditions | None = None,
) -> Trial:
    """Settle whether edits, laid together, are a gain.

    Args:
        target: a script, or a function of a module or a file.
        edits: edits, or their words: ``"lower-learning-rate:factor=0.1"``.
        seeds: paired runs, and as many fresh ones where a gain shows.
        under: the conditions.

    Raises:
        UsageError: a program or a fix that is not there.
    """
    laid = [single.edit_of_words(one) if isinstance(one, str) else one for one in edits]
    return single.prove(crew_for(target, under), laid, seeds=seeds)


def fix(
    target: Target,
    *,
    seeds: int = SEEDS,
    select: Sequence[str] | None = None,
    under: Conditions | None = None,
) -> Cure:
    """Diagnose a program and prove a cure of its root cause.

    Args:
        target: a script, or a function of a module or a file.
        seeds: paired runs, and as many fresh ones for the winner.
        select: only findings of these rules are treated.
        under: the conditions.

    Raises:
        UsageError: a program that is not there.
    """
    return curing.cure(crew_for(target, under), seeds=seeds, select=select)


def crew_for(target: Target, under: Conditions | None) -> Crew:
    """Whoever fires the shots of this program.

    Raises:
        UsageError: there is no such program.
    """
    on = under or Conditions()
    call = callable(target)
    name = callable_name(target) if callable(target) else str(target)
    problem = None if call else missing(name, on.module)
    if problem:
        raise UsageError(problem)
    program = program_of(name, on.argv, module=on.module, call=call)
    setting = Setting(
        program,
        steps=on.steps,
        objective=asked(on.metric, on.better),
        folder=on.folder.absolute(),
        where=on.where,
        again=on.again,
    )
    return Crew(setting)
