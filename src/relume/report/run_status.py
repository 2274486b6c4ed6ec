"""Whether a run has ended, still trains, or is lost: killed without a word."""

import os
import platform
from collections.abc import Mapping
from typing import Any

PATIENCE = 60.0
"""Seconds without a word after which a run is taken for lost, where its process cannot be asked.
It flushes twice a second while it steps, but a step, or an evaluation between two, may take long.
"""


def run_status(meta: Mapping[str, Any], now: float) -> str:
    """``ended``, ``training`` or ``lost``.

    Args:
        meta: of the run; ``pid`` and ``host`` name the process that records, ``updated`` (seconds
            since 1970) is when it last wrote.
        now: the same clock.
    """
    if meta.get("ended"):
        return "ended"
    alive = _alive(meta)
    if alive is None:
        updated = meta.get("updated")
        alive = isinstance(updated, int | float) and now - updated < PATIENCE
    return "training" if alive else "lost"


def _alive(meta: Mapping[str, Any]) -> bool | None:
    """Whether the process lives; None where that cannot be known from here."""
    pid = meta.get("pid")
    here = os.name == "posix" and meta.get("host") == platform.node()
    if not here or not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return None
    try:
        os.kill(pid, 0)  # asks only; on Windows it would end the process
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return None
    return True
