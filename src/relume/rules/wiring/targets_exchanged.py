"""ACT913 targets-exchanged: rows come back with the targets of other rows.

## What it does
Finds inputs and targets that were permuted apart: the same row returns in a later step, and its
target is that of another row.

    x, y = x[torch.randperm(len(x))], y[torch.randperm(len(y))]  # in every epoch

"of 310 rows that came back 152 had the target of another row: by chance it would be 147". Instead:

    order = torch.randperm(len(x))
    x, y = x[order], y[order]

## Why it hurts
Where no target belongs to its row, the best that can be learned is how often each target occurs.
The loss stays there, or the network learns one epoch's pairs by heart and unlearns them in the
next. No layer, gradient or learning rate is at fault.

## How it is measured
On recorded steps up to 64 rows of a batch are known again by the bytes that enter the network, and
their targets by theirs. A finding needs 50 rows that returned, and that at least half as many have
another row's target as would have it if targets were drawn at random (1 minus the sum of the
squared shares of the targets; reasoned: a row keeps its target in sound data, and mislabelled
copies are a few per cent). Targets that no row had before do not count: those move, as in
bootstrapped values. Not judged: data in which more than 2 % of a batch's rows are equal, and losses
whose rows are weighed by both signs (policy gradients). An error.

## Known false alarms
Labels that are drawn anew for the same row in each epoch (noise by design) at a rate above a half.
Augmented rows are never the same twice, so nothing is seen there, and pairs that were exchanged
once, before the training, are the same in each epoch: only held-out rows show them.

## Fixes and their safety
Advice only: index both with one permutation, or let a DataLoader over a TensorDataset shuffle.

## References
Zhang et al., "Understanding deep learning requires rethinking generalization", ICLR 2017,
arXiv:1611.03530 (random labels).
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.wiring_facts import DOWNSTREAM

PAGE = page(__doc__)

LEAST = 50  # rows that came back
SHARE = 0.5  # of those that would have another target by chance (reasoned)
EQUAL = 0.02  # of the rows of a batch: above, rows are no keys (reasoned)
LEAST_CHANCE = 0.1  # a target that nearly all rows have tells nothing


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding."""
    facts = trace.facts_of("row-targets")
    if not facts:
        reason = "no rows with targets were seen"
        recorded = is_recorded(trace, "row-targets")
        yield PAGE.clean(reason, applies=False) if recorded else PAGE.missing(reason)
        return
    names = ("rows", "equal", "returned", "changed", "strange")
    rows, equal, returned, changed, strange = (number(facts[-1].data.get(n)) or 0 for n in names)
    chance = number(facts[-1].data.get("other")) or 0.0
    if any(fact.data.get("signed_weights") for fact in trace.facts_of("criterion")):
        yield PAGE.clean("the rows are weighed by both signs: targets are drawn", applies=False)
        return
    if returned < LEAST or chance < LEAST_CHANCE:
        yield PAGE.missing(f"{returned:.0f} rows came back, too few to compare their targets")
        return
    exchanged = changed - strange
    if equal > EQUAL * rows or strange > exchanged or exchanged < SHARE * chance * returned:
        yield PAGE.clean(
            f"of {returned:.0f} rows that came back {exchanged:.0f} had another target"
        )
        return
    more = {"exchanged": int(exchanged), "expected": round(chance * returned)}
    yield PAGE.finding(
        trace.site("") or Site("targets", "input"),
        Severity.ERROR,
        (facts[-1].step, last_step(trace)),
        "of {samples} rows that came back {exchanged} had the target of another row: by chance it "
        "would be {expected}. Inputs and targets are permuted apart",
        Evidence("exchanged_share", exchanged / returned, SHARE * chance, int(returned), more),
        cure="index inputs and targets with one permutation",
    )


RULE = PAGE.rule(
    check,
    severities=("error",),
    needs=("training",),
    symptom=False,
    explains=DOWNSTREAM,
)
