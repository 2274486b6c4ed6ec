"""The public functions: `watch` a model while it trains, and `load` a recorded run.

Only `watch` imports torch; a recorded run can be read and diagnosed without it.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import relume
from relume.core import Diagnosis, Fact, Trace
from relume.errors import StoreError, UsageError
from relume.record.schedule import ranks
from relume.record.store import run_file
from relume.record.store.new_path import FOLDER, new_path

if TYPE_CHECKING:
    from torch import nn

    from relume.record.recorder import Recorder
    from relume.record.store.writer import Sink


class Run:
    """A run that is being recorded or has ended.

    Attributes:
        path: the run file; None where none could be opened (then `problems` has the reason).
        problems: one sentence for each failure of recording; the training is not affected.
    """

    def __init__(self, path: Path | None, recorder: Recorder | None = None) -> None:
        self.path = path
        self._recorder = recorder
        self._problems: list[str] = []

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each failure of recording; empty where nothing failed."""
        if self._recorder is None:
            return tuple(self._problems)
        return (*self._problems, *self._recorder.failures, *self._recorder.writer.failures)

    @property
    def overhead(self) -> float:
        """The recorder's estimate of its own cost, as a share of wall time."""
        return self._recorder.budget.overhead if self._recorder is not None else 0.0

    def charge(self, seconds: float) -> None:
        """Charge time that was spent for this run to its recording budget."""
        if self._recorder is not None:
            self._recorder.budget.charge(seconds)

    def close(
        self,
        how: str = "normal",
        code: int = 0,
        text: str = "",
        error: BaseException | None = None,
    ) -> None:
        """Stop recording and finish the file. Closing twice is fine.

        Args:
            how: how the program ended: ``normal``, ``exit``, ``exception`` or ``interrupt``.
            code: its exit code.
            text: a text on it.
            error: the exception that ended it, so that the step that raised is read.
        """
        if self._recorder is not None:
            self._recorder.close(how, code, text, error)

    def add_facts(self, facts: Callable[[], Iterable[Fact]]) -> None:
        """Write facts that were learned outside of torch; a failure is a problem, not an error."""
        if self._recorder is not None:
            self._recorder.add_facts(facts)

    def time_acts(self) -> None:
        """Time the acts of a run that has ended, for as long as its length allows."""
        if self._recorder is not None:
            self._recorder.time_acts()

    def trace(self) -> Trace:
        """Read everything recorded so far, also during training.

        Raises:
            StoreError: nothing was recorded.
        """
        if self.path is None:
            raise StoreError(f"nothing was recorded: {'; '.join(self.problems) or 'no file'}.")
        if self._recorder is not None:
            self._recorder.flush()
        return run_file.read(self.path)

    def diagnose(
        self, select: Iterable[str] | None = None, ignore: Iterable[str] | None = None
    ) -> Diagnosis:
        """Diagnose what was recorded so far.

        Args:
            select: only these rules (codes, prefixes of codes, or names); all by default.
            ignore: leave out these rules.

        Raises:
            UnknownNameError: no rule has this name; the message names the nearest.
            StoreError: nothing was recorded.
        """
        # The only import of `diagnosis` in this package, made late: recording does not need it.
        from relume.diagnosis import diagnose

        return diagnose(self.trace(), select=select, ignore=ignore)

    @property
    def is_open(self) -> bool:
        """Whether the run is still being recorded."""
        return self._recorder is not None and not self._recorder.closed

    def _ipython_display_(self) -> None:
        """Show the run in a notebook, for as long as it trains."""
        from relume.integrations.jupyter import show

        show(self)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.close("exception", 1, kind.__name__, error)

    def __del__(self) -> None:
        # A run that nobody holds any longer ends: a notebook's cell that is run again must not
        # leave a recorder behind. One that is dropped at once was meant to go on.
        recorder = self.__dict__.get("_recorder")
        if recorder is not None and recorder.names.explicit and recorder.backwards:
            self.close()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def watch(
    model: nn.Module | Iterable[nn.Module],
    *,
    budget: float = 0.01,
    every: int | None = None,
    path: str | Path | None = None,
    dir: str | Path | None = None,
    exact: bool = False,
    sink: str | Sink | None = None,
) -> Run:
    """Record how `model` trains, from now until the run is closed.

    Args:
        model: the module that is trained, or several.
        budget: the share of wall time that recording may take, in (0, 1], once one and
            a half seconds of recording are spent.
        every: record every `every`-th optimiser step instead of keeping a budget.
        path: the run file; by default ``<dir>/<time>-<class of the model>.sqlite``.
        dir: the folder of the runs, as ``--dir``; by default ``.relume``.
        exact: record nothing that could change a bit. Without it a model under `torch.compile`
            runs eagerly on recorded steps, whose results may differ from the compiled ones by
            rounding; with it compiled regions stay closed. Everything else is bit-identical
            either way.
        sink: a second place for the series, while the run trains: ``"tensorboard"`` writes event
            files beside the run file, ``"tensorboard:DIR"`` into a folder; or anything with the
            methods ``record(step, keys, values)``, ``steps(rows)`` and ``close()``. An error in
            it costs the sink, never the training.

    Returns:
        A `Run`: a context manager, or call its `close()`.

    Raises:
        UsageError: a budget or an interval out of range, something that is no module, or a sink
            that there is not or that needs a package which is not installed.

    Example:
        >>> import tempfile, torch, relume
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(),
        ...                             torch.nn.Linear(8, 1))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> folder = tempfile.mkdtemp()
        >>> with relume.watch(model, path=f"{folder}/run.sqlite") as run:
        ...     for _ in range(3):
        ...         loss = (model(torch.randn(16, 4)) - 1).square().mean()
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         optimizer.step()
        >>> [site.name for site in run.trace().sites_of("act")]
        ['1']
    """
    check_schedule(budget, every)
    if isinstance(sink, str):
        from relume.record.store.tensorboard import parse_sink

        parse_sink(sink)  # raises before anything is created
    from torch import nn

    argument: Any = model
    parts: list[Any] = [argument]
    if not isinstance(argument, nn.Module) and isinstance(argument, Iterable):
        parts = list(cast("Iterable[Any]", argument))  # a Sequential, though iterable, is one model
    models = tuple(part for part in parts if isinstance(part, nn.Module))
    if not models or len(models) < len(parts):
        others = [type(part).__name__ for part in parts if not isinstance(part, nn.Module)]
        types = ", ".join(others) or "nothing"
        raise UsageError(f"watch() was given {types}; it takes a torch.nn.Module, or several.")
    name = type(models[0]).__name__
    file = (
        Path(path) if path is not None else new_path(Path(dir) if dir is not None else FOLDER, name)
    )
    about: dict[str, Any] = {"script": name, "argv": []}
    return begin(file, models, budget=budget, every=every, exact=exact, about=about, sink=sink)


