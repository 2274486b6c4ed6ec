"""What the rules of dead units share: the loop over layers, the steps of death, the severity."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Result, Severity, Trace
from relume.rules.page import RulePage
from relume.rules.series_tools import acts_of, finite_median
from relume.rules.unit_windows import DeadUnits, dead_units, total

if TYPE_CHECKING:
    from relume.core import Floats, Ints

# Shares of a layer's units (page of ACT401): a design with 28 % dead learns as well as its
# repairs do, so the middle step is not yet an error.
NOTE, WARNING, ERROR = 0.10, 0.25, 0.50


def severity_of_share(share: float) -> Severity | None:
    """The severity of that share of dead units; None where it is no finding."""
    steps = ((ERROR, Severity.ERROR), (WARNING, Severity.WARNING), (NOTE, Severity.NOTE))
    return next((severity for limit, severity in steps if share >= limit), None)


def results_by_layer(
    trace: Trace,
    page: RulePage,
    judge_layer: Callable[[DeadUnits], Result | None],
    describe_clean: Callable[[Sequence[DeadUnits]], str],
) -> Iterator[Result]:
    """Yield the result of `judge_layer` for each hidden act.

    Args:
        trace: the run.
        page: the rule's page, which reports missing evidence.
        judge_layer: gives a finding or a missing result for one layer, None where it is clean.
        describe_clean: gives the text for the layers that are clean.
    """
    sites = acts_of(trace)
    if not sites:
        yield page.missing("no act in a hidden layer was seen")
    fine: list[DeadUnits] = []
    for site in sites:
        dead = dead_units(trace, site)
        if isinstance(dead, str):
            yield page.missing(dead, "train for more steps, or look more often", site.name)
        elif (result := judge_layer(dead)) is not None:
            yield result
        else:
            fine.append(dead)
    if fine:
        yield page.clean(describe_clean(fine))


def steps_of_death(trace: Trace, dead: DeadUnits) -> tuple[int, int]:
    """The steps between which half of the dead units died: the last record before, the first after.

    Windows say which units; the share of silent units by record says when.
    """
    return trace.once(f"death of {dead.site.name}", lambda: _steps_of_death(trace, dead))


def _steps_of_death(trace: Trace, dead: DeadUnits) -> tuple[int, int]:
    every = trace.windows(dead.site.name)
    active = [total([w], "active") for w in every]
    alive = [int(np.sum(a[dead.died] > 0)) if a is not None else 0 for a in active]
    lost = int(dead.died.sum())
    # the last window in which at least half of them still fired
    at = max((i for i, n in enumerate(alive) if 2 * n >= lost), default=0)
    after = every[at + 1].first if at + 1 < len(every) else every[at].last
    series = trace.series(dead.site.name, "silent_unit_share")
    coarse = (every[at].first, after)
    if series is None or not len(series):
        return coarse
    return _refined(series.steps, series.values, coarse) or coarse


def _refined(at: "Ints", values: "Floats", span: tuple[int, int]) -> tuple[int, int] | None:
    """The steps between which the silent share crosses half of its rise inside the span."""
    low, high = int(np.searchsorted(at, span[0])), int(np.searchsorted(at, span[1], "right"))
    if high - low < 2:
        return None
    before = finite_median(values[: low + 1][-DEPTH:])
    after = finite_median(values[high - 1 :][:DEPTH])
    if not after > before:
        return None
    over = np.flatnonzero(values[low:high] >= (before + after) / 2)
    first = low + int(over[0]) if len(over) else high - 1
    return int(at[max(first - 1, 0)]), int(at[first])


DEPTH = 8  # records whose median stands for "before" and "after"; one record is one batch's luck
