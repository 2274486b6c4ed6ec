"""Proves named edits in a paired trial: `relume prove`."""

import ast
from collections.abc import Sequence
from dataclasses import replace

from relume.core import Diagnosis, Trace, Value
from relume.core.trial import Arm, Edit, Safety, Trial
from relume.diagnosis import diagnose
from relume.errors import UsageError
from relume.fixes.ladder import fix_called
from relume.record.store import run_file
from relume.trial.paired_trial import SEEDS, check_judgeable, recorded_arm, run_paired_trial
from relume.trial.scheduler import TrialRunner


def edit_of_words(words: str) -> Edit:
    """Parse an edit from ``NAME`` or ``NAME:key=value,key=value``; ``sites=a+b`` names sites.

    Raises:
        UnknownNameError: no such fix.
        UsageError: an option is not ``key=value``, or the fix is advice only.

    >>> edit_of_words("lower-learning-rate:factor=0.5").options
    {'factor': 0.5}
    """
    name, _, rest = words.partition(":")
    fix = fix_called(name.strip())
    if fix.safety is Safety.ADVICE:
        raise UsageError(
            f"{name} is advice, which nothing can lay over a run; see 'relume explain'."
        )
    options: dict[str, Value] = {}
    sites: tuple[str, ...] = ()
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise UsageError(f"--edit {words!r}: {part!r} is no option; expected name=value.")
        if key.strip() == "sites":
            sites = tuple(filter(None, value.split("+")))
        else:
            options[key.strip()] = _value(value.strip())
    settings = ", ".join(f"{key} {value}" for key, value in options.items())
    text = fix.name.replace("-", " ") + (f": {settings}" if settings else "")
    return Edit(fix.name, options, sites, text)  # type: ignore[arg-type]


def _value(word: str) -> Value:
    try:
        value = ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word
    return value if isinstance(value, bool | int | float | str) else word


def prove(runner: TrialRunner, edits: Sequence[Edit], *, seeds: int = SEEDS) -> Trial:
    """Prove whether these edits, applied together, are a gain.

    The one candidate is named beforehand, so nothing is chosen; a gain must show on fresh seeds all
    the same.
    """
    check_judgeable(runner)
    names = " + ".join(edit.fix for edit in edits)
    arm = Arm(names, tuple(edits), text=" and ".join(edit.text or edit.fix for edit in edits))
    return run_paired_trial(runner, [arm], f"does it help: {arm.text}?", seeds=seeds)


def unchanged_arm(runner: TrialRunner) -> tuple[Diagnosis, Trace]:
    """Diagnose the program without an edit.

    Raises:
        UsageError: it trained nothing, or left no recording.
    """
    path = recorded_arm(runner)
    trace = run_file.read(path)
    diagnosis = diagnose(trace)
    return replace(diagnosis, meta={**diagnosis.meta, "path": str(path)}), trace
