"""ACT401 dead-units: a unit that never fires.

## What it does
Finds units whose act had slope zero and gave nothing on every sample of the last windows: a ReLU
whose pre-activation stays below its kink on all the data.

## Why it hurts
A dead unit outputs a constant and passes no gradient, so nothing upstream of it learns through it
and it does not come back by itself. The layer is as wide as its live units.

## How it is measured
Per unit, samples with a slope that is not zero, added up over the last two or more windows until
there are 3000 samples a unit over 8 records. None in n means at most 3/n at 95 % (rule of three),
which is 0.1 % for 3000, and that bound is printed; eight batches are not all of one class. Units:
neurons for (batch, features), channels over batch and space for convolutions, features over batch
and tokens for sequences. Layer: note at 10 % of units, warning at 25 %, error at 50 % or with fewer
live units than classes. Where 3000 samples were out of reach (small batches, few steps, or a death
so late that few came after), the text has the smaller n, the finding is a warning at most unless
the run fares badly. How far their hyperplanes lie from the data is printed as in born-dead: over
the same samples the mean of the pre-activation in standard deviations, and its maximum, as medians
over the dead units. The share of zeros is never used: 3 % non-zero entries are healthy in ReLU
transformers. The shares come from 80 healthy and 92 faulty runs: the only healthy design that they
touch has 28 % dead units, and learns as well as its repairs.

## Known false alarms
Rare features: a unit that fires on less than 3/n of the data. Units of a mixture of experts that
the router did not visit, masked or pruned units. Layers with 28 % dead units that learn as well as
their repairs do: on a run that learns this is a note.

## Fixes and their safety
In this order: a lower learning rate if it was high when they died (retrain); the bias from the
quantile of the margin (retrain; exact for live units); recycling dead units in place (exact for
the function, since their outgoing weights become zero); a leaky act with its initialisation
(retrain); a norm layer (retrain). Under 25 % without a paired gain: leave it.

## References
Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.
Lu, Shin, Su and Karniadakis, "Dying ReLU and initialization", 2019, arXiv:1903.06733. Sokar et al.,
"The dormant neuron phenomenon in deep reinforcement learning", ICML 2023, arXiv:2302.12902. Hanley
and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983.
"""

from collections.abc import Iterator, Sequence

from relume.core import Evidence, Finding, Result, Severity, Trace
from relume.rules.dead_layers import NOTE, results_by_layer, severity_of_share, steps_of_death
from relume.rules.hyperplane_distance import AWAY, distance
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.plain_numbers import one_in
from relume.rules.series_tools import CONFIDENCE, RULE_OF_THREE, curve, last_step, layers, number
from relume.rules.unit_windows import DeadUnits, portion, records

PAGE = page(__doc__)


def check(trace: Trace) -> Iterator[Result]:
    """One finding per act site with enough dead units."""
    badly = judge(trace).fares_badly
    yield from results_by_layer(trace, PAGE, lambda dead: _finding(trace, dead, badly), _clean)


def _clean(fine: Sequence[DeadUnits]) -> str:
    worst, least = max(portion(f.now) for f in fine), min(f.samples for f in fine)
    where = f"in {layers(len(fine))} at most {worst:.0%} of the units are dead"
    return f"{where} (at least {least} samples a unit)"


def _severity(dead: DeadUnits, classes: int, badly: bool) -> Severity | None:
    severity = severity_of_share(portion(dead.now))
    live = len(dead.now) - int(dead.now.sum())
    if severity is not None and live < classes <= len(dead.now):
        severity = Severity.ERROR  # fewer live units than classes (see the page)
    if severity is not None and not dead.enough and not badly:
        severity = min(
            severity, Severity.WARNING
        )  # thin evidence (law 10 in docs/laws.md), and the run learns
    return severity


def _finding(trace: Trace, dead: DeadUnits, badly: bool) -> Finding | None:
    classes = [number(f.data.get("classes")) or 0 for f in trace.facts_of("criterion")]
    severity = _severity(dead, int(max(classes, default=0)), badly)
    if severity is None:
        return None
    born = 2 * int(dead.born.sum()) > int(dead.now.sum())
    every = trace.windows(dead.site.name)
    since = every[0].first if born else steps_of_death(trace, dead)[1]
    text = (
        "{dead} of the {units} units of {place} are dead: they were silent on all {samples} "
        "samples looked at ({confidence:.0%} sure: each fires on fewer than {seldom})"
    )
    if not dead.enough:
        text += ". That is less evidence than usual"
    away = distance(dead.windows, dead.now)
    if away:
        text += AWAY
    return PAGE.finding(
        dead.site,
        severity,
        (since, last_step(trace)),
        text,
        Evidence(
            "dead_unit_share",
            portion(dead.now),
            NOTE,
            samples=dead.samples,
            more={
                "units": len(dead.now),
                "dead": int(dead.now.sum()),
                "born_dead": int(dead.born.sum()),
                "act": dead.site.act,
                "records": records(dead.windows),
                "bound": min(1.0, RULE_OF_THREE / dead.samples),
                "seldom": one_in(min(1.0, RULE_OF_THREE / dead.samples)),
                "confidence": CONFIDENCE,
                **away,
            },
            curve=curve(trace.series(dead.site.name, "silent_unit_share")),
        ),
        cure=_cure(dead, born),
    )


def _cure(dead: DeadUnits, born: bool) -> str:
    layer = dead.site.layer or f"the layer before {dead.site.name}"
    if born:
        return f"set the bias of the dead units of {layer} so that they fire on some data"
    return (
        f"lower the learning rate if it was high when they died; "
        f"else recycle the dead units of {layer}"
    )


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("trained", "batches"),
    figure="silent",
    explains=("ACT603", "ACT606"),
)
