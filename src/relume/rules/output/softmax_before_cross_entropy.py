"""ACT201 softmax-before-cross-entropy: probabilities where the criterion expects logits.

## What it does
Finds cross-entropy that receives rows of probabilities: softmax is then applied twice. A
log-softmax before it is only redundant (log-softmax of it is the same again): that is a fact.

## Why it hurts
The second softmax squeezes inputs between 0 and 1, so even a perfect prediction keeps a loss of
ln(e + K - 1) - 1: 0.313 for 2 classes, 1.461 for 10, 3.622 for 100. Gradients shrink with it, the
loss looks stuck, and the probabilities are never sharp.

## How it is measured
Rows that reach the criterion are at least 0 and sum to 1 within 1e-3 (float16 softmax over 1000
classes errs by less); where the rows could not be read, a softmax as the last act before the
criterion. Least evidence: one batch. Measured on digits, five paired seeds: 0.905 with the extra
softmax, 0.959 without.

## Known false alarms
A model whose logits happen to be a point of the simplex by design (label-simplex embeddings).

## Fixes and their safety
Remove the softmax and keep it for prediction only (retrain), or keep it and use the negative log
likelihood of its logarithm (retrain; less stable numerically).

## References
PyTorch documentation, `torch.nn.CrossEntropyLoss`: "the input is expected to contain the
unnormalized logits". Bridle, "Probabilistic interpretation of feedforward classification network
outputs", 1990.
"""

import math
from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Trace
from relume.rules.head_facts import JudgedHead, judged_heads, missing_reason
from relume.rules.page import page
from relume.rules.series_tools import last_step

PAGE = page(__doc__)

SUM_ERROR = 1e-3  # float16 softmax over a thousand classes errs by less (see the page)
LEAST = -1e-6  # rounding may put a probability of zero just below it


def check(trace: Trace) -> Iterator[Result]:
    """A finding for each cross-entropy that is fed probabilities."""
    heads = list(judged_heads(trace, "cross_entropy"))
    for head in heads:
        if _double(head):
            yield _finding(trace, head)
        elif head.last_act.rows == "log-probabilities":
            yield _redundant(trace, head)
        else:
            yield PAGE.clean(_clean(head))
    if not heads:
        reason = missing_reason(trace, "cross_entropy")
        yield (
            PAGE.missing(reason)
            if reason
            else PAGE.clean("no cross-entropy in this run", applies=False)
        )


def _double(head: JudgedHead) -> bool:
    if head.rows_sum_error is None or head.rows_min is None:
        return head.last_act.rows == "probabilities"
    return head.rows_sum_error <= SUM_ERROR and head.rows_min >= LEAST


def _clean(head: JudgedHead) -> str:
    acts = ", ".join(head.acts) or "no act"
    if head.rows_sum_error is None:
        return f"{acts} between {head.site.name} and cross-entropy"
    return f"rows miss a sum of 1 by {head.rows_sum_error:.2g} ({acts} before cross-entropy)"


def _finding(trace: Trace, head: JudgedHead) -> Result:
    read = head.rows_sum_error is not None
    text = "cross-entropy after {site} receives probabilities and applies softmax again"
    if read:
        text += " (rows sum to one within {value:.1e}, least entry {rows_min:.2g})"
    more: dict[str, float | int | str | bool | None] = {"rows_min": head.rows_min}
    if head.classes >= 2:
        floor = math.log(math.e + head.classes - 1) - 1
        more |= {"classes": head.classes, "floor": floor}
        text += ". With {classes} classes its loss cannot fall below {floor:.3f}"
    value = head.rows_sum_error if head.rows_sum_error is not None else float("nan")
    return PAGE.finding(
        head.site,
        Severity.ERROR if read else Severity.WARNING,
        (head.step, last_step(trace)),
        text,
        Evidence("rows_sum_error", value, SUM_ERROR, samples=1, more=more),
        cure="remove the softmax before the criterion and use it for prediction only",
    )


def _redundant(trace: Trace, head: JudgedHead) -> Result:
    return PAGE.finding(
        head.site,
        Severity.FACT,
        (head.step, last_step(trace)),
        "cross-entropy after {site} receives the output of {act}: redundant, and harmless",
        Evidence("acts_before_criterion", len(head.acts), samples=1, more={"act": head.acts[-1]}),
        cure="remove the log-softmax, or use the negative log likelihood",
    )


RULE = PAGE.rule(
    check,
    severities=("fact", "warning", "error"),
    needs=("criterion",),
    figure="loss",
    symptom=False,
    explains=("ACT601", "ACT603", "ACT606"),
)
