"""ACT909 rows-without-gradient: the loss is blind to a part of the rows, or of the labels.

## What it does
Finds losses that give a part of the rows a gradient of exactly zero before anything is learned,
classes whose labels never count, and batches in which no label counts.

    loss = torch.clamp(1 - y * net(x), min=0).mean()  # y is 0 or 1

"47 % of the rows have a gradient of exactly zero at the head from the first step on: the loss
multiplies them by zero". Instead:

    loss = torch.clamp(1 - (2 * y - 1) * net(x), min=0).mean()

## Why it hurts
The network learns from the other rows alone: it predicts their class for all. Where no label of a
batch counts, the mean over nothing is 0/0.

## How it is measured
Exact: the gradient at the output of the last layer, by row, on the first 3 recorded steps, when no
row is fitted yet. Named where at least a fifth of the rows have none on each of them (reasoned:
less may be rows that a margin leaves alone by chance). Labels equal to `ignore_index`: named where
at least a tenth of the batches hold no other (reasoned: a rare empty batch is a skipped step, and
0/0 all the same). Classes: a label between 0 and the head's last class that is ignored, weighs
nothing or is masked on every row that has it, while others count; a note, and a warning from a
fifth of the rows on. An error where no row is left, or none in a run that fares badly; a note where
the loss is low; else a warning.

## Known false alarms
Likelihoods have a gradient of zero where a saturated network is right, and are not judged by rows.
Losses that compare or choose rows (triplets, mined pairs, the hardest of a batch), masks of zeros
and ones on the terms, and layers that are called twice for one loss are not judged: rows rest there
by design. Padding that is ignored is counted by batch, not by label: classes are judged where each
row of the input has one label, and one criterion takes them. A class "unknown" that is left out on
purpose, though the head has an output for it.

## Fixes and their safety
Advice only: labels of -1 and 1 for a hinge; fewer ignored labels, or batches without any left out;
a loss whose ends are not cut off (Huber for a clamp).

## References
Rosasco et al., "Are loss functions all the same?", Neural Computation 16 (2004): the hinge is
defined for labels of -1 and 1. PyTorch's documentation of `CrossEntropyLoss`: `ignore_index` is a
target value that "does not contribute to the input gradient", and so is a class weight of 0.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from relume.core import Evidence, Finding, Result, Severity, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.wiring_facts import DOWNSTREAM, by_outcome

PAGE = page(__doc__)

SILENT = 0.2  # of the rows (see the page)
EMPTY = 0.1  # of the batches (see the page)
LEAST = 3  # batches
ALL = 0.999


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: classes that never count, batches without a label, or rows."""
    facts = {fact.site: fact.data for fact in trace.facts_of("signal")}
    rows, targets = facts.get("rows", {}), facts.get("targets", {})
    share, empty = number(rows.get("share")), 0.0
    if (batches := number(targets.get("batches")) or 0) > 0:
        empty = (number(targets.get("empty")) or 0) / batches
    labels = facts.get("labels", {})
    if labels.get("silent") and (number(labels.get("batches")) or 0) >= LEAST:
        yield _classes(trace, labels)
    elif empty >= EMPTY and batches >= LEAST:
        yield _labels(trace, empty, int(batches))
    elif share is not None and (number(rows.get("batches")) or 0) >= LEAST and share >= SILENT:
        yield _rows(trace, share, number(rows.get("zeroed")), int(number(rows.get("rows")) or 0))
    elif share is not None:
        yield PAGE.clean(f"at most {share:.0%} of the rows have no gradient", share / SILENT)
    elif labels:
        yield PAGE.clean(f"labels of all {labels.get('labels')} classes count")
    elif is_recorded(trace, "wiring"):
        yield PAGE.missing("the loss compares or masks rows, or its head was not found")
    else:
        yield PAGE.missing("the recorder did not look at the rows of the gradient")


def _rows(trace: Trace, share: float, zeroed: float | None, count: int) -> Finding:
    text = "{value:.0%} of the rows teach nothing: their gradient at the head is exactly zero from "
    text += "the first step on"
    cure = "look for a clamp or a margin in the loss that these rows are beyond"
    more = {}
    if zeroed is not None and zeroed >= SILENT:
        text += ". The loss multiplies {zeroed:.0%} of them by zero"
        cure = "give a hinge labels of -1 and 1: 2 * y - 1"
        more = {"zeroed": zeroed}
    return PAGE.finding(
        "",
        Severity.ERROR if share >= ALL else by_outcome(trace),
        (0, last_step(trace)),
        text,
        Evidence("silent_row_share", share, SILENT, count, more),
        cure=cure,
    )


def _classes(trace: Trace, labels: Mapping[str, Any]) -> Finding:
    silent, rows = list(labels["silent"]), int(number(labels.get("rows")) or 0)
    share = (number(labels.get("silent_rows")) or 0) / max(rows, 1)
    every = len(silent) == int(number(labels.get("labels")) or 0)
    names = ", ".join(map(str, silent[:3])) + (", and others" if len(silent) > 3 else "")
    by = " and ".join(map(str, labels.get("by") or ()))
    grave = Severity.ERROR if every else max(by_outcome(trace), Severity.WARNING)
    return PAGE.finding(
        "",
        grave if share >= SILENT else Severity.NOTE,
        (0, last_step(trace)),
        "{value:.0%} of the labels send no gradient, all of class {classes}: the {by} leaves them "
        "out, and the network learns never to say it",
        Evidence("silent_label_share", share, SILENT, rows, {"classes": names, "by": by}),
        cure="give every class a weight above zero, and ignore no index that is a class",
    )


def _labels(trace: Trace, share: float, batches: int) -> Finding:
    return PAGE.finding(
        "",
        Severity.ERROR if share >= ALL else max(by_outcome(trace), Severity.WARNING),
        (0, last_step(trace)),
        "in {value:.0%} of {batches} batches no label counts: all equal ignore_index, and the mean "
        "over none is no number",
        Evidence("batches_without_label", share, EMPTY, batches, {"batches": batches}),
        cure="look at how the labels are masked, and leave out batches without any",
    )


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("criterion",),
    symptom=False,
    explains=DOWNSTREAM,
)
