"""`relume live`: serves the report of a run while it trains, on loopback."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

from relume.cli.options import WRITTEN_REPORT, JudgingOptions, OutputPolicy, output_policy
from relume.cli.spell_out import options
from relume.errors import NoRunError, UsageError
from relume.report.console import print_sentence

if TYPE_CHECKING:
    from relume.report.html.server import LiveServer

Run = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="A run's file, name or its beginning; else the last."),
]
Port = Annotated[int, typer.Option("--port", help="Serve here; 0 takes a free port.")]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser.")]
WAIT = 0.2
"""Seconds between two looks at a file that is still empty."""
POLL = 2.0
"""Seconds between two requests of the page: a run writes twice a second at most."""


@options(JudgingOptions, without=(*WRITTEN_REPORT, "baseline"))
def live(
    name: Run = None,
    port: Port = 0,
    show: Open = False,
    *,
    judging: JudgingOptions,
) -> int:
    """Show a run's report while it trains, at an address on this machine; Ctrl-C ends it.

    The page follows the run by itself. It only reads, and only who has the address can see it.
    """
    wanted = output_policy(judging)
    if not 0 <= port <= 65535:
        raise UsageError(f"--port is {port}; it is a port from 1 to 65535, or 0 for a free one.")
    path = _wait_for_run(name, wanted.folder)
    if path is None or not _wait_for_first_record(path):
        return 0
    server = live_server(path, wanted, port)
    with server:
        print_sentence(f"live at {server.url} (Ctrl-C to end)")
        if show:
            import webbrowser

            webbrowser.open(server.url)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            print_sentence("no longer live; the recording goes on.")
    return 0


def _wait_for_run(name: str | None, folder: Path) -> Path | None:
    """Return the run file, once there is one; None after Ctrl-C.

    A file, or the first run of a folder, is waited for. A name that no run has is a slip.
    """
    from relume.record.store import run_file

    said = False
    while True:
        try:
            return run_file.find(name, folder)
        except NoRunError as error:
            if name is not None and not name.endswith(".sqlite"):
                raise
            if not said:
                print_sentence(f"{str(error).rstrip('.')}. Waiting for it (Ctrl-C to end)")
            said = True
        try:
            time.sleep(WAIT)
        except KeyboardInterrupt:
            return None


def _wait_for_first_record(path: Path) -> bool:
    """Wait until a recording that has just begun has written something; False after Ctrl-C.

    The file is there, and empty, from the moment on in which a script begins to load.
    """
    log = path.with_name(f"{path.name}-wal")
    if path.stat().st_size or log.exists():
        return True
    print_sentence(f"waiting for the first step of {path.stem} (Ctrl-C to end)")
    try:
        while not (path.stat().st_size or log.exists()):
            time.sleep(WAIT)
    except (KeyboardInterrupt, OSError):  # or the file is gone
        return False
    return True


def live_server(path: Path, wanted: OutputPolicy, port: int) -> LiveServer:
    """Make the server that shows this run file; it is not yet running.

    Raises:
        UsageError: the port is taken.
        RelumeError: the run cannot be read.
    """
    from relume.report.html.report_data import live as page
    from relume.report.html.report_data import live_data
    from relume.report.html.run_data import RunData
    from relume.report.html.server import LiveServer
    from relume.report.run_status import run_status

    lock = Lock()
    cache: dict[str, tuple[object, str]] = {}

    def data() -> str:
        """Return the run as it is now; it is diagnosed again only where the file or the status of
        the run has changed."""
        from relume.cli.load_and_diagnose import read_quietly
        from relume.record.store import run_file

        with lock:
            written = [_state(path), _state(path.with_name(f"{path.name}-wal"))]
            state = run_status(run_file.meta(path), time.time())
            mark = (*written, state)
            if "data" not in cache or cache["data"][0] != mark:
                diagnosis, trace, _ = read_quietly(path, wanted)
                cache["data"] = (mark, live_data(RunData(trace, diagnosis, state), POLL))
            return cache["data"][1]

    data()  # a run that cannot be read raises before anything is served
    try:
        return LiveServer(lambda: page(data()), data, port)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"cannot serve at port {port}: {reason}; leave --port out.") from None


def _state(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)
