"""`relume combine`: merges the recordings of a distributed training's ranks."""

from pathlib import Path
from typing import Annotated

import typer

from relume.cli.options import Folder, runs_folder
from relume.report.console import print_sentence, spinner

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[RUN ...]", help="A file for each rank; the newest job's if none."),
]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--output-file", "--output", metavar="FILE", help="The new recording."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Also combine what does not say that it belongs together.")
]


def combine(
    files: Files = None, file: Out = None, force: Force = False, folder: Folder = None
) -> int:
    """Merge the recordings of a distributed training's ranks into one, exactly.

    Counts and moments are those of one process over all samples; what cannot be merged exactly is
    left out, and said.
    """
    from relume.record.merge.combine import combine as merge
    from relume.record.merge.combine import latest

    chosen = list(files) if files else latest(runs_folder(folder))
    with spinner(f"combining {len(chosen)} recordings"):
        made = merge(chosen, file, force=force)
    print_sentence(f"ranks {', '.join(map(str, made.ranks))} of {made.world} are now {made.path}")
    if made.missing:
        print_sentence(
            f"without rank {', '.join(map(str, made.missing))}, whose recording was not given"
        )
    for stat, reason in made.left_out.items():
        print_sentence(f"left out: {stat}: {reason}")
    print_sentence(f"judge it with: relume diagnose {made.path}")
    return 0
