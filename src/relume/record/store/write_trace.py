"""Writes a whole trace into a new run file, as a recorder would have written it."""

from pathlib import Path

import numpy as np

from relume.core import Series, Trace
from relume.record.store.downsample import Key
from relume.record.store.retention import STEP_STATS, UNSEEN
from relume.record.store.run_file import Writer


def write_trace(path: Path, trace: Trace) -> None:
    """Write `trace` to a new file.

    Raises:
        StoreError: it cannot be written, or is not empty.
    """
    writer = Writer(path)
    try:
        writer.meta(trace.meta)
        for site in trace.sites:
            writer.site(site)
        for fact in trace.facts:
            writer.fact(fact)
        _records(writer, {key: s for key, s in trace.table.items() if key[0]})
        _steps(writer, trace)
        for site, windows in trace.units.items():
            writer.windows(site, windows)
    finally:
        writer.close()


def _records(writer: Writer, table: dict[Key, Series]) -> None:
    """Write the records by step. Series of the same steps are grouped: most share them."""
    groups: dict[bytes, list[Key]] = {}
    for key, series in table.items():
        groups.setdefault(series.steps.tobytes(), []).append(key)
    by_step: dict[int, list[tuple[int, int]]] = {}
    parts: list[tuple[list[Key], np.ndarray]] = []
    for number, keys in enumerate(groups.values()):
        parts.append((keys, np.stack([table[key].values for key in keys], axis=1)))
        for row, step in enumerate(table[keys[0]].steps.tolist()):
            by_step.setdefault(step, []).append((number, row))
    known: dict[tuple[int, ...], tuple[Key, ...]] = {}
    for step in sorted(by_step):
        chosen = tuple(number for number, _ in by_step[step])
        if chosen not in known:
            known[chosen] = tuple(key for number in chosen for key in parts[number][0])
        values = np.concatenate([parts[number][1][row] for number, row in by_step[step]])
        writer.record(step, known[chosen], values.tolist())


def _steps(writer: Writer, trace: Trace) -> None:
    series = [trace.table.get(("", stat)) for stat in STEP_STATS]
    steps = np.unique(np.concatenate([s.steps for s in series if s is not None] or [np.empty(0)]))
    if not len(steps):
        return
    rows = np.full((len(steps), 1 + len(STEP_STATS)), UNSEEN)
    rows[:, 0] = steps
    for column, one in enumerate(series, start=1):
        if one is not None:
            rows[np.searchsorted(steps, one.steps), column] = one.values
    writer.steps([(a, b, c, d) for a, b, c, d in rows.tolist()])
