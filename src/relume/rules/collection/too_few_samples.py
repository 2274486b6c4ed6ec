"""ACT002 too-few-samples: the run is too short for some rules to speak with certainty.

## What it does
Says which rules had less evidence than they ask for, how much there was, and how much is needed.

## Why it hurts
It does not. A unit that was silent on 200 samples may be a rare feature; one that was silent on
3000 is active on less than 0.1 % of the data. A short run makes every such claim weaker, and a
rule that stays quiet on it has proved nothing.

## How it is measured
Counted: sampled rows a unit of the worst act (dead-units and its kin need 3000 over 8 records,
saturated-units 1000), rows of the input (input-not-centred needs 1000), records of the gradient
norm (exploding-gradient needs 50 for its z-score). The numbers come from the width of the
interval that they give: 0 of n means at most 3/n at 95 %, so 0.1 % for 3000; a share of 90 % is
known within 2 % from 1000, the energy of a mean within 0.03. The 8 and the 50 are reasoned: one
batch may be one class, eight are not, and a spread of logarithms needs some fifty values.

## Known false alarms
Tiny data sets, where every row has been seen many times: then the evidence comes from steps, and
the rules say so themselves.

## Fixes and their safety
Advice only: train for more steps, or look more often (`every=`).

## References
Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Trace
from relume.rules.page import page
from relume.rules.series_tools import (
    DEAD_RECORDS,
    DEAD_SAMPLES,
    FLAT_SAMPLES,
    GRADIENT_RECORDS,
    INPUT_SAMPLES,
    acts_of,
    first_step,
    last_step,
    weights_of,
)
from relume.rules.unit_windows import records, samples

PAGE = page(__doc__)


def check(trace: Trace) -> Iterator[Result]:
    """One fact for the run, naming the rules that lack samples."""
    lacking = list(_lacking(trace))
    if not trace.table and not trace.units:
        yield PAGE.missing("nothing was recorded", "train at least one step under the recorder")
        return
    if not lacking:
        yield PAGE.clean("every rule that counts samples had as many as it asks for")
        return
    rules = "; ".join(f"{name} ({had} of {need} {unit})" for name, had, need, unit in lacking)
    _, had, need, unit = min(lacking, key=lambda item: item[1] / item[2])
    yield PAGE.finding(
        "",
        Severity.FACT,
        (first_step(trace), last_step(trace)),
        "less evidence than these rules ask for: {rules}",
        Evidence(
            "samples",
            had,
            need,
            samples=had,
            more={"count": len(lacking), "rules": rules, "unit": unit},
        ),
        cure="train for more steps, or look more often",
    )


def _lacking(trace: Trace) -> Iterator[tuple[str, int, int, str]]:
    """Yield each rule that lacks evidence: its name, what there was, what it needs, and of what."""
    parts = [trace.windows(site.name) for site in acts_of(trace)]
    if parts:
        rows, batches = min(map(samples, parts)), min(map(records, parts))
        if rows < DEAD_SAMPLES:
            yield "dead-units", rows, DEAD_SAMPLES, "rows a unit"
        elif batches < DEAD_RECORDS:
            yield "dead-units", batches, DEAD_RECORDS, "records"
        if rows < FLAT_SAMPLES:
            yield "saturated-units", rows, FLAT_SAMPLES, "rows a unit"
    for site in trace.sites_of("input"):
        series = trace.series(site.name, "samples")
        if series is not None and len(series) and series.values[-1] < INPUT_SAMPLES:
            yield "input-not-centred", int(series.values[-1]), INPUT_SAMPLES, "rows"
            break
    norms = [s for name in weights_of(trace) if (s := trace.series(name, "grad_norm")) is not None]
    if norms and (most := max(map(len, norms))) < GRADIENT_RECORDS:
        yield "exploding-gradient", most, GRADIENT_RECORDS, "records"


RULE = PAGE.rule(check, severities=("fact",), symptom=False)
