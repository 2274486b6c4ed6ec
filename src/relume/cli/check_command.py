"""`relume check`: diagnoses a model before any training, or a checkpoint."""

import re
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relume.cli.options import JudgingOptions, output_policy
from relume.cli.spell_out import options
from relume.errors import RelumeError, UsageError
from relume.report.console import console, print_sentence, spinner

if TYPE_CHECKING:
    from relume.checks.check import ModelCheck

_IMPORTING = re.compile(r"<frozen importlib|\bimportlib[/\\]")


@options(JudgingOptions, without=("folder",))
def check(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="pkg.mod:make_model or file.py:make_model.")
    ],
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="pkg.mod:loader, or a .npy, .npz, .pt or .csv file."),
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option("--input", metavar="SHAPE", help="Random data instead: 32x3x224x224."),
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="Of --input; int64 for a model of tokens.")
    ] = "float32",
    criterion: Annotated[
        str | None, typer.Option(metavar="LOSS", help="cross_entropy, or pkg.mod:loss.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A trained state, .pt or .safetensors; evaluated."),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(help="Also change single rows, and train a copy for 200 steps on one batch."),
    ] = False,
    *,
    judging: JudgingOptions,
) -> int:
    """Check a model before any training: a forward and a backward pass, and nothing is changed.

    With --weights and a loader or a saved set it is a checkpoint: dead, dormant and saturated units
    over up to 3,000 rows.
    """
    wanted = output_policy(judging)
    if (data is None) == (shape is None):
        raise UsageError("give the batch: --data pkg.mod:loader (or a file), or --input 32x3x8x8.")
    try:
        with spinner(f"checking {target}"):
            checked = _check(
                target, data, shape, dtype, criterion, weights, wanted.order.codes, probe
            )
    except RelumeError:
        raise
    except Exception as error:  # of the user's code: its traceback, without relume's frames
        error.__traceback__ = _from_users_frame(error.__traceback__)
        traceback.print_exception(error)
        print_sentence(
            f"{target} could not be run, so nothing was checked{_hint(error, dtype, shape)}."
        )
        return 2
    done = wanted.suppress(checked.diagnosis, checked.trace)
    from relume.report.output import deliver

    deliver(done.diagnosis, checked.trace, wanted.order, console(), both=wanted.order.file is None)
    for note in done.notes:
        print_sentence(note)
    if wanted.order.file is not None:
        print_sentence(f"the report is in {wanted.order.file}.")
    return int(wanted.failed(done.diagnosis))


def _check(
    target: str,
    data: str | None,
    shape: str | None,
    dtype: str,
    criterion: str | None,
    weights: Path | None,
    codes: tuple[str, ...] | None,
    probe: bool,
) -> "ModelCheck":
    from relume.checks import import_target
    from relume.checks.check import check_model

    model = import_target.model(target)
    loss = import_target.criterion(criterion) if criterion else None
    if weights is not None:
        import_target.weights(weights, model)
        model.eval()
    batch: Any = (
        import_target.data(data)
        if data
        else import_target.made_up_inputs(shape or "", dtype, model)
    )
    return check_model(
        model,
        batch,
        loss,
        trained=weights is not None,
        made_up=data is None,
        name=target,
        select=codes,
        probe=probe,
    )


def _from_users_frame(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame of the user's code on."""
    from relume.launch import without_own_frames

    trace = without_own_frames(trace)
    while trace is not None and _IMPORTING.search(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _hint(error: Exception, dtype: str, shape: str | None) -> str:
    torch = sys.modules.get("torch")
    tokens = torch is not None and "indices" in str(error) and shape is not None
    return "; for a model of tokens give --dtype int64" if tokens and "int" not in dtype else ""
