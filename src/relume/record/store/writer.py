"""Appends to a run file while the run trains; a failure here ends the recording, never the run."""

import json
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from relume.core import Fact, Site, Window
from relume.errors import StoreError
from relume.record.store import retention, schema, window_table
from relume.record.store.downsample import Key
from relume.record.store.retention import (
    ABSENT,
    RECORDS,
    STEP_BOUNDS,
    STEPS,
    Bounds,
    Layouts,
    ThinnedStream,
)
from relume.record.store.silent_masks import Flags
from relume.record.store.silent_masks import pack as pack_masks

Job = Callable[[sqlite3.Connection], object]
StepRow = tuple[float, float, float, float]

MOST_LAYOUTS = 16  # separate layouts; later records use a common one with gaps
MOST_DELAYED = 256  # writes that wait while another process has locked the file
LOCK_SECONDS = 1.0  # how long the end of a run waits for the lock, once
THIN_EVERY = 8  # records between two checks whether there is something to thin


class Sink(Protocol):
    """Receives what is written, while the run trains."""

    def record(self, step: int, keys: Sequence[Key], values: Sequence[float]) -> None:
        """Take one record."""
        ...

    def steps(self, rows: Sequence[StepRow]) -> None:
        """Take some steps: (step, loss, learning rate, seconds)."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


class Writer:
    """Appends to a run file. Every public method is one transaction; `together` makes one of many.

    Where another process has locked the file, a write waits in memory for the next one. No training
    step waits for it, and nothing is lost unless the lock stays.

    Args:
        path: the file; it must not hold a run yet.
        sink: receives records and steps too. A sink that fails is left out from then on, and
            reported in `failures`.
        ranked: whether this is one rank of several; then silent units are kept too, so that ranks
            can be merged exactly.

    Raises:
        StoreError: the folder or the file cannot be written.
    """

    def __init__(self, path: Path, sink: Sink | None = None, *, ranked: bool = False) -> None:
        self.path = path
        self.ranked = ranked
        self.failures: list[str] = []
        self._sink = sink
        self._layouts = Layouts()
        self._common: dict[Key, int] = {}
        self._records, self._steps = ThinnedStream(RECORDS, "<f4"), ThinnedStream(STEPS, "<f8")
        self._whole_records = self._whole_steps = self._count = 0
        self._windows = window_table.WindowTable()
        self._delayed: list[Job] = []
        self._gathered: list[Job] | None = None  # while `together` is open
        self._fact_rows: dict[tuple[str, str], list[int]] = {}  # by kind and site: a search is slow
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The recorder may be closed in another thread than it was opened in. No write waits
            # for a lock.
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=0.0
            )
            if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise StoreError(f"{path} already holds something; give a new file for this run.")
            schema.create(self._db)
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error

    @contextmanager
    def together(self) -> Generator[None]:
        """Write the sites and facts of the block in one transaction, at its end.

        A large model writes thousands at its first record: a third of its time, one by one.
        """
        if self._gathered is not None:
            yield
            return
        jobs = self._gathered = []
        try:
            yield
        finally:
            self._gathered = None
            if jobs:
                self._write(lambda db: [job(db) for job in jobs])

    def meta(self, values: Mapping[str, Any]) -> None:
        """Set or replace entries of the run's metadata."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        self._write(lambda db: db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows))

    def site(self, site: Site) -> None:
        """Add a site, or replace it."""
        body = {key: value for key, value in asdict(site).items() if key != "name"}
        row = (site.name, json.dumps(body))
        self._write(lambda db: db.execute("INSERT OR REPLACE INTO site VALUES (?, ?)", row))

    def fact(self, fact: Fact) -> None:
        """Add a fact."""
        row = (fact.kind, fact.site, fact.step, json.dumps(fact.data))
        self._write(lambda db: self._add_fact(db, row))

    def replace_fact(self, fact: Fact) -> None:
        """Replace the earlier facts of this kind and site by `fact`."""
        row = (fact.kind, fact.site, fact.step, json.dumps(fact.data))

        def job(db: sqlite3.Connection) -> None:
            earlier = self._fact_rows.pop(row[:2], [])
            db.executemany("DELETE FROM fact WHERE id = ?", [(number,) for number in earlier])
            self._add_fact(db, row)

        self._write(job)

    def _add_fact(self, db: sqlite3.Connection, row: tuple[str, str, int, str]) -> None:
        number = db.execute(_FACT, row).lastrowid
        if number is not None:
            self._fact_rows.setdefault(row[:2], []).append(number)

    def record(
        self,
        step: int,
        keys: tuple[Key, ...],
        values: Sequence[float],
        silent: Mapping[str, Flags] | None = None,
    ) -> None:
        """Add one record: `values[i]` is the stat ``keys[i][1]`` at the site ``keys[i][0]``.

        `silent` holds the silent units by site, which one rank of several keeps.
        """
        with np.errstate(over="ignore"):  # what exceeds float32 becomes infinity
            data = np.asarray(values, dtype="<f4")
        row_keys = keys
        if self._layouts.find(keys) is None and len(self._layouts) >= MOST_LAYOUTS:
            row_keys, data = self._in_common_layout(keys, data)
        body = data.tobytes()
        masks = pack_masks(silent) if silent else None

        def job(db: sqlite3.Connection) -> None:
            layout = self._layouts.layout_of(db, row_keys)
            row = (step, layout, body)
            made = db.execute("INSERT INTO record (step, layout, data) VALUES (?, ?, ?)", row)
            if masks is not None:
                db.execute("INSERT INTO mask VALUES (?, ?)", (made.lastrowid, masks))

        self._write(job)
        self._send(lambda sink: sink.record(step, keys, values))
        self._whole_records += 1
        self._count += 1
        if self._count % THIN_EVERY == 0:
            self._thin_records()

    def records(self, rows: Sequence[tuple[int, tuple[Key, ...], Sequence[float]]]) -> None:
        """Add several small records (step, keys, values) at once."""

        def job(db: sqlite3.Connection) -> None:
            for step, keys, values in rows:
                row = (step, self._layouts.layout_of(db, keys), np.asarray(values, "<f4").tobytes())
                db.execute("INSERT INTO record (step, layout, data) VALUES (?, ?, ?)", row)

        if rows:
            self._write(job)
        for step, keys, values in rows:
            self._send(partial(_record, step, keys, values))
        self._whole_records += len(rows)
        self._thin_records()

    def steps(self, rows: Sequence[StepRow]) -> None:
        """Add (step, loss, learning rate, seconds) of consecutive steps.

        `UNSEEN` stands for a loss or a rate that was not read.
        """
        data = np.asarray(rows, dtype="<f8").tobytes()
        self._write(lambda db: db.execute("INSERT INTO step (data) VALUES (?)", (data,)))
        self._send(lambda sink: sink.steps(rows))
        self._whole_steps += len(rows)
        self._thin_steps()

    def windows(self, site: str, windows: Sequence[Window]) -> None:
        """Replace a site's windows from the first one's first step on.

        A window that is already in the file is not written again.
        """
        self.all_windows({site: windows})

    def all_windows(
        self,
        by_site: Mapping[str, Sequence[Window]],
        splits: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """`windows` of several sites at once."""
        splits = splits or {}
        updates = [
            self._windows.update(site, new, splits.get(site, ()))
            for site, new in by_site.items()
            if new
        ]
        updates = [update for update in updates if update]

        def job(db: sqlite3.Connection) -> None:
            for update in updates:
                update.apply(db)

        if updates:
            self._write(job)

    def close(self) -> None:
        """Fold the log into the file and release it.

        Raises:
            StoreError: the file could not be finished, or is no longer there.
        """
        self._send(lambda sink: sink.close())
        try:
            if self._delayed:
                self._db.execute(f"PRAGMA busy_timeout = {int(1000 * LOCK_SECONDS)}")
                self._write(None)
                if self._delayed:
                    raise StoreError(
                        f"cannot finish the run file {self.path}: another process has locked it."
                    )
            # While a reader is open the log cannot be folded in; the last reader to close does it.
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            with suppress(sqlite3.Error):
                self._db.close()
        if not self.path.exists():
            raise StoreError(
                f"the run file {self.path} was deleted or moved while the run was recorded."
            )

    def _in_common_layout(self, keys: tuple[Key, ...], data: Any) -> tuple[tuple[Key, ...], Any]:
        """A record in the common layout, with gaps.

        A model that runs other modules on each step (dropped layers, experts) would otherwise have
        one layout a record.
        """
        for key in (*self._layouts.columns, *keys):
            self._common.setdefault(key, len(self._common))
        row = np.full(len(self._common), ABSENT, dtype="<u4")
        row[[self._common[key] for key in keys]] = data.view("<u4")
        return tuple(self._common), row

    def _thin_records(self) -> None:
        bounds = retention.record_bounds(len(self._layouts.columns))

        def job(db: sqlite3.Connection) -> int:
            last = db.execute("SELECT max(id) FROM record").fetchone()[0] - bounds.tail
            return retention.thin_records(db, self._records, self._layouts, bounds, last)

        self._whole_records -= self._thin(self._records, bounds, self._whole_records, job)

    def _thin_steps(self) -> None:
        def job(db: sqlite3.Connection) -> int:
            return retention.thin_steps(db, self._steps, self._layouts, STEP_BOUNDS)

        self._whole_steps -= self._thin(self._steps, STEP_BOUNDS, self._whole_steps, job)

    def _thin(
        self,
        stream: ThinnedStream,
        bounds: Bounds,
        whole: int,
        job: Callable[[sqlite3.Connection], int],
    ) -> int:
        """Thin one chunk of a stream when it is due, unless locked; return how many rows went."""
        enough = bounds.tail + bounds.rows if stream.chunks else bounds.whole
        if self._delayed or whole < enough:
            return 0
        before = list(stream.chunks)
        try:
            counts: list[int] = []
            self._transaction([lambda db: counts.append(job(db))])
            return counts[0]
        except sqlite3.Error as error:
            stream.chunks = before
            if schema.is_locked(error):
                return 0
            raise self._failed(error) from error

    def _send(self, send: Callable[[Sink], None]) -> None:
        if self._sink is None:
            return
        try:
            send(self._sink)
        except Exception as error:  # a sink is optional: the file goes on without it
            self._sink = None
            self.failures.append(f"the sink was left out: {type(error).__name__}: {error}")

    def _write(self, job: Job | None) -> None:
        """Run the delayed jobs, then `job`, in one transaction; if locked, delay them all."""
        if job is not None and self._gathered is not None:
            self._gathered.append(job)
            return
        jobs = [*self._delayed, *([job] if job is not None else [])]
        try:
            self._transaction(jobs)
            self._delayed = []
        except sqlite3.Error as error:
            if not schema.is_locked(error) or len(jobs) > MOST_DELAYED:
                raise self._failed(error) from error
            self._delayed = jobs

    def _transaction(self, jobs: Sequence[Job]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # some errors roll back by themselves
                self._db.execute("ROLLBACK")
            raise
        self._layouts.unwritten.clear()

    def _failed(self, error: Exception) -> StoreError:
        why = schema.reason(error, self.path).rstrip(".")
        return StoreError(f"cannot write the run file {self.path}: {why}.")


def _record(step: int, keys: Sequence[Key], values: Sequence[float], sink: Sink) -> None:
    sink.record(step, keys, values)


_FACT = "INSERT INTO fact (kind, site, step, body) VALUES (?, ?, ?, ?)"
