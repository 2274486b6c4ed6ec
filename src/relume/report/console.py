"""How relume speaks besides the report: one sentence, a console, a sign that it still works."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from rich.console import Console
from rich.text import Text

from relume.report.words.sanitise import clean, fold


class _Console(Console):
    """Rich ends the process with 1 where the reader has gone away; the exit code is not its."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """A console that reads no markup in what it is given."""
    return _Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_sentence(sentence: str, stream: Any = None) -> None:
    """One sentence of ours on stderr, or on `stream`."""
    out = stream or sys.stderr
    print(fold(f"relume: {clean(sentence)}", getattr(out, "encoding", None) or "utf-8"), file=out)


@contextmanager
def patience(doing: str) -> Generator[Callable[[str], None]]:
    """A spinner on stderr if it takes longer than two seconds and somebody looks; gives a
    function that changes what it says."""
    shown = console(stderr=True)
    if not shown.is_terminal:
        yield lambda _: None
        return
    status = shown.status(Text(f"relume: {doing}"))
    timer = Timer(2.0, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda now: status.update(Text(clean(f"relume: {now}")))
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def complaint(error: Any) -> str:
    """What the parser did not understand, as one sentence; its errors differ by version."""
    path = error.ctx.command_path if getattr(error, "ctx", None) else "relume"
    option, near = getattr(error, "option_name", ""), getattr(error, "possibilities", None)
    if option and near:
        return f"no such option {option!r}; did you mean {sorted(near)[0]!r}?"
    text = " ".join(str(error.format_message()).split()).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}; see '{path} --help'."
