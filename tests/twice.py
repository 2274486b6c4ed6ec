"""Running a script bare and under `relume run`, side by side."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Ran:
    """A script run twice: by Python alone, and recorded."""

    bare: str
    recorded: str
    code: int
    errors: str
    diagnosis: dict[str, Any]

    @property
    def roots(self) -> list[dict[str, Any]]:
        """The root findings of warning or above."""
        return [
            finding
            for finding in self.diagnosis["findings"]
            if finding["key"] in self.diagnosis["roots"]
            and finding["severity"] in ("warning", "error")
        ]

    @property
    def keys(self) -> list[str]:
        """`CODE@site` of everything of warning or above, in the order told."""
        return [
            finding["key"]
            for finding in self.diagnosis["findings"]
            if finding["severity"] in ("warning", "error")
        ]


def run_both(script: Path, *args: str, every: int | None = None) -> Ran:
    """Run `script` with and without `relume run`, side by side, on one thread each.

    One thread, so that two processes that compute the same thing print the same digits.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    def start(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command, str(script), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "diagnosis.json")
        form = ["--quiet", "--output-format", "json", "-o", str(told)]
        form += ["--every", str(every)] if every else []
        with start() as bare, start("-m", "relume", "run", "--dir", folder, *form) as recorded:
            plain, failure = bare.communicate(timeout=120)
            out, errors = recorded.communicate(timeout=120)
        assert bare.returncode == 0, failure
        assert told.exists(), errors
        diagnosis = json.loads(told.read_text("utf-8"))
    return Ran(plain, out, recorded.returncode, errors, diagnosis)
