"""Converts jobs and runs to JSON and back, for processes and the cache."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from relume.core import plain
from relume.core.trial import Arm, Edit, Objective, TrialRun

_NOT_FINITE = {"inf", "-inf", "nan"}


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
    """

    program: Program
    arm: Arm
    seed: int
    steps: int | None = None
    objective: Objective = field(default_factory=Objective)
    every: int | None = None
    threads: int = 0
    keep: str = ""


def dump(noun: object) -> str:
    """Return a job, arm or run as one line of JSON."""
    return json.dumps(plain(noun), ensure_ascii=True, separators=(",", ":"))


def job_of(text: str) -> TrialJob:
    """Read the job that `dump` wrote."""
    data: dict[str, Any] = json.loads(text)
    program: dict[str, Any] = data.pop("program")
    program["argv"] = tuple(program["argv"])
    return TrialJob(
        program=Program(**program),
        arm=arm_of(data.pop("arm")),
        objective=Objective(**data.pop("objective")),
        **data,
    )


def arm_of(data: Mapping[str, Any]) -> Arm:
    """Read an arm from its JSON."""
    edits = tuple(edit_of(edit) for edit in data["edits"])
    return Arm(data["name"], edits, data["role"], data["text"])


def edit_of(data: Mapping[str, Any]) -> Edit:
    """Read an edit from its JSON."""
    fields: dict[str, Any] = dict(data)
    fields["options"] = {name: _restored(value) for name, value in data["options"].items()}
    fields["sites"] = tuple(data["sites"])
    return Edit(**fields)


def run_of(data: Mapping[str, Any]) -> TrialRun:
    """Read a run from its JSON."""
    fields: dict[str, Any] = dict(data)
    for name in ("findings", "laid"):
        fields[name] = tuple(fields[name])
    fields["loss"] = tuple((int(step), float(value)) for step, value in fields["loss"])
    for name in ("symptoms", "metrics"):
        fields[name] = {key: float(value) for key, value in fields[name].items()}
    value = fields["value"]
    fields["value"] = None if value is None else float(value)
    return TrialRun(**fields)


def digest(file: str) -> str:
    """Hash a file's content to sixteen hexadecimal digits; empty where it cannot be read."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def _restored(value: Any) -> Any:
    """Restore tuples, and the numbers that JSON does not have."""
    if isinstance(value, str) and value in _NOT_FINITE:
        return float(value)
    if isinstance(value, list):
        return tuple(_restored(item) for item in cast("list[Any]", value))
    return value
