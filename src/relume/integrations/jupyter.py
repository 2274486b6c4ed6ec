"""Shows a run in a notebook's cell: what it is found to be now, and anew while it trains.

A `Run` as the last line of a cell is shown by `show`. The view reads the run file from a thread of
its own, a fiftieth of the time at most, and ends with the run or when nobody holds it any longer.
"""

import weakref
from datetime import datetime
from html import escape
from importlib import import_module
from threading import Thread
from time import perf_counter, sleep
from typing import Any

from relume.errors import RelumeError
from relume.record.run import Run
from relume.record.store import run_file

PAUSE = 2.0
"""Seconds between two looks at least; the recorder writes twice a second."""
SHARE = 50
"""A pause takes that many times what the last look took."""


def show(run: Run) -> None:
    """Show a run in the notebook that runs this code; the view of an open one follows it.

    Raises:
        NotImplementedError: this is no notebook; IPython then prints the run's `repr`.
    """
    try:
        display: Any = import_module("IPython.display")
    except ImportError:
        raise NotImplementedError from None
    handle = display.display(display.HTML(html(run)), display_id=True)
    if handle is None or not run.is_open:
        return
    view = weakref.ref(run)
    Thread(target=_follow, args=(view, handle, display.HTML), daemon=True).start()


def html(run: Run) -> str:
    """Return the run's state and its diagnosis as HTML without a script."""
    from relume.diagnosis import diagnose

    try:
        if run.path is None:
            return f"<p>{escape(repr(run))}: nothing was recorded.</p>"
        trace = run_file.read(run.path)
        body = diagnose(trace)._repr_html_()
    except RelumeError as error:
        return f"<p>{escape(str(error))}</p>"
    if not run.is_open:
        return body
    steps = trace.meta.get("steps")
    seen = f"step {steps:,}, " if isinstance(steps, int) and steps else ""
    now = f"{datetime.now():%H:%M:%S}"
    return f'<p style="opacity:.75">Still training: {seen}last updated {now}.</p>{body}'


def _follow(view: "weakref.ref[Run]", handle: Any, as_html: Any) -> None:
    """Update the view until the run has ended; an error ends the view, never the training."""
    pause, is_open = PAUSE, True
    while is_open:
        sleep(pause)
        run = view()
        if run is None:
            return
        start = perf_counter()
        try:
            is_open = run.is_open
            handle.update(as_html(html(run)))
        except Exception:  # the kernel goes away, or the file
            return
        pause = max(PAUSE, SHARE * (perf_counter() - start))
        del run
