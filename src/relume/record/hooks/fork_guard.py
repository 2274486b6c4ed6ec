"""Keeps a forked child (a data loader's worker) from writing to its parent's run file."""

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """A recorder that a forked child abandons."""

    def abandon(self) -> None:
        """Forget everything without touching the file."""
        ...


live_recorders: "weakref.WeakSet[ForkAware]" = weakref.WeakSet()
"""The recorders that record in this process."""


def _abandon_all() -> None:
    for recorder in list(live_recorders):
        recorder.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
