"""Shares what every callback needs: one recording, figures for a logger, a diagnosis, a report.

The callbacks beside this file only translate: which event of their framework begins a training and
which ends it, where figures go, and how a training is stopped. Nothing here raises into a training:
a failure is kept in `CallbackCore.problems` and reported at the end.
"""

import atexit
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar, cast

from torch import nn

from relume.core import Diagnosis, Finding, Severity, Trace
from relume.integrations.logged_figures import NAMES, UNKNOWN, figures
from relume.record.run import FOLDER, Run, check_schedule, join_runs, new_path, watch
from relume.record.schedule.ranks import this_rank
from relume.record.store.run_file import newest

T = TypeVar("T")

PREFIX = "relume/"
FREE = 1.0  # seconds of reading and diagnosing before the budget applies: mostly the first of each


@dataclass(frozen=True, slots=True)
class CallbackOptions:
    """The options of a callback; `checked_options` makes them."""

    budget: float = 0.01
    every: int | None = None
    path: str | Path | None = None
    stop_on: str | None = None
    ignore: tuple[str, ...] = ()
    report: bool = True


def checked_options(
    budget: float,
    every: int | None,
    path: str | Path | None,
    stop_on: str | None,
    ignore: Iterable[str],
    report: bool,
) -> CallbackOptions:
    """Check the options of a callback.

    Raises:
        UsageError: a budget or an interval out of range.
        UnknownNameError: there is no such severity or rule; the message names the nearest.
    """
    check_schedule(budget, every)
    if stop_on is not None:
        Severity.named(stop_on)
    names = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    if names:
        from relume.diagnosis import diagnose  # a wrong name raises now, not after the training

        diagnose(Trace(meta={}), ignore=names)
    return CallbackOptions(budget, every, path, stop_on, names, report)


