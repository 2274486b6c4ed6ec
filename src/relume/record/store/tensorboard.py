"""Sends a recording to event files for TensorBoard too, while the run trains.

A sink receives what is written when it is written (`writer.Sink`). It writes at once, in the time
that the recorder charges to its budget: no thread, and nothing that outlives the run.
"""

import os
import socket
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from relume.errors import UsageError
from relume.record.store.downsample import Key
from relume.record.store.retention import STEP_STATS, UNSEEN
from relume.record.store.writer import Sink, StepRow
from relume.registry import lookup

MOST_ROWS = 32  # steps a flush, twice a second; TensorBoard draws about a thousand points


class TensorBoard:
    """Writes scalars as event files, one a run: a tag is ``site/stat``, a group is a site.

    Loss, rate and seconds of a step are in the group ``run``. Of more than `MOST_ROWS` steps since
    the last flush an even sample is written.

    Args:
        folder: of this run; created if missing.

    Raises:
        OSError: it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._event, self._summary, records = _classes()
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / f"{name}.relume").open("wb")
        self._records: Any = records(self._file)
        self._write(self._event(wall_time=time.time(), file_version="brain.Event:2"))

    def record(self, step: int, keys: Sequence[Key], values: Sequence[float]) -> None:
        """Write one record as one event."""
        self._scalars(step, {_tag(*key): v for key, v in zip(keys, values, strict=True)})
        self._file.flush()

    def steps(self, rows: Sequence[StepRow]) -> None:
        """Write some steps, an event each."""
        every = -(-len(rows) // MOST_ROWS)
        for row in rows[::-1][::every][::-1]:  # always with the last one
            named = zip(STEP_STATS, row[1:], strict=True)
            self._scalars(int(row[0]), {_tag("", stat): v for stat, v in named if v != UNSEEN})
        self._file.flush()

    def close(self) -> None:
        """Close the file: the run has ended."""
        self._file.close()

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        value = self._summary.Value
        scalars = [value(tag=tag, simple_value=number) for tag, number in values.items()]
        summary = self._summary(value=scalars)
        self._write(self._event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, event: Any) -> None:
        self._records.write(event.SerializeToString())


SINKS = {"tensorboard": TensorBoard}


def parse_sink(word: str) -> tuple[str, Path | None]:
    """Parse ``"tensorboard"`` or ``"tensorboard:DIR"`` into a sink's name and its folder.

    Raises:
        UsageError: there is no such sink, or the package it needs is not installed.
    """
    name, _, folder = word.partition(":")
    lookup(name, SINKS, "sink")
    _classes()
    return name, Path(folder) if folder else None


def open_sink(sink: str | Sink, run: Path) -> Sink:
    """Open the sink of a run.

    Args:
        sink: its name, with a folder or without (see `parse_sink`), or the sink itself.
        run: the run file, which names the sink's own folder.

    Raises:
        UsageError: as in `parse_sink`.
        OSError: the folder cannot be written to.
    """
    if not isinstance(sink, str):
        return sink
    name, folder = parse_sink(sink)
    return SINKS[name]((folder or run.parent / name) / run.stem)


def _tag(site: str, stat: str) -> str:
    return f"{site or 'run'}/{stat}"


def _classes() -> tuple[Any, Any, Any]:
    """TensorBoard's own classes, imported so that TensorFlow is not loaded where installed."""
    proto, writer = "tensorboard.compat.proto", "tensorboard.summary.writer"
    try:
        event: Any = import_module(f"{proto}.event_pb2")
        summary: Any = import_module(f"{proto}.summary_pb2")
        records: Any = import_module(f"{writer}.record_writer")
    except ImportError:
        raise UsageError(
            "the sink tensorboard needs a package that is not installed: "
            "pip install 'relume[tensorboard]'."
        ) from None
    return event.Event, summary.Summary, records.RecordWriter
