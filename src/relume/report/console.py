"""Prints what is no report: single sentences, a spinner, and errors of the command line."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from rich.console import Console
from rich.text import Text

from relume.report.words.sanitise import clean, fold


class _Console(Console):
    """A console that raises where the reader has gone away: Rich would end the process with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes all text as data: no markup, no emoji names."""
    return _Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_sentence(sentence: str, stream: Any = None) -> None:
    """Print one sentence of relume's on stderr, or on `stream`."""
    out = stream or sys.stderr
    print(fold(f"relume: {clean(sentence)}", getattr(out, "encoding", None) or "utf-8"), file=out)


@contextmanager
def spinner(doing: str) -> Generator[Callable[[str], None]]:
    """Show a spinner on stderr after two seconds if it is a terminal; yields a function that
    changes its words."""
    stderr = console(stderr=True)
    if not stderr.is_terminal:
        yield lambda _: None
        return
    status = stderr.status(Text(f"relume: {doing}"))
    timer = Timer(2.0, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda words: status.update(Text(clean(f"relume: {words}")))
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def usage_sentence(error: Any) -> str:
    """Return a parser's error as one sentence; the error's attributes differ by version."""
    path = error.ctx.command_path if getattr(error, "ctx", None) else "relume"
    option, near = getattr(error, "option_name", ""), getattr(error, "possibilities", None)
    if option and near:
        return f"no such option {option!r}; did you mean {sorted(near)[0]!r}?"
    text = " ".join(str(error.format_message()).split()).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}; see '{path} --help'."
