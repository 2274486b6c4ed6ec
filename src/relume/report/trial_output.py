"""A cure or a trial as text or JSON, to the terminal or a file."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from relume.core import Diagnosis, plain
from relume.core.trial import Cure, Trial
from relume.report.machine.json_file import emit, write
from relume.report.terminal import comparison as versus
from relume.report.terminal import trial_text as views

WIDTH = 100


def deliver(
    found: Cure | Trial,
    form: str,
    file: Path | None,
    console: Console,
    *,
    comparison: bool = False,
) -> None:
    """Write the report: to `file` if there is one, JSON to stdout, text to `console`."""

    def show(where: Console) -> None:
        if isinstance(found, Cure):
            views.cure(found, where)
        elif comparison:
            versus.comparison(found, where)
        else:
            views.trial(found, where)

    _put(as_json(found), show, form, file, console)


def deliver_advice(
    diagnosis: Diagnosis, pieces: Sequence[Any], form: str, file: Path | None, console: Console
) -> None:
    """Write a recommendation, likewise."""
    data = {"outcome": plain(diagnosis.outcome), "advice": plain(tuple(pieces))}
    _put(data, lambda where: versus.recommendation(diagnosis, pieces, where), form, file, console)


def _put(
    data: dict[str, Any],
    show: Callable[[Console], None],
    form: str,
    file: Path | None,
    console: Console,
) -> None:
    if form == "json":
        text = json.dumps(data, indent=2, ensure_ascii=False)
        if file is None:
            emit(text)
            return
        write(f"{text}\n", file)
    elif file is not None:
        stream = io.StringIO()
        show(Console(file=stream, width=WIDTH, color_system=None))
        write(stream.getvalue(), file)
    show(console)


def as_json(found: Cure | Trial) -> dict[str, Any]:
    """Under the names of the attributes; a cure with its word first."""
    data: dict[str, Any] = plain(found)
    return {"word": found.word, **data} if isinstance(found, Cure) else data
