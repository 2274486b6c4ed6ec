"""Applies edits to whatever trains in this process, and undoes them at the end."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from relume.core.trial import Edit, Safety
from relume.fixes.ladder import fix_called
from relume.fixes.live.session import EditSession as EditSession


@contextmanager
def applied(edits: Sequence[Edit]) -> Generator[EditSession]:
    """Apply edits to an unmodified training in this process; undo all of them on exit.

    The session patches torch, not the user's code: while it is open it sees optimiser steps,
    forwards and calls. An error in an edit ends that edit, never the run.

    Args:
        edits: applied together, in this order.

    Yields:
        The session. Its ``done`` and ``missed`` list, at any time and after the end, what was
        changed and which edits found nothing to change.

    Raises:
        UnknownNameError: an edit names a fix that does not exist.
    """
    fixes = [(fix_called(edit.fix), edit) for edit in edits]
    session = EditSession()
    try:
        for fix, edit in fixes:
            with session.job(edit):
                if fix.safety is Safety.ADVICE:
                    session.current.no_effect = "it is advice, and nothing lays it"
                else:
                    fix.apply(edit, session)
        session.open()
        yield session
    finally:
        session.close()
