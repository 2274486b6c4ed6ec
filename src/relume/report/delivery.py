"""Where a report goes, and in which form: checked before anything is run for it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from relume.core import Diagnosis, Trace
from relume.errors import UsageError
from relume.registry import unknown
from relume.report.concise import concise
from relume.report.json import emit, writable, write
from relume.report.pages import Page, selection
from relume.report.terminal import render
from relume.report.text import fold

FORMS = ("full", "concise", "json")
FILE_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for: the codes to look at (None: all), the form and the file of the report."""

    codes: tuple[str, ...] | None = None
    form: str = "full"
    file: Path | None = None


def order(
    known: Sequence[Page],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    form: str = "full",
    file: Path | None = None,
) -> Order:
    """An order whose every word is known to be good.

    Raises:
        UsageError: a rule that does not exist, rules that leave nothing, an unknown form, a file
            that cannot be written.
    """
    if form not in FORMS:
        raise UsageError(unknown(form, FORMS, "output format"))
    codes = selection(select, known) or tuple(page.code for page in known)
    unwanted = selection(ignore, known)
    left = tuple(code for code in codes if code not in unwanted)
    if (select or ignore) and not left:
        raise UsageError("--select and --ignore leave no rule to check; ignore fewer.")
    return Order(left if select or ignore else None, form, writable(file) if file else None)


def deliver(
    diagnosis: Diagnosis, trace: Trace | None, wanted: Order, console: Console, *, both: bool = True
) -> None:
    """Write the report: to the order's file if it names one, else JSON to stdout and text to
    `console`; beside a file the text goes to `console` too if `both`."""
    if wanted.file is not None:
        write(_text(diagnosis, trace, wanted.form), wanted.file)
        if both:
            form = "full" if wanted.form == "json" else wanted.form
            _show(diagnosis, trace, form, console)
    elif wanted.form == "json":
        emit(diagnosis.to_json())
    elif both:
        _show(diagnosis, trace, wanted.form, console)


def _text(diagnosis: Diagnosis, trace: Trace | None, form: str) -> str:
    if form == "json":
        return diagnosis.to_json() + "\n"
    stream = io.StringIO()
    _show(diagnosis, trace, form, Console(file=stream, width=FILE_WIDTH, color_system=None))
    return stream.getvalue()


def _show(diagnosis: Diagnosis, trace: Trace | None, form: str, console: Console) -> None:
    if form == "concise":  # written as it is: a line must stay one line, however long
        console.file.write(fold(concise(diagnosis), console.encoding))
        console.file.flush()
    else:
        render(diagnosis, trace, console)
