"""`relume live`: the report of a run while it trains, on loopback."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

from relume.errors import UsageError
from relume.options import Configured, Folder, Ignore, Isolated, Manners, Select, Words, manners
from relume.report.voice import say

if TYPE_CHECKING:
    from relume.report.serve import Server

Run = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="A run's file, name or its beginning; else the last."),
]
Port = Annotated[int, typer.Option("--port", help="Serve here; 0 takes a free port.")]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser.")]
POLL = 2.0
"""Seconds between two questions of the page: a run writes twice a second at most."""


def live(
    name: Run = None,
    port: Port = 0,
    show: Open = False,
    folder: Folder = None,
    select: Select = None,
    ignore: Ignore = None,
    config: Configured = None,
    isolated: Isolated = False,
) -> int:
    """Show a run's report while it trains, at an address on this machine; Ctrl-C ends it.

    The page follows the run by itself. It only reads, and only who has the address can see it.
    """
    wanted = manners(Words(select, ignore, config=config, isolated=isolated, folder=folder))
    if not 0 <= port <= 65535:
        raise UsageError(f"--port is {port}; it is a port from 1 to 65535, or 0 for a free one.")
    from relume.record import store

    server = serving(store.find(name, wanted.folder), wanted, port)
    with server:
        say(f"live at {server.url} (Ctrl-C to end)")
        if show:
            import webbrowser

            webbrowser.open(server.url)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            say("no longer live; the recording goes on.")
    return 0


def serving(path: Path, wanted: Manners, port: int) -> Server:
    """The server that shows this run file, not yet running.

    Raises:
        UsageError: the port is taken.
        RelumeError: the run cannot be read.
    """
    from relume.report.book import live as page
    from relume.report.book import live_data
    from relume.report.scene import Shown
    from relume.report.serve import Server
    from relume.report.standing import standing

    lock = Lock()
    kept: dict[str, tuple[object, str]] = {}

    def data() -> str:
        """The run as it is; judged anew only where something was written or its standing is
        another."""
        from relume.commands.judging import quietly
        from relume.record import store

        with lock:
            written = [_state(path), _state(path.with_name(f"{path.name}-wal"))]
            state = standing(store.meta(path), time.time())
            mark = (*written, state)
            if "data" not in kept or kept["data"][0] != mark:
                diagnosis, trace, _ = quietly(path, wanted)
                kept["data"] = (mark, live_data(Shown(trace, diagnosis, state), POLL))
            return kept["data"][1]

    data()  # what cannot be read is told before anything is served
    try:
        return Server(lambda: page(data()), data, port)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"cannot serve at port {port}: {reason}; leave --port out.") from None


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
