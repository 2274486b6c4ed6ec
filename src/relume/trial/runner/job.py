"""The nouns of a trial as JSON and back: how a job travels to a process and a shot comes home."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from relume.core import plain
from relume.core.trial import Arm, Edit, Objective, TrialRun

_ODD = {"inf", "-inf", "nan"}


@dataclass(frozen=True, slots=True)
class Program:
    """What every arm runs.

    Attributes:
        target: absolute path of a script, a module's name, or ``file.py:function`` or
            ``pkg.mod:function`` where `call` is set.
        argv: its arguments.
        module: `target` is a module, as under ``python -m``.
        call: `target` names a function ``train(seed) -> number or mapping``.
        cwd: the folder in which it runs.
    """

    target: str
    argv: tuple[str, ...] = ()
    module: bool = False
    call: bool = False
    cwd: str = "."


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One shot that is still to be fired.

    Attributes:
        program, arm, seed: what, with which edits, at which repetition.
        steps: end the run after so many optimiser steps; None: let it end.
        objective: what is judged.
        every: record every so many steps; None: keep the recorder's budget.
        threads: of torch in the process; 0 leaves what is set.
        keep: a folder for the run file; empty: it is thrown away.
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
    """A noun of ours as one line of JSON."""
    return json.dumps(plain(noun), ensure_ascii=True, separators=(",", ":"))


def job_of(text: str) -> TrialJob:
    """The job that `dump` wrote."""
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
    """An arm from its JSON."""
    edits = tuple(edit_of(edit) for edit in data["edits"])
    return Arm(data["name"], edits, data["role"], data["text"])


def edit_of(data: Mapping[str, Any]) -> Edit:
    """An edit from its JSON."""
    known: dict[str, Any] = dict(data)
    known["options"] = {name: _revived(value) for name, value in data["options"].items()}
    known["sites"] = tuple(data["sites"])
    return Edit(**known)


def run_of(data: Mapping[str, Any]) -> TrialRun:
    """A shot from its JSON."""
    known: dict[str, Any] = dict(data)
    for name in ("findings", "laid"):
        known[name] = tuple(known[name])
    known["loss"] = tuple((int(step), float(value)) for step, value in known["loss"])
    for name in ("symptoms", "metrics"):
        known[name] = {key: float(value) for key, value in known[name].items()}
    value = known["value"]
    known["value"] = None if value is None else float(value)
    return TrialRun(**known)


def digest(file: str) -> str:
    """What a file holds, in sixteen hexadecimal digits; empty where it cannot be read."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def _revived(value: Any) -> Any:
    """What JSON made of a tuple or of a number that it does not have."""
    if isinstance(value, str) and value in _ODD:
        return float(value)
    if isinstance(value, list):
        return tuple(_revived(item) for item in cast("list[Any]", value))
    return value
