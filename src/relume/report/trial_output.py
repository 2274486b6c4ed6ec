"""Delivers a cure, a trial or a recommendation as text or JSON, to the terminal or a file."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from relume.core import Diagnosis, plain
from relume.core.trial import Cure, Trial
from relume.report.comparison_page import page
from relume.report.machine import comparison_tables as tables
from relume.report.machine.json_file import emit, write
from relume.report.machine.list_rows import AdviceRow, Recommendation
from relume.report.terminal import comparison as versus
from relume.report.terminal import trial_text as views

WIDTH = 100


def deliver(
    result: Cure | Trial,
    form: str,
    file: Path | None,
    console: Console,
    *,
    comparison: bool = False,
    verbose: bool = False,
) -> None:
    """Write a cure or a trial: to `file` if given, else JSON to stdout, text to `console`."""

    def show(target: Console) -> None:
        if isinstance(result, Cure):
            views.cure(result, target, verbose=verbose)
        elif comparison:
            versus.comparison(result, target)
        else:
            views.trial(result, target)

    _put(as_json(result), show, form, file, console)


def deliver_comparison(trial: Trial, form: str, file: Path | None, console: Console) -> None:
    """Write a comparison: as a page, a table for a program or a paper, or as `deliver` does."""
    forms = {**tables.FORMS, "html": page}
    if form not in forms:
        deliver(trial, form, file, console, comparison=True)
        return
    text = forms[form](trial)
    if file is None:
        emit(text.rstrip("\n"))
        return
    write(text, file)
    versus.comparison(trial, console)


def deliver_advice(
    diagnosis: Diagnosis, pieces: Sequence[Any], form: str, file: Path | None, console: Console
) -> None:
    """Write a recommendation to the same places."""
    rows = tuple(AdviceRow(p.where, p.text, p.evidence, p.settle) for p in pieces)
    data = plain(Recommendation(diagnosis.outcome, rows))
    _put(data, lambda target: versus.recommendation(diagnosis, pieces, target), form, file, console)


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


def as_json(result: Cure | Trial) -> dict[str, Any]:
    """Return a cure or a trial under its attributes' names; a cure has its word first."""
    data: dict[str, Any] = plain(result)
    return {"word": result.word, **data} if isinstance(result, Cure) else data
