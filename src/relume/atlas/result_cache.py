"""Stores measured results, and reads them from this machine's cache or from the package.

`relume atlas --measure` stores its results in the user's cache, which comes before the package's
own; each result names its machine. A file that is damaged, or that has other arms or columns than
the experiment, is skipped.
"""

import contextlib
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from relume.atlas.experiment import Experiment
from relume.cards.card_cache import folder as cards
from relume.core.whole_file import whole_file


def folder() -> Path:
    """Return the folder of this machine's results, beside the cards."""
    return cards().parent / "atlas"


def stored_result(experiment: Experiment) -> dict[str, Any] | None:
    """Return the result to show: this machine's, else the package's; None if there is neither."""
    own = folder() / f"{experiment.name}.json"
    packaged = files("relume.atlas") / "measured" / f"{experiment.name}.json"
    for place, text in ((own, _text(own)), (packaged, _text(packaged))):
        if text is not None and (result := _whole(text, experiment)) is not None:
            return {**result, "here": place is own}
    return None


def store_result(result: Mapping[str, Any], at: Path) -> Path:
    """Write a result, whole or not at all; return its file."""
    at.mkdir(parents=True, exist_ok=True)
    path = at / f"{result['experiment']}.json"
    with whole_file(path) as part:
        part.write_text(_flat(json.dumps(result, indent=1, ensure_ascii=False)) + "\n", "utf-8")
    return path


def _flat(text: str) -> str:
    """Put each list of numbers on one line, so that a diff shows runs, not digits."""
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
        result: Any = json.loads(text)
        runs = result["runs"]
        if list(runs) != list(experiment.arms) or result["experiment"] != experiment.name:
            return None
        for arm in runs.values():
            if list(arm) != list(experiment.columns):
                return None
            if any(len(values) != result["seeds"] for values in arm.values()):
                return None
            _numbers(arm)
        return {**result, "versions": dict(result["versions"]), "machine": dict(result["machine"])}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _numbers(arm: Mapping[str, Any]) -> None:
    for values in arm.values():
        for value in values:
            if value is not None and not isinstance(value, int | float):
                raise TypeError("a run's value is a number")
