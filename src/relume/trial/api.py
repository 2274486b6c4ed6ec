"""The door for Python: the same trials as on the command line, for scripts and for functions.

A function is called as ``train(seed)`` in processes of its own, so it must stand in a file or a
module; what it returns (a number, or numbers by name) is judged, or else its training loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relume.core.trial import Cure, Edit, Trial
from relume.errors import UsageError
from relume.launch import missing_script
from relume.trial import fix_search as curing
from relume.trial import prove_edit
from relume.trial.compare_acts import ACTS
from relume.trial.compare_acts import compare as versus
from relume.trial.judge.objective import requested_objective
from relume.trial.paired_trial import SEEDS
from relume.trial.scheduler import (
    ExecutionPlace,
    TrialRunner,
    TrialSetting,
    callable_name,
    program_of,
)

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
    where: ExecutionPlace = field(default_factory=ExecutionPlace)
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
    laid = [prove_edit.edit_of_words(one) if isinstance(one, str) else one for one in edits]
    return prove_edit.prove(crew_for(target, under), laid, seeds=seeds)


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


def crew_for(target: Target, under: Conditions | None) -> TrialRunner:
    """Whoever fires the shots of this program.

    Raises:
        UsageError: there is no such program.
    """
    on = under or Conditions()
    call = callable(target)
    name = callable_name(target) if callable(target) else str(target)
    problem = None if call else missing_script(name, on.module)
    if problem:
        raise UsageError(problem)
    program = program_of(name, on.argv, module=on.module, call=call)
    setting = TrialSetting(
        program,
        steps=on.steps,
        objective=requested_objective(on.metric, on.better),
        folder=on.folder.absolute(),
        where=on.where,
        again=on.again,
    )
    return TrialRunner(setting)
