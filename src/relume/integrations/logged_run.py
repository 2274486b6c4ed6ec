"""Makes the few figures and the findings of a recorded run, as every logger takes them.

The figures are those of the callbacks (`logged_figures`), for every record, with the loss and the
learning rate. A logger's file beside this one only translates them into its client's calls.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relume.core import Diagnosis, Finding, Series, Severity, Trace
from relume.errors import UsageError
from relume.integrations.logged_figures import figures
from relume.record.run import Run

PREFIX = "relume/"
POINTS = 1_000
"""Steps of a curve that are sent; the loggers draw no more."""
COLUMNS = ("code", "name", "severity", "place", "first step", "last step", "message", "cure")


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A run as a logger takes it: figures over the steps, and what was found."""

    trace: Trace
    diagnosis: Diagnosis

    @property
    def name(self) -> str:
        """The name of the recording."""
        return str(self.trace.meta.get("run") or "relume")

    @property
    def about(self) -> dict[str, str | int | float | bool]:
        """What is known of the run beside its figures: script, device, versions."""
        meta = self.trace.meta
        return {key: v for key, v in meta.items() if isinstance(v, str | int | float | bool)}

    @property
    def verdict(self) -> dict[str, str]:
        """The verdict and the outcome in words."""
        outcome = self.diagnosis.outcome
        return {"verdict": self.diagnosis.verdict, "outcome": outcome.text}

    @property
    def findings(self) -> list[tuple[str | int, ...]]:
        """A row for each finding of note or above, in the order of `COLUMNS`."""
        found = [f for f in self.diagnosis.findings if f.severity > Severity.FACT]
        return [_row(finding) for finding in found]

    def points(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield the steps, ascending, each with the figures that are known there."""
        known: dict[int, dict[str, float]] = {}
        for name in ("loss", "learning_rate"):
            series = self.trace.series("", name)
            for step, value in _even(series):
                known.setdefault(step, {})[f"{PREFIX}{name}"] = value
        for step, values in _figures(self.trace):
            known.setdefault(step, {}).update(values)
        yield from sorted(known.items())


def logged(run: Run) -> LoggedRun:
    """Return what a logger takes of a run, also of one that still trains."""
    return LoggedRun(run.trace(), run.diagnose())


def client(name: str, module: str = "", install: str = "") -> Any:
    """Return a module of a logger's own package.

    Args:
        name: of the package.
        module: if it is not the package itself.
        install: what pip is asked for, if that is not the name.

    Raises:
        UsageError: it is not installed.
    """
    try:
        package = import_module(name)
        return import_module(module) if module else package
    except ImportError:
        raise UsageError(f"{name} is not installed: pip install {install or name}.") from None


def _row(finding: Finding) -> tuple[str | int, ...]:
    place = f"{finding.site} ({finding.file}:{finding.line})" if finding.file else finding.site
    head = (finding.code, finding.name, str(finding.severity), place)
    return (*head, *finding.steps, finding.message, finding.cure)


def _even(series: Series | None) -> Iterator[tuple[int, float]]:
    if series is None or not len(series):
        return
    chosen = _spread(len(series))
    yield from zip(series.steps[chosen].tolist(), series.values[chosen].tolist(), strict=True)


def _spread(many: int) -> NDArray[np.int64]:
    """Return at most `POINTS` places of so many, evenly, the last among them."""
    return np.unique(np.linspace(0, many - 1, min(many, POINTS)).astype(np.int64))


def _figures(trace: Trace) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the callbacks' figures at every record that is sent."""
    table = {key: series for key, series in trace.table.items() if key[0] and len(series)}
    steps = np.unique(np.concatenate([s.steps for s in table.values()] or [np.array([], np.int64)]))
    for step in steps[_spread(len(steps))].tolist() if len(steps) else ():
        values = figures(replace(trace, table=dict(_until(table, step))))
        yield step, {f"{PREFIX}{name}": v for name, v in values.items() if np.isfinite(v)}


def _until(
    table: dict[tuple[str, str], Series], step: int
) -> Iterator[tuple[tuple[str, str], Series]]:
    """Yield of each series what was known at a step: one value is enough for its figure."""
    for key, series in table.items():
        at = int(np.searchsorted(series.steps, step, side="right"))
        if at:
            yield key, Series(series.steps[at - 1 : at], series.values[at - 1 : at])
