"""Completes a run file from outside, once the process that wrote it is gone."""

import json
import os
import platform
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import relume
from relume.errors import StoreError
from relume.record.store import run_file, schema

LOCK_SECONDS = 5.0  # a reader (`relume live`) holds the file for far less


def complete(path: Path, end: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    """Write how the run ended, unless its own process knew more; return how it ended.

    Args:
        path: the run file; an empty one becomes a run without a record.
        end: the data of the fact ``end``: `how` (``normal``, ``exit``, ``interrupt``, ``killed``),
            `code` and `text`.
        meta: metadata of a run that never began to record.

    Raises:
        StoreError: the file cannot be read or written.
    """
    how = str(end["how"])
    if _is_empty(path):
        _begin(path, meta)
    trace = run_file.newest(path)
    ends = trace.facts_of("end")
    known = str(ends[-1].data["how"]) if ends else ""
    if known in ("exception", "interrupt") or known == how == "normal":
        return known
    step = max(int(trace.meta.get("steps") or 0) - 1, 0)
    ended = how if how == "normal" else f"{how} {end['code']}"
    db = sqlite3.connect(path, timeout=LOCK_SECONDS)
    try:
        with db:
            db.execute("DELETE FROM fact WHERE kind = 'end'")
            row = ("end", "", step, json.dumps(dict(end)))
            db.execute("INSERT INTO fact (kind, site, step, body) VALUES (?, ?, ?, ?)", row)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('ended', ?)", (json.dumps(ended),))
    except sqlite3.Error as error:
        why = schema.reason(error, path)
        raise StoreError(f"cannot write the run file {path}: {why}.") from error
    finally:
        db.close()
    return how


def _is_empty(path: Path) -> bool:
    log = path.with_name(path.name + schema.LOG)
    return not path.exists() or (not path.stat().st_size and not log.exists())


def _begin(path: Path, meta: Mapping[str, Any]) -> None:
    """Make the file of a run that never trained: nothing imported torch."""
    writer = run_file.Writer(path)
    writer.meta(
        {
            "run": path.stem,
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
            "relume": relume.__version__,
            "pid": os.getpid(),
            "host": platform.node(),
            "steps": 0,
            "records": 0,
            "backwards": 0,
            **meta,
        }
    )
    writer.close()
