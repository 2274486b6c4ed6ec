"""A cure or a trial as text or JSON, to the terminal or a file."""

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from relume.core import plain
from relume.proof import Cure, Trial
from relume.report import trial as views
from relume.report.json import emit, write

WIDTH = 100


def deliver(found: Cure | Trial, form: str, file: Path | None, console: Console) -> None:
    """Write the report: to `file` if there is one, JSON to stdout, text to `console`."""
    if form == "json":
        text = json.dumps(as_json(found), indent=2, ensure_ascii=False)
        if file is None:
            emit(text)
            return
        write(f"{text}\n", file)
    elif file is not None:
        stream = io.StringIO()
        show(found, Console(file=stream, width=WIDTH, color_system=None))
        write(stream.getvalue(), file)
    show(found, console)


def show(found: Cure | Trial, console: Console) -> None:
    """As text."""
    if isinstance(found, Cure):
        views.cure(found, console)
    else:
        views.trial(found, console)


def as_json(found: Cure | Trial) -> dict[str, Any]:
    """Under the names of the attributes; a cure with its word first."""
    data: dict[str, Any] = plain(found)
    return {"word": found.word, **data} if isinstance(found, Cure) else data
