"""ACT703 ordered-data: batches that each hold one kind of target: the data come sorted.

## What it does
Compares how much the targets differ within a batch and from batch to batch.

## Why it hurts
Each step then pulls the network to what its batch holds and undoes the one before: it predicts the
class that came last, and the loss jumps wherever the next begins. Units die when a long stretch
of one class drives them all one way. A loader without `shuffle=True` over a folder for each class
is the usual cause.

## How it is measured
The variance of the batches' mean target, less what drawing rows at random gives, over the variance
of all targets. It is 0 where rows are shuffled and 1 where every batch holds one value. Found from
0.5 on, an error from 0.9 on. Digits sorted by class and noise (`benchmarks/ordered.py`) lost, under
SGD and Adam, accuracy of 0.04 and 0.02 at a share of 0.33, 0.12 and 0.03 at 0.63, 0.32 and 0.05 at
0.93, and 0.49 and 0.09 at 1; a regression at most 0.07 of its explained variance. Least evidence:
16 batches of 8 rows, with targets that do not drift for good (those of reinforcement learning move
with the model: there it is a note).

## Known false alarms
Series in the order of time that a recurrent network must read so; on a run that learns this is a
note.

Losses that are minimised in turn, as in a GAN, have targets of their own and are not judged here.

## Fixes and their safety
Shuffle the rows before each epoch (retrain).

## References
Bottou, "Stochastic gradient descent tricks", 2012, section 4.1: shuffle the examples.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Trace
from relume.rules.page import page
from relume.rules.series_tools import last_step, number

PAGE = page(__doc__)

PASSES = 1.5  # backward passes a step; below it a few steps were left out
SHARE, GRAVE = 0.5, 0.9  # of the variance between batches; measured, see the page


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the run's criterion."""
    fact = next(iter(trace.facts_of("criterion")), None)
    share = None if fact is None else number(fact.data.get("target_between"))
    if fact is None or share is None:
        yield PAGE.missing("the targets of 16 batches of 8 rows were not read")
        return
    if _in_turn(trace):
        yield PAGE.missing("several losses are minimised in turn, each with targets of its own")
        return
    if share < SHARE:
        yield PAGE.clean(f"{share:.0%} of the variance of the targets lies between batches")
        return
    yield PAGE.finding(
        "",
        Severity.ERROR if share >= GRAVE else Severity.WARNING,
        (fact.step, last_step(trace)),
        "the data come in order: {value:.0%} of the variance of the targets lies between batches, "
        "not within them",
        Evidence("between_share", share, SHARE, int(number(fact.data["target_batches"]) or 0)),
        cure="shuffle the rows (shuffle=True) before each epoch",
    )


def _in_turn(trace: Trace) -> bool:
    """Whether a step has several backward passes: a judge's real rows, then its fake ones."""
    steps, calls = (number(trace.meta.get(name)) or 0.0 for name in ("steps", "backwards"))
    return bool(trace.facts_of("turn")) or (steps > 0 and calls >= PASSES * steps)


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("criterion",),
    figure="loss",
    from_start=True,
    explains=("ACT401", "ACT403", "ACT601", "ACT605", "ACT606", "ACT607"),
)
