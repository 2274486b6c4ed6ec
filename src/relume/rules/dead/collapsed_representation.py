"""ACT405 collapsed-representation: from one layer on all rows of a batch are alike.

## What it does
Finds the first place after which rows no longer differ: a layer whose output is its bias, a norm
over a single feature, a mean over the batch, an encoder that gives one embedding for everything.
Dead or saturated units further on are then its symptoms: a unit that lies "63 standard deviations
below zero" says that its input no longer depends on the row.

    nn.Linear(32, 1), nn.LayerNorm(1), nn.Linear(1, 32)

"rows differ before 3 and no longer after it: NativeLayerNorm leaves a variance of 0 of the mean
square". Instead:

    nn.Linear(32, 8), nn.LayerNorm(8), nn.Linear(8, 32)

## Why it hurts
What follows gets the same input for every row, and can only learn the best constant guess.

## How it is measured
At every layer, norm and act of a recorded graph: the variance over rows, a mean over units,
divided by the mean square, on up to 256 rows of a batch. Below 1e-6 rows are alike (reasoned:
they then differ in the fourth digit; 32-bit training resolves seven). Named where it is so on the
last two records that were looked at or more, and rows differ in all that the place depends on: a
learned constant never depended on them. An act that makes rows alike is judged by the rules of its
units, a layer that gives zeros alone by those of the weights. Weights that were too small from the
start upstream (ACT301) are the cause of a layer that gives its bias, and a head that cannot fit
(ACT203) is that of rows that become alike later. Where rows had become alike gradually, over many
layers (less than 1e-3 before the last one), it is a note: depth and weights are the cause. An
embedding of 8 units or more that no target judges (pairs are compared) has collapsed below 0.05,
where two rows have a cosine of 0.95 on average; on digits SimSiam with its stop-gradient keeps
0.41 or more, and ends at 0.017 without
it. An embedding is the output, of a projector or a predictor, that no other layer follows in a
graph whose loss is none of those with targets; each is judged by its own records, so that a probe
that is trained beside it hides nothing.

## Known false alarms
Inputs that are constant by design, such as the learned constant of a generator and learned
queries, are not judged. A batch of equal rows is seen at the input, and is none of the network's
doing.

## Fixes and their safety
All retrain. Weights that drown in the bias: draw them anew with the act's gain, bias zero. A norm
over one feature: another axis, or none. A mean over the batch: a mean over space or time. Pairs:
negatives, a stop-gradient with a predictor, or a term that keeps the variance.

## References
Chen and He, "Exploring simple siamese representation learning", CVPR 2021, arXiv:2011.10566.
Bardes, Ponce and LeCun, "VICReg", ICLR 2022, arXiv:2105.04906. Jing et al., "Understanding
dimensional collapse", ICLR 2022, arXiv:2110.09348.
"""

from collections.abc import Iterator
from typing import Any

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import first_step, is_recorded, last_step, number
from relume.rules.wiring_facts import DOWNSTREAM

PAGE = page(__doc__)

ALIKE = 1e-6  # variance / mean square; see the page
GRADUAL = 1e-3  # before the last layer: it was nearly gone there already
ALIKE_PAIRS = 0.05  # of an embedding: two rows have a cosine of 0.95
LEAST = 2  # records


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each place at which rows become alike."""
    whole = next((f for f in trace.facts_of("rows") if not f.site), None)
    if whole is None:
        reason = "rows were not compared" if is_recorded(trace, "rows") else "not looked for"
        yield PAGE.missing(reason, "record again, with several rows in a batch")
        return
    facts = [fact for fact in trace.facts_of("rows") if fact.site and _lasts(fact, whole)]
    found = [f for fact in facts if (f := _finding(trace, fact)) is not None]
    if not found and (pairs := _embedding(trace, whole)) is not None:
        found = [pairs]
    yield from found
    if not found:
        least = number(whole.data.get("least")) or 0.0
        near = 0.0 if facts else min(1.0, ALIKE / max(least, 1e-300))
        yield PAGE.clean(f"rows differ in all that was compared (at least {least:.1g})", near)


def _lasts(fact: Fact, whole: Fact) -> bool:
    """Whether rows were alike on the last records that were looked at."""
    streak = int(number(fact.data.get("streak")) or 0)
    return streak >= LEAST and fact.data.get("last") == whole.data.get("last")


def _finding(trace: Trace, fact: Fact) -> Finding | None:
    how = fact.data.get("how")
    if how in ("act", "zeros"):
        return None  # units that are dead, weights that are zero: their rules say why
    before, share = number(fact.data.get("before")), number(fact.data.get("share")) or 0.0
    gradual = how == "weights" and before is not None and before < GRADUAL
    text = (
        "after {site} all rows are alike (their variance is {value:.1g} of the mean square), and "
    )
    text += "before it they differ ({before:.2g})"
    if how == "weights":
        text += ": its weights add next to nothing to its bias"
        cure = f"draw the weights of {fact.site} anew with the act's gain, and its bias as zero"
    else:
        text += ": {operation} makes one of all rows"
        cure = "let it work on each row by itself: another axis, more than one feature, or leave it"
    return PAGE.finding(
        _site(trace, fact),
        Severity.NOTE if gradual else Severity.ERROR,
        (fact.step, last_step(trace)),
        text,
        Evidence(
            "row_variance_over_mean_square",
            share,
            ALIKE,
            samples=int(number(fact.data.get("records")) or 0),
            more={
                "before": float("nan") if before is None else before,
                "operation": str(fact.data.get("operation") or ""),
                "how": str(how),
            },
        ),
        cure=cure,
    )


def _embedding(trace: Trace, whole: Fact) -> Finding | None:
    """The finding on an embedding that pairs are compared by, and no target judges."""
    if {str(f.data.get("loss")) for f in trace.facts_of("criterion")} - {"unknown"}:
        return None
    known_ends: dict[str, dict[str, Any]] = whole.data.get("ends") or {}
    inside = range(first_step(trace), last_step(trace) + 1)  # another training has its own
    alike = [
        (share, name)
        for name, end in known_ends.items()
        if (share := number(end.get("share"))) is not None
        and share < ALIKE_PAIRS
        and (number(end.get("alike")) or 0) >= LEAST
        and int(number(end.get("last")) or 0) in inside
    ]
    if not alike:
        return None
    share, name = min(alike)
    end = known_ends[name]
    text = "the embeddings of {site} are alike for all rows: their variance is {value:.1g} of the "
    text += "mean square"
    known = trace.site(name) or Site(name, "head", layer=name)
    return PAGE.finding(
        known,
        Severity.WARNING,
        (int(number(end.get("since")) or 0), last_step(trace)),
        text,
        Evidence("row_variance_over_mean_square", share, ALIKE_PAIRS, int(end["alike"])),
        cure="stop the gradient of one branch and predict it, add negatives, or keep the variance",
    )


def _site(trace: Trace, fact: Fact) -> Site:
    file, line = str(fact.data.get("file") or ""), int(number(fact.data.get("line")) or 0)
    return Site(fact.site, "", layer=fact.site, file=file, line=line)


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("batches",),
    symptom=False,
    explains=("ACT301", "ACT303", *DOWNSTREAM),
)
