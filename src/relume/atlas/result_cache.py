"""Measured results: those that came with the package, and those measured on this machine.

`relume atlas --measure` keeps its results in the user's cache, where they go before the package's
own; each says on what it was measured. A file that is damaged, or was made by other arms or
columns than the experiment has now, is passed over.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from relume.atlas.experiment import Experiment
from relume.cards.card_cache import folder as cards


def folder() -> Path:
    """Where this machine's results are kept: beside the cards."""
    return cards().parent / "atlas"


def stored_result(experiment: Experiment) -> dict[str, Any] | None:
    """The result to show: this machine's, or else the package's; None if there is neither."""
    own = folder() / f"{experiment.name}.json"
    packaged = files("relume.atlas") / "measured" / f"{experiment.name}.json"
    for place, text in ((own, _text(own)), (packaged, _text(packaged))):
        if text is not None and (found := _whole(text, experiment)) is not None:
            return {**found, "here": place is own}
    return None


def store_result(found: Mapping[str, Any], at: Path) -> Path:
    """Writes a result, whole or not at all; gives its file."""
    at.mkdir(parents=True, exist_ok=True)
    path = at / f"{found['experiment']}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False)
    text = _flat(text)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text + "\n", "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _flat(text: str) -> str:
    """Lists of numbers on one line each: a reader of a diff sees runs, not digits."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        bare = line.strip()
        if inside:
            lines[-1] += bare if bare.startswith("]") else f"{bare} " if bare[-1] == "," else bare
            inside = not bare.startswith("]")
        else:
            lines.append(line)
            inside = bare.endswith("[")
    return "\n".join(lines)


def _text(path: Any) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8")
    return None


def _whole(text: str, experiment: Experiment) -> dict[str, Any] | None:
    try:
        found: Any = json.loads(text)
        runs = found["runs"]
        if list(runs) != list(experiment.arms) or found["experiment"] != experiment.name:
            return None
        for arm in runs.values():
            if list(arm) != list(experiment.columns):
                return None
            if any(len(values) != found["seeds"] for values in arm.values()):
                return None
            _numbers(arm)
        return {**found, "versions": dict(found["versions"]), "machine": dict(found["machine"])}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _numbers(arm: Mapping[str, Any]) -> None:
    for values in arm.values():
        for value in values:
            if value is not None and not isinstance(value, int | float):
                raise TypeError("a run's value is a number")
