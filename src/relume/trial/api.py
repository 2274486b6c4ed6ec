"""Runs trials from Python, as the command line does, on scripts and on functions.

A function is called as ``train(seed)`` in separate processes, so it must be in a file or a module.
The trial judges what it returns (a number, or numbers by name), or else its training loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relume.core.trial import Cure, Edit, Trial
from relume.errors import UsageError
from relume.launch import missing_script
from relume.trial import compare_acts, fix_search, prove_edit
from relume.trial.compare_acts import ACTS
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
    """The conditions of all runs of a trial, under the names of the command line's options.

    Attributes:
        argv: the script's arguments.
        module: the target is a module's name.
        steps: end every run after this many optimiser steps.
        metric, better: what is judged, in the words of ``--metric`` and ``--better``.
        where: the machines and the number of parallel runs.
        dir: for run files and the cache of finished runs.
        fresh: run everything again, and ignore the cache.
    """

    argv: tuple[str, ...] = ()
    module: bool = False
    steps: int | None = None
    metric: str | None = None
    better: str | None = None
    where: ExecutionPlace = field(default_factory=ExecutionPlace)
    dir: Path = Path(".relume")
    fresh: bool = False


def compare(
    target: Target,
    acts: Sequence[str] = ACTS,
    *,
    seeds: int | None = None,
    tune: str = "",
    under: Conditions | None = None,
) -> Trial:
    """Compare acts in the hidden layers of a program, against its own.

    Args:
        target: a script, or a function of a module or a file.
        acts: names of acts.
        seeds: paired runs for each act; None: as many as can show a gain, five at least.
        tune: ``"lr"`` tunes the learning rate for every act alike.
        under: the conditions.

    Raises:
        UsageError: the program is not there or has no hidden act, or an act is unknown.
    """
    return compare_acts.compare(runner_for(target, under), acts, seeds=seeds, tune=tune)


def prove(
    target: Target,
    edits: Sequence[Edit | str],
    *,
    seeds: int = SEEDS,
    under: Conditions | None = None,
) -> Trial:
    """Prove whether edits, applied together, are a gain.

    Args:
        target: a script, or a function of a module or a file.
        edits: edits, or their text: ``"lower-learning-rate:factor=0.1"``.
        seeds: paired runs, and as many fresh ones where a gain shows.
        under: the conditions.

    Raises:
        UsageError: the program or a fix is not there.
    """
    parsed = [prove_edit.edit_of_words(one) if isinstance(one, str) else one for one in edits]
    return prove_edit.prove(runner_for(target, under), parsed, seeds=seeds)


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
        select: treat only findings of these rules.
        under: the conditions.

    Raises:
        UsageError: the program is not there.
    """
    return fix_search.cure(runner_for(target, under), seeds=seeds, select=select)


def runner_for(target: Target, under: Conditions | None) -> TrialRunner:
    """Return the runner of this program.

    Raises:
        UsageError: there is no such program.
    """
    conditions = under or Conditions()
    call = callable(target)
    name = callable_name(target) if callable(target) else str(target)
    problem = None if call else missing_script(name, conditions.module)
    if problem:
        raise UsageError(problem)
    program = program_of(name, conditions.argv, module=conditions.module, call=call)
    setting = TrialSetting(
        program,
        steps=conditions.steps,
        objective=requested_objective(conditions.metric, conditions.better),
        folder=conditions.dir.absolute(),
        where=conditions.where,
        again=conditions.fresh,
    )
    return TrialRunner(setting)
