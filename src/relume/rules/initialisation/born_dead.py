"""ACT303 born-dead: a unit that was silent from the first step on.

## What it does
Finds units that are dead (see dead-units) and were never active in any window, the first one
included. Says how far their hyperplane lies from the data: the mean of the pre-activation in
standard deviations, and its maximum.

## Why it hurts
The initialisation put the unit's hyperplane outside the data cloud: it passes no gradient, so no
training can move it back. The network was narrower than written from the start.

## How it is measured
Silent on every sample of every window, the first window beginning within 5 steps of the run's
first (a window that begins later has not seen the initialisation); at least 8 records in two
windows, as in dead-units. Layer: note at 10 % of units, warning at 25 %, error at 50 %, as in
dead-units, where the shares come from. The distance is the median over the dead units.

## Known false alarms
A run that resumes from a checkpoint: its first step is not the initialisation. Rare features.

## Fixes and their safety
Set the bias of the dead units from the quantile of the margin (retrain; exact for live units).
Centre the inputs. Re-initialise with the act's gain and a zero bias (retrain). A small positive
bias is offered, never claimed: only a paired trial decides.

## References
He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852. Lu, Shin, Su
and Karniadakis, "Dying ReLU and initialization", 2019, arXiv:1903.06733.
"""

from collections.abc import Iterator, Sequence

from relume.core import Evidence, Finding, Result, Trace
from relume.rules.dead_layers import NOTE, results_by_layer, severity_of_share
from relume.rules.hyperplane_distance import AWAY, distance
from relume.rules.page import page
from relume.rules.series_tools import curve, first_step, last_step, layers
from relume.rules.unit_windows import DeadUnits, portion, samples

PAGE = page(__doc__)

LATE = 5  # steps: a first window that begins later than that has not seen the initialisation


def check(trace: Trace) -> Iterator[Result]:
    """One finding per act site with enough units that never fired."""
    first = first_step(trace)

    def judge_layer(dead: DeadUnits) -> Result | None:
        if trace.windows(dead.site.name)[0].first > first + LATE:
            return PAGE.missing("the first steps were not recorded", site=dead.site.name)
        return _finding(trace, dead)

    yield from results_by_layer(trace, PAGE, judge_layer, _clean)


def _clean(fine: Sequence[DeadUnits]) -> str:
    worst = max(portion(dead.born) for dead in fine)
    return f"in {layers(len(fine))} at most {worst:.0%} of the units were silent from the start"


def _finding(trace: Trace, dead: DeadUnits) -> Finding | None:
    share = portion(dead.born)
    severity = severity_of_share(share)
    if severity is None:
        return None
    every = trace.windows(dead.site.name)
    text = "{value:.0%} of the {units} units of {place} never fired, from step {begin} on"
    away = distance(dead.windows, dead.born)
    if away:
        text += AWAY
    layer = dead.site.layer or f"the layer before {dead.site.name}"
    return PAGE.finding(
        dead.site,
        severity,
        (every[0].first, last_step(trace)),
        text,
        Evidence(
            "never_active_unit_share",
            share,
            NOTE,
            samples=samples(every),
            more={
                "units": len(dead.born),
                "dead": int(dead.born.sum()),
                "act": dead.site.act,
                "begin": every[0].first,
                **away,
            },
            curve=curve(trace.series(dead.site.name, "silent_unit_share")),
        ),
        cure=f"set the bias of the dead units of {layer} so that they fire on some data",
    )


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("untrained", "batches"),
    figure="silent",
    from_start=True,
    explains=("ACT401", "ACT204", "ACT601", "ACT603", "ACT606"),
    upstream=True,
)
