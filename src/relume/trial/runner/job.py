"""Converts jobs and runs to JSON and back, for processes and the cache."""

import hashlib
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from relume.core.trial import Arm, Objective, TrialRun


@dataclass(frozen=True, slots=True)
class Program:
    """The program that every arm runs.

    Attributes:
        target: absolute path of a script, a module's name, or ``file.py:function`` or
            ``pkg.mod:function`` where `call` is set.
        argv: its arguments.
        module: whether `target` is a module, as under ``python -m``.
        call: whether `target` names a function ``train(seed) -> number or mapping``.
        cwd: the folder in which it runs.
    """

    target: str
    argv: tuple[str, ...] = ()
    module: bool = False
    call: bool = False
    cwd: str = "."


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One run to be made.

    Attributes:
        program, arm, seed: the program, its edits, and the repetition.
        steps: end the run after this many optimiser steps; None: let it finish.
        objective: what is judged.
        every: record every this many steps; None: within the recorder's budget.
        threads: of torch in the process; 0: torch's own number.
        keep: a folder for the run file; empty: it is deleted.
        timeout: end the run after this many seconds; 0: never.
        imports: modules that register acts, imported before the program runs.
        recorded: whether the run is recorded and diagnosed, and not its losses alone.
    """

    program: Program
    arm: Arm
    seed: int
    steps: int | None = None
    objective: Objective = field(default_factory=Objective)
    every: int | None = None
    threads: int = 0
    keep: str = ""
    timeout: float = 0.0
    imports: tuple[str, ...] = ()
    recorded: bool = True


_JOB, _RUN = TypeAdapter(TrialJob), TypeAdapter(TrialRun)


def dump(noun: object) -> str:
    """Return a job, a run or a part of one as one line of JSON, with ``NaN`` and ``Infinity``."""
    return json.dumps(noun, default=_fields, ensure_ascii=True, separators=(",", ":"))


def _fields(noun: Any) -> dict[str, Any]:
    return {one.name: getattr(noun, one.name) for one in fields(noun)}


def job_of(text: str) -> TrialJob:
    """Read the job that `dump` wrote."""
    return _JOB.validate_python(json.loads(text))  # `validate_json` refuses names not in UTF-8


def run_of(data: object) -> TrialRun:
    """Read a run from what `json.loads` made of its line.

    Raises:
        ValueError: it is no run.
    """
    return _RUN.validate_python(data)


def digest(file: str) -> str:
    """Hash a file's content to sixteen hexadecimal digits; empty where it cannot be read."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError:
        return ""
