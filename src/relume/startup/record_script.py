"""Begins the recording of a script that has just imported torch, and ends it when Python ends."""

import atexit
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from relume.record.run import Run
from relume.record.run import begin as begin_run
from relume.record.schedule import ranks
from relume.startup.printed_output import PrintedOutput


def begin(plan: str, leave_notes: Callable[[str, list[str]], None]) -> None:
    """Record from now until Python ends.

    Args:
        plan: JSON: the run file's `path`, the supervisor's `parent`, and `budget`, `every`,
            `exact`, `sink`, `about` as
            `relume.record.run.begin` takes them.
        leave_notes: takes the plan and the recording's problems, in the end.
    """
    wanted = json.loads(plan)
    ranks.supervisors_parent = wanted.pop("parent", None)
    path = Path(wanted.pop("path"))
    about = {**wanted.pop("about"), "argv": sys.argv[1:]}
    run = begin_run(path, (), about=about, **wanted)
    printed = PrintedOutput()
    printed.listen()
    atexit.register(_end, run, printed, lambda words: leave_notes(plan, words), os.getpid())


def _end(
    run: Run, printed: PrintedOutput, leave_notes: Callable[[list[str]], None], process: int
) -> None:
    if os.getpid() != process:  # a forked child that ends by itself
        return
    error = getattr(sys, "last_value", None)  # what Python has printed as uncaught
    how, code, text = "normal", 0, ""
    if isinstance(error, KeyboardInterrupt):
        how, code, text = "interrupt", 128 + signal.SIGINT, "KeyboardInterrupt"
    elif error is not None:
        how, code, text = "exception", 1, f"{type(error).__name__}: {error}"[:500]
    try:
        run.add_facts(printed.facts)
        if how == "normal":
            run.time_acts()
    finally:
        # the exit code is known to the supervisor, who adds it
        run.close(how, code, text, error)
        if run.problems:
            leave_notes(list(dict.fromkeys(run.problems)))
