"""Where a recording goes besides its file, while the run trains: event files for TensorBoard.

A sink is told what is written, when it is written (`writer.Sink`). It writes at once, in the time
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

MOST_ROWS = 32  # steps a flush, twice a second: TensorBoard draws a thousand points, or some more


class TensorBoard:
    """Writes scalars as event files, one a run: a tag is ``site/stat``, a group a site.

    The loss, the rate and the seconds of a step are in the group ``run``; of many steps since the
    last flush some are left out, evenly.

    Args:
        folder: of this run; made if it is not there.

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
        """One record, as one event."""
        self._scalars(step, {_tag(*key): v for key, v in zip(keys, values, strict=True)})
        self._file.flush()

    def steps(self, rows: Sequence[StepRow]) -> None:
        """Some steps, an event each."""
        every = -(-len(rows) // MOST_ROWS)
        for row in rows[::-1][::every][::-1]:  # the last one always
            named = zip(STEP_STATS, row[1:], strict=True)
            self._scalars(int(row[0]), {_tag("", stat): v for stat, v in named if v != UNSEEN})
        self._file.flush()

    def close(self) -> None:
        """The run has ended."""
        self._file.close()

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        value = self._summary.Value
        scalars = [value(tag=tag, simple_value=number) for tag, number in values.items()]
        summary = self._summary(value=scalars)
        self._write(self._event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, event: Any) -> None:
        self._records.write(event.SerializeToString())


SINKS = {"tensorboard": TensorBoard}


def sink_called(word: str) -> tuple[str, Path | None]:
    """The name of a sink and its folder, from ``"tensorboard"`` or ``"tensorboard:DIR"``.

    Raises:
        UsageError: there is no such sink, or what it needs is not installed.
    """
    name, _, folder = word.partition(":")
    lookup(name, SINKS, "sink")
    _classes()
    return name, Path(folder) if folder else None


def open_sink(sink: str | Sink, run: Path) -> Sink:
    """A sink, ready to be told of a run.

    Args:
        sink: its name, with a folder or without (see `named`), or the sink itself.
        run: the run file, after whose name the sink's own folder is called.

    Raises:
        UsageError: as in `named`.
        OSError: the folder cannot be written to.
    """
    if not isinstance(sink, str):
        return sink
    name, folder = sink_called(sink)
    return SINKS[name]((folder or run.parent / name) / run.stem)


def _tag(site: str, stat: str) -> str:
    return f"{site or 'run'}/{stat}"


def _classes() -> tuple[Any, Any, Any]:
    """TensorBoard's own, without what would load TensorFlow where that is installed."""
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
