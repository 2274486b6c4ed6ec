"""Says in one line, while a script still runs, that a value is not finite or that a layer died.

It reads the run file from the process that waits for the script: the script itself notices nothing.
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from relume.errors import RelumeError
from relume.report.console import print_sentence
from relume.report.words.sanitise import name

FIRST = "SELECT site, step, body FROM fact WHERE kind = 'non-finite' ORDER BY step, id LIMIT 1"
SHARE = 0.01
"""Of one core: what reading whole run files may take while the script runs, as recording does."""


class EarlyAlarm:
    """Looks into a run file when it is called, and says each kind of trouble once.

    Args:
        path: the run file.
        stream: where to; a terminal.
        clock: seconds; a test has its own.
    """

    def __init__(self, path: Path, stream: Any, clock: Callable[[], float] = perf_counter) -> None:
        self._path, self._stream, self._clock = path, stream, clock
        self._looks = [self._non_finite, self._dead]
        self._next_read = 0.0

    def __call__(self) -> None:
        """Look once; a file that is empty, busy or gone is looked at again the next time."""
        for look in tuple(self._looks):
            sentence = None
            with suppress(sqlite3.Error, OSError, ValueError, RelumeError):
                sentence = look()
            if sentence:
                self._looks.remove(look)
                print_sentence(f"{sentence}; see it now: relume diagnose", self._stream)

    def _non_finite(self) -> str:
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=0.05)) as db:
            row = db.execute(FIRST).fetchone()
        return _broken(*row) if row is not None else ""

    def _dead(self) -> str:
        if self._clock() < self._next_read:
            return ""
        from relume.cli.first_death import first_death  # once, and the price of no look

        began = self._clock()
        try:
            return first_death(self._path)
        finally:
            self._next_read = self._clock() + (self._clock() - began) / SHARE


def _broken(site: object, step: object, body: str) -> str:
    data: Any = json.loads(body)
    stat = str(cast("dict[str, Any]", data).get("stat", "")) if isinstance(data, dict) else ""
    what = "the gradient" if "grad" in stat else "the loss" if not site else "the value"
    where = f" at {name(site)}" if site else ""
    return f"step {step}: {what}{where} is NaN or infinite"
