"""Tells whether a run has ended, is training, or is lost (killed before it wrote its end)."""

import os
import platform
from collections.abc import Mapping
from typing import Any

PATIENCE = 60.0
"""Seconds without a write after which a run counts as lost where its process cannot be checked.
A run flushes twice a second while it steps; a step, or an evaluation between two, may take long.
"""


def run_status(meta: Mapping[str, Any], now: float) -> str:
    """Return ``ended``, ``training`` or ``lost``.

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
        # on either side: a clock that went back by a day would keep a dead run alive for a day
        alive = isinstance(updated, int | float) and abs(now - updated) < PATIENCE
    return "training" if alive else "lost"


def _alive(meta: Mapping[str, Any]) -> bool | None:
    """Whether the process lives; None where this machine cannot know it."""
    pid = meta.get("pid")
    local = os.name == "posix" and meta.get("host") == platform.node()
    if not local or not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return None
    try:
        os.kill(pid, 0)  # only checks; on Windows it would end the process
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return None
    return True
