"""What every callback shares: one recording, figures for a logger, a judgement, a last word.

The callbacks beside this file only translate: which event of their framework begins a training
and which ends it, where figures go, and how a training is asked to stop. Nothing here raises into
a training: what fails is kept in `Watched.problems` and said at the end.
"""

import sys
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
FREE = 1.0  # seconds of looking and judging before the budget holds: the first of each, mostly


@dataclass(frozen=True, slots=True)
class CallbackOptions:
    """What a user asked of a callback; `checked` makes one."""

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
    """Wishes whose every word is known to be good.

    Raises:
        UsageError: a budget or an interval out of range.
        UnknownNameError: no such severity, or no such rule; the message names the nearest.
    """
    check_schedule(budget, every)
    if stop_on is not None:
        Severity.named(stop_on)
    names = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    if names:
        from relume.diagnosis import diagnose  # a wrong name is said now, not after the training

        diagnose(Trace(meta={}), ignore=names)
    return CallbackOptions(budget, every, path, stop_on, names, report)


class CallbackCore:
    """The trainings of one callback, one at a time.

    Attributes:
        run: the recording of the training that goes on, or of the last one.
        stopped: the finding that made this stop the training; None where none did.
        problems: what failed of ours, a sentence each.
    """

    def __init__(self, wishes: CallbackOptions) -> None:
        self.wishes = wishes
        self.run: Run | None = None
        self.stopped: Finding | None = None
        self.problems: list[str] = []
        self._diagnosis: Diagnosis | None = None
        self._open = self._own = False
        self._last: dict[str, float] = {}
        self._begun = self._spent = self._charged = 0.0
        self._costs = {"look": 0.0, "judge": 0.0}
        self._will: weakref.finalize[Any, Any] | None = None

    def begin(self, *models: nn.Module) -> None:
        """A training of these models begins; one that was left open is closed first."""
        self.end("exit", "the training was left", speaks=False)
        self._safely("begin", lambda: self._begin(models), None)

    def _begin(self, models: tuple[nn.Module, ...]) -> None:
        self.stopped, self._diagnosis, self._last = None, None, {}
        self._begun, self._spent, self._charged = perf_counter(), 0.0, 0.0
        run = join_runs()
        self._own = run is None
        if run is None:
            wishes = self.wishes
            path = _unused(wishes.path, type(models[0]).__name__)
            run = watch(models, budget=wishes.budget, every=wishes.every, path=path)
            self._will = weakref.finalize(self, run.close, "exit")
        self.run, self._open = run, True

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The judgement on the last training; None before there is anything to judge."""
        if self._diagnosis is None and self.run is not None:
            self._diagnosis = self._safely("diagnosis", self._judge, None)
        return self._diagnosis

    def look(self) -> dict[str, float]:
        """The figures for a logger, by name; always the same names, NaN where nothing is known.

        Read and judged anew only as often as the budget allows: half of it goes here.
        """
        if not self._open:
            return {}
        if self._paid("look"):
            self._safely("figures", lambda: self._timed("look", self._refresh), None)
        if self._paid("judge"):
            self._safely("judgement", lambda: self._timed("judge", self._decide), None)
        return {f"{PREFIX}{name}": self._last.get(name, UNKNOWN) for name in NAMES}

    @property
    def stops(self) -> bool:
        """Whether the training is to be stopped: a finding of `stop_on` or above."""
        return self._open and self.stopped is not None

    def end(self, how: str = "normal", text: str = "", *, speaks: bool = True) -> None:
        """The training has ended: close the recording, judge it, and say what was found."""
        if not self._open:
            return
        self._open = False
        if self._will is not None:
            self._will.detach()
        self._safely("end", lambda: self._end(how, text, speaks), None)

    def failed(self, error: BaseException) -> None:
        """An exception leaves the training."""
        interrupted = isinstance(error, KeyboardInterrupt)
        self.end("interrupt" if interrupted else "exception", f"{type(error).__name__}: {error}")

    # ------------------------------------------------------------------ reading and judging

    def _refresh(self) -> None:
        run = self.run
        if run is not None and run.path is not None:
            self._last |= figures(newest(run.path))
            self._last["overhead"] = self.overhead

    @property
    def overhead(self) -> float:
        """Recording, looking and judging, as a share of the wall time so far."""
        if self.run is None:
            return 0.0
        elapsed = max(perf_counter() - self._begun, 1e-9)
        return self.run.overhead + (self._spent - self._charged) / elapsed

    def _judge(self) -> Diagnosis | None:
        return None if self.run is None else self.run.diagnose(ignore=self.wishes.ignore)

    def _decide(self) -> None:
        diagnosis = self._judge()
        if diagnosis is None:
            return
        grave = [f for f in diagnosis.findings if f.severity >= Severity.WARNING]
        self._last["findings"] = float(len(grave))
        if self.wishes.stop_on is None or self.stopped is not None:
            return
        limit = max(Severity.named(self.wishes.stop_on), Severity.NOTE)
        self.stopped = next((f for f in diagnosis.findings if f.severity >= limit), None)

    def _paid(self, what: str) -> bool:
        """Whether the budget allows for another one, at the price of the last."""
        elapsed = perf_counter() - self._begun
        return self._spent + self._costs[what] <= FREE + self.wishes.budget / 2 * elapsed

    def _timed(self, what: str, action: Callable[[], None]) -> None:
        start = perf_counter()
        try:
            action()
        finally:
            self._costs[what] = perf_counter() - start
            self._spent += self._costs[what]
            beyond = max(self._spent - FREE - self._charged, 0.0)
            if self.run is not None and beyond:
                self._charged += beyond  # recording pays for it
                self.run.charge(beyond)

    def _safely(self, where: str, action: Callable[[], T], otherwise: T) -> T:
        try:
            return action()
        except Exception as error:
            self.problems.append(f"{where}: {type(error).__name__}: {error}")
            return otherwise

    # ------------------------------------------------------------------ the last word

    def _end(self, how: str, text: str, speaks: bool) -> None:
        run = self.run
        if run is None or not self._own:
            return  # `relume run` closes its recording itself, and reports
        run.close(how, int(how == "exception"), text)
        rank = this_rank()
        if not (speaks and self.wishes.report) or (rank is not None and rank.rank > 0):
            return  # rank 0 speaks for all
        self._say()

    def _say(self) -> None:
        from relume.report.console import console, print_sentence
        from relume.report.terminal.diagnosis_text import (
            render,  # drawing is the report's, and only at the end
        )

        diagnosis = self.diagnosis
        sys.stdout.flush()  # what the script still holds comes before ours
        if diagnosis is not None:
            render(diagnosis, None, console(stderr=True))
        if self.stopped is not None:
            print_sentence(f"stopped the training: {self.stopped.code} {self.stopped.message}")
        for problem in dict.fromkeys((*self.problems, *(self.run.problems if self.run else ()))):
            print_sentence(problem)


class EndGuard:
    """Hears of an exception that leaves a method, where a framework has no event for it.

    It stands in the instance's own dictionary and is taken out again by `lift`. Pickled or copied
    with its owner it becomes the plain method.

    Args:
        owner, name: whose method.
        told: called with the exception, which then goes on its way.
    """

    def __init__(self, owner: Any, name: str, told: Callable[[BaseException], None]) -> None:
        self._owner, self._name, self._told = owner, name, told
        self._kept: Any = vars(owner).get(name)
        self._original: Any = getattr(owner, name)
        vars(owner)[name] = self  # not setattr: frameworks watch what is set on their objects

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The method."""
        try:
            return self._original(*args, **keywords)
        except BaseException as error:
            self._told(error)
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._owner, self._name)

    def lift(self) -> None:
        """Give the method back. Twice is fine."""
        own = cast("dict[str, Any]", vars(self._owner))
        if own.get(self._name) is not self:
            return
        del own[self._name]
        if self._kept is not None:
            own[self._name] = self._kept


def _unused(path: str | Path | None, name: str) -> Path:
    """Where to record: a second training of one callback does not write into the first's file."""
    if path is None:
        return new_path(FOLDER, name)
    first = Path(path)
    tried = (first.with_stem(f"{first.stem}-{number}") for number in range(2, 10_000))
    return first if not first.exists() else next(p for p in tried if not p.exists())
