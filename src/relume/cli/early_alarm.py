"""Says in one line, while a script still runs, that its first value is no longer finite.

It reads the run file from the process that waits for the script: the script itself notices nothing.
"""

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from relume.report.console import print_sentence
from relume.report.words.sanitise import name

FIRST = "SELECT site, step, body FROM fact WHERE kind = 'non-finite' ORDER BY step, id LIMIT 1"


class EarlyAlarm:
    """Looks into a run file when it is called, and speaks at most once.

    Args:
        path: the run file.
        stream: where to; a terminal.
    """

    def __init__(self, path: Path, stream: Any) -> None:
        self._path, self._stream = path, stream
        self._said = False

    def __call__(self) -> None:
        """Look once; a file that is empty, busy or gone is looked at again the next time."""
        if self._said:
            return
        with suppress(sqlite3.Error, OSError, ValueError):
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=0.05)) as db:
                row = db.execute(FIRST).fetchone()
            if row is not None:
                self._said = True
                print_sentence(_sentence(*row), self._stream)


def _sentence(site: object, step: object, body: str) -> str:
    data: Any = json.loads(body)
    stat = str(cast("dict[str, Any]", data).get("stat", "")) if isinstance(data, dict) else ""
    what = "the gradient" if "grad" in stat else "the loss" if not site else "the value"
    where = f" at {name(site)}" if site else ""
    return f"step {step}: {what}{where} is NaN or infinite; see it now: relume diagnose"
