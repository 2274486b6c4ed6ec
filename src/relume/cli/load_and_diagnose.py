"""Reads a run file and diagnoses it, for every command that shows one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from relume.cli.options import OutputPolicy
from relume.report.console import spinner

if TYPE_CHECKING:
    from relume.core import Diagnosis, Trace


def load_and_diagnose(path: Path, wanted: OutputPolicy) -> tuple[Diagnosis, Trace, tuple[str, ...]]:
    """Return the diagnosis of a run file without silenced findings, the trace, and notes."""
    with spinner(f"reading {path.name}"):
        return read_quietly(path, wanted)


def read_quietly(path: Path, wanted: OutputPolicy) -> tuple[Diagnosis, Trace, tuple[str, ...]]:
    """Do the same without a progress message, from any thread."""
    from relume.diagnosis import diagnose
    from relume.record.store import run_file

    trace = run_file.read(path)
    diagnosis = diagnose(trace, select=wanted.order.codes)
    diagnosis = replace(diagnosis, meta={**diagnosis.meta, "path": str(path)})
    done = wanted.suppress(diagnosis, trace)
    return done.diagnosis, trace, done.notes
