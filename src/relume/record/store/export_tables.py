"""Writes a recording as tables for other programs: one CSV or Parquet file for each table."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from relume.core import Trace
from relume.core.whole_file import whole_file
from relume.errors import StoreError, UsageError

FORMS = ("csv", "parquet")
Row = tuple[Any, ...]

COLUMNS: dict[str, dict[str, type]] = {
    "series": {"site": str, "stat": str, "step": int, "value": float},
    "sites": {
        "name": str,
        "kind": str,
        "act": str,
        "role": str,
        "path": str,
        "layer": str,
        "order": int,
        "units": int,
        "file": str,
        "line": int,
    },
    "units": {
        "site": str,
        "first": int,
        "last": int,
        "records": int,
        "samples": int,
        "unit": int,
        "field": str,
        "value": float,
    },
    "facts": {"kind": str, "site": str, "step": int, "data": str},
    "meta": {"name": str, "value": str},
}
"""The tables: their columns and types. ``data`` and the values of ``meta`` are JSON."""


def write_tables(trace: Trace, folder: Path, form: str) -> list[tuple[Path, int]]:
    """Write a trace's tables into a folder.

    Args:
        trace: of one run.
        folder: created if missing; no file in it is overwritten.
        form: ``"csv"`` or ``"parquet"``.

    Returns:
        Each file and how many rows it has.

    Raises:
        UsageError: a file of that name exists, or pyarrow is not installed.
        StoreError: the folder cannot be written to.
    """
    write = _csv if form == "csv" else _parquet()
    rows = {
        "series": _series(trace),
        "sites": _sites(trace),
        "units": _units(trace),
        "facts": _facts(trace),
        "meta": [(name, json.dumps(value, default=str)) for name, value in trace.meta.items()],
    }
    files = {name: folder / f"{name}.{form}" for name in COLUMNS}
    existing = next((file for file in files.values() if file.exists()), None)
    if existing is not None:
        raise UsageError(f"{existing} exists already; name another folder with -o.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [(file, _write_whole(write, file, name, rows[name])) for name, file in files.items()]
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"cannot write the tables to {folder}: {reason}.") from error


def _write_whole(write: Any, file: Path, name: str, rows: Iterable[Row]) -> int:
    with whole_file(file) as part:
        count: int = write(part, COLUMNS[name], rows)
    return count


def _csv(file: Path, columns: dict[str, type], rows: Iterable[Row]) -> int:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        count = 0
        for row in rows:
            writer.writerow([_exact(value) for value in row])
            count += 1
    return count


def _exact(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value


def _parquet() -> Any:
    try:
        import pyarrow  # pyright: ignore
        import pyarrow.parquet  # pyright: ignore
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed: pip install 'relume[parquet]', or "
            "export with --to csv."
        ) from None
    arrow: Any = pyarrow
    kinds: dict[type, Any] = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}

    def write(file: Path, columns: dict[str, type], rows: Iterable[Row]) -> int:
        listed = list(rows)
        schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
        data = [list(column) for column in zip(*listed, strict=True)] or [[] for _ in columns]
        arrays = [arrow.array(c, kinds[k]) for c, k in zip(data, columns.values(), strict=True)]
        arrow.parquet.write_table(arrow.Table.from_arrays(arrays, schema=schema), file)
        return len(listed)

    return write


def _series(trace: Trace) -> Iterator[Row]:
    for (site, stat), one in sorted(trace.table.items()):
        for step, value in zip(one.steps.tolist(), one.values.tolist(), strict=True):
            yield site, stat, step, value


def _sites(trace: Trace) -> Iterator[Row]:
    for site in trace.sites:
        yield tuple(getattr(site, name) for name in COLUMNS["sites"])


def _units(trace: Trace) -> Iterator[Row]:
    for site, windows in sorted(trace.units.items()):
        for w in windows:
            for field, values in w.fields.items():
                for unit, value in enumerate(values.tolist()):
                    yield site, w.first, w.last, w.records, w.samples, unit, field, float(value)


def _facts(trace: Trace) -> Iterator[Row]:
    for fact in trace.facts:
        yield fact.kind, fact.site, fact.step, json.dumps(dict(fact.data), default=str)
