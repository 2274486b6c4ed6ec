"""Laying edits over whatever trains in this process, and undoing it on the way out."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from relume.core.trial import Edit, Safety
from relume.fixes.ladder import fix_called
from relume.fixes.live.session import EditSession as EditSession


@contextmanager
def applied(edits: Sequence[Edit]) -> Generator[EditSession]:
    """Lay edits over an unmodified training in this process; all is undone on exit.

    Torch is patched, not the user's code: optimiser steps, forwards and calls pass through the
    bench while it is open. An error in an edit ends that edit, never the run.

    Args:
        edits: laid together, in this order.

    Yields:
        The bench. ``done`` and ``missed`` say, at any time and after the end, what was changed
        and what found nothing to change.

    Raises:
        UnknownNameError: an edit of a fix that does not exist.
    """
    plans = [(fix_called(edit.fix), edit) for edit in edits]
    bench = EditSession()
    try:
        for fix, edit in plans:
            with bench.job(edit):
                if fix.safety is Safety.ADVICE:
                    bench.current.wanting = "it is advice, and nothing lays it"
                else:
                    fix.lay(edit, bench)
        bench.open()
        yield bench
    finally:
        bench.close()
