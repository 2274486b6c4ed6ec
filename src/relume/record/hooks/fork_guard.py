"""A forked child (a data loader's worker) must not write to its parent's file."""

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """What a child gives up."""

    def abandon(self) -> None:
        """Forget everything without touching the file."""
        ...


live_recorders: "weakref.WeakSet[ForkAware]" = weakref.WeakSet()
"""Those that are recording in this process."""


def _abandon_all() -> None:
    for recorder in list(live_recorders):
        recorder.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
