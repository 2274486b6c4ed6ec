"""ACT202 sigmoid-before-bce-with-logits: probabilities where the criterion expects logits.

## What it does
Finds binary cross-entropy *with logits* whose input has already passed a sigmoid, so that the
sigmoid is applied twice.

## Why it hurts
A logit between 0 and 1 means a probability between 0.5 and 0.731. The network cannot say "no", so
the loss of a negative example stays above ln 2 = 0.693 and that of a positive one above 0.313, and
the gradient is damped by a second slope of at most 0.25.

## How it is measured
The last act between the head and the criterion is a sigmoid (or hard sigmoid), and no value that
reached the criterion is below 0. Structural: there is no threshold to calibrate. Least evidence:
one batch.

## Known false alarms
None known. A sigmoid that gates the head from the side is no act between head and criterion.

## Fixes and their safety
Remove the sigmoid and keep it for prediction only (retrain), or use the plain binary cross-entropy
(retrain; less stable numerically).

## References
PyTorch documentation, `torch.nn.BCEWithLogitsLoss`: "combines a Sigmoid layer and the BCELoss in
one single class".
"""

import math
from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Trace
from relume.rules.head_facts import JudgedHead, judged_heads, missing_reason
from relume.rules.page import page
from relume.rules.series_tools import last_step

PAGE = page(__doc__)

LEAST = -1e-6  # a sigmoid is never below 0; this much is rounding
FLOOR_YES = math.log1p(math.exp(-1.0))  # -ln sigmoid(1): the best that a positive can get
FLOOR_NO = math.log(2.0)  # -ln (1 - sigmoid(0)): the best that a negative can get


def check(trace: Trace) -> Iterator[Result]:
    """A finding for each such criterion that is fed probabilities."""
    heads = list(judged_heads(trace, "bce_with_logits"))
    for head in heads:
        if _double(head):
            yield _finding(trace, head)
        else:
            acts = ", ".join(head.acts) or "no act"
            yield PAGE.clean(f"{acts} between {head.site.name} and the criterion")
    if not heads:
        reason = missing_reason(trace, "bce_with_logits")
        clean = "no binary cross-entropy with logits in this run"
        yield PAGE.missing(reason) if reason else PAGE.clean(clean, applies=False)


def _double(head: JudgedHead) -> bool:
    return (
        head.last_act.squashes
        and not head.last_act.clips
        and (head.rows_min is None or head.rows_min >= LEAST)
    )


def _finding(trace: Trace, head: JudgedHead) -> Result:
    return PAGE.finding(
        head.site,
        Severity.ERROR,
        (head.step, last_step(trace)),
        "binary cross-entropy with logits after {site} receives the output of {act} and applies "
        "a sigmoid again. The loss of a negative stays above {floor_no:.3f}, of a positive above "
        "{floor_yes:.3f}",
        Evidence(
            "acts_before_criterion",
            len(head.acts),
            samples=1,
            more={
                "act": head.acts[-1],
                "rows_min": head.rows_min,
                "floor_yes": FLOOR_YES,
                "floor_no": FLOOR_NO,
            },
        ),
        cure=f"remove the {head.acts[-1]} before the criterion and use it for prediction only",
    )


RULE = PAGE.rule(
    check,
    severities=("error",),
    needs=("criterion",),
    figure="loss",
    symptom=False,
    explains=("ACT601", "ACT603", "ACT606"),
)
