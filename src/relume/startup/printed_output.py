"""Hears what a script prints, to know what it says of rows that it does not train on.

The file below `sys.stdout` (and `sys.stderr`, where `logging` writes) keeps a copy of what passes
through it: no stream is replaced, nothing is written in another order or in other pieces, and an
error is raised by Python's own code. Where Python does not buffer (`python -u`), a broken pipe is
raised with one line more in its traceback. Of long outputs only lines on held-out rows are kept.
"""

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any

from relume.core import Fact

MOST_BYTES = 1 << 18  # of one stream, until its lines are looked through
FIRST_LINES, LAST_LINES = 200, 2000  # that are kept then
WORDS = ("val", "test", "eval", "dev", "held", "hold")


class PrintedOutput:
    """Hears standard output and standard error of this process."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._heard: list[_Heard] = []

    def listen(self) -> None:
        """Begin to hear both streams, as far as they are Python's own files."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                self._listen_to(stream)

    def _listen_to(self, stream: Any) -> None:
        if type(stream) is not TextIOWrapper:
            return
        buffer: Any = stream.buffer
        raw: Any = buffer.raw if type(buffer) is BufferedWriter else buffer
        if type(raw) is not FileIO or "write" in vars(raw):
            return
        heard = _Heard(stream.encoding)
        self._heard.append(heard)
        raw.write = self._hearing(raw, heard, buffered=raw is not buffer)

    def _hearing(self, raw: Any, heard: "_Heard", *, buffered: bool) -> Callable[[Any], Any]:
        original = raw.write

        def write(data: Any) -> Any:
            try:
                count = original(data)
            except OSError:
                if not buffered:
                    raise
                # nothing was written: Python's buffer asks again, and the file itself answers
                del raw.write
                return 0
            if os.getpid() == self._process:
                with contextlib.suppress(Exception):
                    heard.add(bytes(data[:count]))
            return count

        return write

    def facts(self) -> list[Fact]:
        """What was printed of held-out rows: one fact for each name."""
        from relume.trial.judge.metric_words import SHARES
        from relume.trial.judge.objective import direction
        from relume.trial.runner.held_out_numbers import printed_numbers, thinned

        text = "\n".join(heard.text() for heard in self._heard)
        found = thinned(printed_numbers(text))
        return [
            Fact(
                "held-out",
                "",
                0,
                {
                    "name": name,
                    "values": list(values),
                    "better": direction(name),
                    "share": bool(SHARES & set(name.split())),
                },
            )
            for name, values in found.items()
        ]


class _Heard:
    """The output of one stream: all of it, or the lines that may speak of held-out rows."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._pieces: list[bytes] = []
        self._size = 0
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def add(self, data: bytes) -> None:
        """Keep what was written."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MOST_BYTES:
            self._look_through()

    def text(self) -> str:
        """What is kept, in the order in which it was written."""
        self._look_through(whole=not self._first)
        return "\n".join([*self._first, *self._last])

    def _look_through(self, *, whole: bool = False) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        text = b"".join(pieces).decode(self._encoding, "replace")
        for line in text.replace("\r", "\n").split("\n"):
            low = line.lower()
            if not whole and not any(word in low for word in WORDS):
                continue
            if len(self._first) < FIRST_LINES:
                self._first.append(line)
            else:
                self._last.append(line)
