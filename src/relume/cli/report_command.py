"""`relume report`: writes a run, or two side by side, as one HTML file."""

import time
from pathlib import Path
from typing import Annotated

import typer

from relume.cli.options import WRITTEN_REPORT, JudgingOptions, output_policy
from relume.cli.spell_out import options
from relume.errors import UsageError
from relume.report.console import print_sentence
from relume.report.machine.json_file import writable, write

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


@options(JudgingOptions, without=WRITTEN_REPORT)
def report(
    names: Runs = None,
    file: Out = Path("report.html"),
    tried: Tried = None,
    show: Open = False,
    *,
    judging: JudgingOptions,
) -> int:
    """Make a page of a recorded run: what is wrong, why, and every measurement behind it.

    It is one file that needs no network and no server. Two runs are laid side by side.
    """
    chosen = names or [None]
    if len(chosen) > 2:
        raise UsageError(f"{len(chosen)} runs were given; a report shows one run, or two.")
    target = writable(file)
    wanted = output_policy(judging)
    from relume.cli.load_and_diagnose import load_and_diagnose
    from relume.core.plural import count
    from relume.record.store import run_file
    from relume.report.html.report_data import report as page
    from relume.report.html.run_data import RunData
    from relume.report.machine.load_trials import trials
    from relume.report.run_status import run_status

    made = [trial for path in tried or () for trial in trials(path)]
    runs: list[RunData] = []
    for path in [run_file.find(name, wanted.folder) for name in chosen]:
        diagnosis, trace, notes = load_and_diagnose(path, wanted)
        runs.append(RunData(trace, diagnosis, run_status(trace.meta, time.time())))
        for note in notes:
            print_sentence(note)
    write(page(runs, made), target)
    findings = sum(len(each.diagnosis.findings) for each in runs)
    print_sentence(f"the report with {count(findings, 'finding')} is in {file}.")
    if show:
        import webbrowser

        if not webbrowser.open(target.as_uri()):
            print_sentence(f"no browser could be started; open {target.as_uri()}")
    return 0
