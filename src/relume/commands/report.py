"""`relume report`: a run, or two side by side, as one HTML file."""

import time
from pathlib import Path
from typing import Annotated

import typer

from relume.errors import UsageError
from relume.options import (
    Configured,
    Folder,
    Ignore,
    Isolated,
    Known,
    Select,
    Words,
    manners,
)
from relume.report.json import writable, write
from relume.report.text import count
from relume.report.voice import say

Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN ...]", help="Files, names or beginnings of one or two runs; else the last."
    ),
]
Out = Annotated[Path, typer.Option("-o", "--output-file", metavar="FILE", help="The page.")]
Tried = Annotated[
    list[Path] | None,
    typer.Option(
        "--trial", metavar="FILE", help="Show these trials too: what fix or compare wrote as JSON."
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser.")]


def report(
    names: Runs = None,
    file: Out = Path("report.html"),
    tried: Tried = None,
    show: Open = False,
    folder: Folder = None,
    select: Select = None,
    ignore: Ignore = None,
    baseline: Known = None,
    config: Configured = None,
    isolated: Isolated = False,
) -> int:
    """Make a page of a recorded run: what is wrong, why, and every measurement behind it.

    It is one file that needs no network and no server. Two runs are laid side by side.
    """
    chosen = names or [None]
    if len(chosen) > 2:
        raise UsageError(f"{len(chosen)} runs were given; a report shows one run, or two.")
    target = writable(file)
    words = Words(
        select, ignore, baseline=baseline, config=config, isolated=isolated, folder=folder
    )
    wanted = manners(words)
    from relume.commands.judging import judge
    from relume.record import store
    from relume.report.book import report as page
    from relume.report.scene import Shown
    from relume.report.standing import standing
    from relume.report.tried import trials

    made = [trial for path in tried or () for trial in trials(path)]
    shown: list[Shown] = []
    for path in [store.find(name, wanted.folder) for name in chosen]:
        diagnosis, trace, notes = judge(path, wanted)
        shown.append(Shown(trace, diagnosis, standing(trace.meta, time.time())))
        for note in notes:
            say(note)
    write(page(shown, made), target)
    findings = sum(len(each.diagnosis.findings) for each in shown)
    say(f"the report with {count(findings, 'finding')} is in {file}.")
    if show:
        import webbrowser

        if not webbrowser.open(target.as_uri()):
            say(f"no browser could be started; open {target.as_uri()}")
    return 0