class CallbackCore:
    """Records and diagnoses the trainings of one callback, one at a time.

    Attributes:
        run: the recording of the current training, or of the last one.
        stopped: the finding for which the training was stopped, or None.
        problems: what failed in the callback, a sentence each.
    """

    def __init__(self, options: CallbackOptions) -> None:
        self.options = options
        self.run: Run | None = None
        self.stopped: Finding | None = None
        self.problems: list[str] = []
        self._diagnosis: Diagnosis | None = None
        self._open = self._owns_run = False
        self._last: dict[str, float] = {}
        self._begun = self._spent = self._charged = 0.0
        self._costs = {"figures": 0.0, "diagnosis": 0.0}
        self._finalizer: weakref.finalize[Any, Any] | None = None
        self._at_exit = partial(_end_at_exit, weakref.ref(self))

    def begin(self, *models: nn.Module) -> None:
        """Begin to record a training of these models; close one that was left open first."""
        self.end("exit", "the training was left", report=False)
        self._safely("begin", lambda: self._begin(models), None)

    def _begin(self, models: tuple[nn.Module, ...]) -> None:
        self.stopped, self._diagnosis, self._last = None, None, {}
        self._begun, self._spent, self._charged = perf_counter(), 0.0, 0.0
        run = join_runs()
        self._owns_run = run is None
        if run is None:
            options = self.options
            path = _free_path(options.path, type(models[0]).__name__)
            run = watch(models, budget=options.budget, every=options.every, path=path)
            self._finalizer = weakref.finalize(self, run.close, "exit")
            atexit.register(self._at_exit)
        self.run, self._open = run, True

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The diagnosis of the current or last training; None before there is a recording."""
        if self._diagnosis is None and self.run is not None:
            self._diagnosis = self._safely("diagnosis", self._judge, None)
        return self._diagnosis

    def figures(self) -> dict[str, float]:
        """The figures for a logger: always the same names, NaN where nothing is known.

        They are read and the run is diagnosed again only as often as half of the budget allows.
        """
        if not self._open:
            return {}
        if self._affordable("figures"):
            self._safely("figures", lambda: self._timed("figures", self._refresh), None)
        if self._affordable("diagnosis"):
            self._safely("judgement", lambda: self._timed("diagnosis", self._decide), None)
        return {f"{PREFIX}{name}": self._last.get(name, UNKNOWN) for name in NAMES}

    @property
    def should_stop(self) -> bool:
        """Whether the training should stop: there was a finding of `stop_on` or above."""
        return self._open and self.stopped is not None

    def end(self, how: str = "normal", text: str = "", *, report: bool = True) -> None:
        """End the training: close the recording, diagnose it, and report what was found."""
        if not self._open:
            return
        self._open = False
        if self._finalizer is not None:
            self._finalizer.detach()
            atexit.unregister(self._at_exit)
        self._safely("end", lambda: self._end(how, text, report), None)

    def end_with(self, error: BaseException) -> None:
        """End the training by an exception that leaves it."""
        interrupted = isinstance(error, KeyboardInterrupt)
        self.end("interrupt" if interrupted else "exception", f"{type(error).__name__}: {error}")

    # ------------------------------------------------------------------ figures and diagnosis

    def _refresh(self) -> None:
        run = self.run
        if run is not None and run.path is not None:
            self._last |= figures(newest(run.path))
            self._last["overhead"] = self.overhead

    @property
    def overhead(self) -> float:
        """Recording, figures and diagnosing, as a share of the wall time so far."""
        if self.run is None:
            return 0.0
        elapsed = max(perf_counter() - self._begun, 1e-9)
        return self.run.overhead + (self._spent - self._charged) / elapsed

    def _judge(self) -> Diagnosis | None:
        return None if self.run is None else self.run.diagnose(ignore=self.options.ignore)

    def _decide(self) -> None:
        diagnosis = self._judge()
        if diagnosis is None:
            return
        warnings = [f for f in diagnosis.findings if f.severity >= Severity.WARNING]
        self._last["findings"] = float(len(warnings))
        if self.options.stop_on is None or self.stopped is not None:
            return
        limit = max(Severity.named(self.options.stop_on), Severity.NOTE)
        self.stopped = next((f for f in diagnosis.findings if f.severity >= limit), None)

    def _affordable(self, what: str) -> bool:
        """Whether the budget allows it once more, at the cost of the last time."""
        elapsed = perf_counter() - self._begun
        return self._spent + self._costs[what] <= FREE + self.options.budget / 2 * elapsed

    def _timed(self, what: str, action: Callable[[], None]) -> None:
        start = perf_counter()
        try:
            action()
        finally:
            self._costs[what] = perf_counter() - start
            self._spent += self._costs[what]
            beyond = max(self._spent - FREE - self._charged, 0.0)
            if self.run is not None and beyond:
                self._charged += beyond  # it counts as recording
                self.run.charge(beyond)

    def _safely(self, where: str, action: Callable[[], T], otherwise: T) -> T:
        try:
            return action()
        except Exception as error:
            self.problems.append(f"{where}: {type(error).__name__}: {error}")
            return otherwise

    # ------------------------------------------------------------------ the report

    def _end(self, how: str, text: str, report: bool) -> None:
        run = self.run
        if run is None or not self._owns_run:
            return  # `relume run` closes its recording itself, and reports
        run.close(how, int(how == "exception"), text)
        rank = this_rank()
        if not (report and self.options.report) or (rank is not None and rank.rank > 0):
            return  # rank 0 reports for all
        self._report()

    def _report(self) -> None:
        from relume.report.console import console, print_sentence
        from relume.report.terminal.diagnosis_text import render

        diagnosis = self.diagnosis
        sys.stdout.flush()  # the script's own output comes first
        if diagnosis is not None:
            render(diagnosis, None, console(stderr=True))
        if self.stopped is not None:
            print_sentence(f"stopped the training: {self.stopped.code} {self.stopped.message}")
        for problem in dict.fromkeys((*self.problems, *(self.run.problems if self.run else ()))):
            print_sentence(problem)


def _end_at_exit(core: "weakref.ref[CallbackCore]") -> None:
    """End a training that the program has left open, by the error that ended the program."""
    left = core()
    if left is None:
        return
    error = getattr(sys, "last_value", None)  # what Python has printed as uncaught
    if error is None:
        left.end("exit", "the program ended in the training")
    else:
        left.end_with(error)


class EndGuard:
    """Reports an exception that leaves a method, where a framework has no event for it.

    It replaces the method in the instance's own dictionary until `remove`. Pickled or copied with
    its owner it becomes the plain method.

    Args:
        owner, name: the object and its method.
        on_error: called with the exception, which is then raised again.
    """

    def __init__(self, owner: Any, name: str, on_error: Callable[[BaseException], None]) -> None:
        self._owner, self._name, self._on_error = owner, name, on_error
        self._previous: Any = vars(owner).get(name)
        self._original: Any = getattr(owner, name)
        vars(owner)[name] = self  # not setattr: frameworks watch what is set on their objects

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the method."""
        try:
            return self._original(*args, **keywords)
        except BaseException as error:
            self._on_error(error)
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._owner, self._name)

    def remove(self) -> None:
        """Put the method back. A second call does nothing."""
        own = cast("dict[str, Any]", vars(self._owner))
        if own.get(self._name) is not self:
            return
        del own[self._name]
        if self._previous is not None:
            own[self._name] = self._previous


class BatchesGuard(EndGuard):
    """The same for a method that returns what is iterated: also what the iterator raises."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the method, and iterate what it returns."""
        return self._watched(iter(super().__call__(*args, **keywords)))

    def _watched(self, batches: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from batches
        except GeneratorExit:
            raise  # nobody asks for more
        except BaseException as error:
            self._on_error(error)
            raise


class HoldsRun:
    """What every callback offers of its training."""

    _core: CallbackCore
    _guards: Sequence[EndGuard] = ()

    @property
    def run(self) -> Run | None:
        """The recording; None before a training has begun."""
        return self._core.run

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The diagnosis; None before there is a recording."""
        return self._core.diagnosis

    def _fail(self, error: BaseException) -> None:
        self._remove_guards()
        self._core.end_with(error)

    def _guard(self, *methods: tuple[Any, str], more: Iterable[EndGuard] = ()) -> None:
        """Guard these methods, each an owner and a name, as far as they exist."""
        there = [each for each in methods if callable(getattr(*each, None))]
        self._guards = [*more, *(EndGuard(owner, name, self._fail) for owner, name in there)]

    def _remove_guards(self) -> None:
        for guard in self._guards:
            guard.remove()
        self._guards = ()


def _free_path(path: str | Path | None, name: str) -> Path:
    """The file to record to: each training of one callback gets its own."""
    if path is None:
        return new_path(FOLDER, name)
    first = Path(path)
    candidates = (first.with_stem(f"{first.stem}-{number}") for number in range(2, 10_000))
    return first if not first.exists() else next(p for p in candidates if not p.exists())