def join_runs() -> Run | None:
    """Return the run that `relume run` records in this process; None where it does not.

    The caller must not close it.
    """
    from relume.record.recorder import process_recorder

    recorder = process_recorder()
    return None if recorder is None else Run(recorder.writer.path, recorder)


def load(path: str | Path) -> Run:
    """Open the run that was recorded in a file.

    Raises:
        NoRunError: there is no such file.
        NotATraceError: relume did not write it, or it is damaged.
    """
    run_file.meta(Path(path))
    return Run(Path(path))


def begin(
    path: Path,
    models: tuple[nn.Module, ...],
    *,
    budget: float,
    every: int | None,
    exact: bool = False,
    about: dict[str, Any],
    sink: str | Sink | None = None,
) -> Run:
    """Open a run file and start recording into it; failures go to `Run.problems`.

    The parameters are those of `watch`.
    """
    import torch

    from relume.record.hooks.fork_guard import live_recorders
    from relume.record.recorder import Recorder
    from relume.record.schedule.overhead_budget import OverheadBudget

    rank = ranks.this_rank()
    opened_sink, problems = _sink(sink, path)
    try:
        writer = run_file.Writer(path, opened_sink, ranked=rank is not None)
        writer.meta(
            {
                "run": path.stem,
                "started": datetime.now().astimezone().isoformat(timespec="seconds"),
                "torch": torch.__version__,
                "python": sys.version.split()[0],
                "relume": relume.__version__,
                "device": "cuda" if torch.cuda.is_available() else "cpu",
                "pid": os.getpid(),  # with the host: shows whether a silent run is alive
                "host": platform.node(),
                "budget": budget if every is None else None,
                "every": every,
                "steps": 0,
                "records": 0,
                "backwards": 0,
                **(rank.meta() if rank is not None else {}),
                **about,
            }
        )
        overhead_budget = OverheadBudget(budget, every)
        recorder = Recorder(writer, overhead_budget, models, exact=exact)
    except StoreError as error:
        run = Run(None)
        run._problems += [*problems, str(error)]
        if opened_sink is not None:
            opened_sink.close()
        return run
    for older in list(live_recorders):  # of the same models: a cell of a notebook is run again
        if isinstance(older, Recorder) and older.records_only(models):
            older.close()
    recorder.start()
    run = Run(path, recorder)
    run._problems += problems
    return run


def _sink(sink: str | Sink | None, path: Path) -> tuple[Sink | None, list[str]]:
    """Open the sink; if that fails, return the reason."""
    if sink is None:
        return None, []
    from relume.record.store.tensorboard import open_sink

    try:
        return open_sink(sink, path), []
    except OSError as error:
        return None, [f"the sink was left out: {error.strerror or error}: {error.filename or sink}"]


def check_schedule(budget: float, every: int | None) -> None:
    """Raise `UsageError` for a budget or an interval that is out of range."""
    if not 0 < budget <= 1:
        raise UsageError(f"a budget of {budget} was given; it is a share of wall time in (0, 1].")
    if every is not None and every < 1:
        raise UsageError(f"every={every} was given; it is a number of steps, 1 or more.")
