"""ACT703 ordered-data: the rows come sorted by their targets, one class or one range a batch.

## What it does
Finds runs whose batches hold one class each, or targets of one narrow range each, while the targets
of the whole run differ.

    loader = DataLoader(dataset, batch_size=32)  # the files come folder by folder

"24 of 26 batches hold one class only, of 3 in all". Instead:

    loader = DataLoader(dataset, batch_size=32, shuffle=True)

## Why it hurts
Each step pulls the network towards the class of its batch and away from those before: the training
loss falls within each stretch, since the last class is predicted for all, and nothing is learned of
what tells the classes apart.

## How it is measured
The targets of one optimiser's steps, on the first 10 recorded steps and every 15th later one.
Classes: at least half of the batches have equal targets throughout (batches at a border of two
classes do not), there are at least two classes, and at least half of the variance of their numbers
is between batches. Numbers, one a row: at least nine tenths of that variance. Of n rows drawn at
random it is 1/n, also where one class is rare and most batches hold the other alone (reasoned: both
limits lie far above that for 8 rows). Least evidence: 10 batches of 8 rows on average. A warning
for classes; for numbers where the means of the first ten batches only rise or only fall (by chance
1 in 2 million) or the loss is not low; else a note.

## Known false alarms
Real and fake rows of a GAN that are passed in turn belong to one step. Classes that are learned one
after the other on purpose (continual learning).

## Fixes and their safety
Shuffle the data (retrain).

## References
Bottou, "Stochastic gradient descent tricks", 2012, section 4.1: "Randomly shuffle the training
examples". McCloskey and Cohen, "Catastrophic interference", 1989.
"""

from collections.abc import Iterator

from relume.core import Evidence, Fact, Result, Severity, Trace
from relume.rules.outcome import learned_loss_share
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number

PAGE = page(__doc__)

LEAST_BATCHES, LEAST_ROWS = 10, 8
ONE_CLASS = 0.5  # of the batches (see the page)
BETWEEN_CLASSES, BETWEEN = 0.5, 0.9  # of the variance (see the page)


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the first optimiser whose targets are in order."""
    orders = [f for f in trace.facts_of("signal") if f.site.startswith("order")]
    enough = [
        fact
        for fact in orders
        if (number(fact.data.get("batches")) or 0) >= LEAST_BATCHES
        and (number(fact.data.get("rows")) or 0) >= LEAST_ROWS
    ]
    if not enough:
        recorded = is_recorded(trace, "wiring")
        reason = f"fewer than {LEAST_BATCHES} batches of {LEAST_ROWS} targets were seen"
        yield PAGE.missing(reason if recorded else "the recorder did not look at the targets")
        return
    for fact in enough:
        data = fact.data
        classes = _one_class(fact)
        between = number(data.get("between")) or 0.0
        severity = Severity.WARNING
        if classes >= ONE_CLASS and (number(data.get("values")) or 0) >= 2:
            text = "{one} of {batches} batches hold one class only, of {values} that were seen"
            evidence = Evidence(
                "one_class_share", classes, ONE_CLASS, int(data["batches"]), _more(fact)
            )
        elif not data.get("whole") and between >= BETWEEN:
            text = (
                "{value:.0%} of the variance of the targets is between batches: the rows are sorted"
            )
            evidence = Evidence(
                "between_batches", between, BETWEEN, int(data["batches"]), _more(fact)
            )
            low = learned_loss_share(trace) is not None and not data.get("monotone")
            severity = Severity.NOTE if low else Severity.WARNING
        else:
            continue
        steps = (0, last_step(trace))
        yield PAGE.finding(
            "", severity, steps, text, evidence, cure="shuffle the rows: shuffle=True"
        )
        return
    near = max(_one_class(fact) for fact in enough)
    yield PAGE.clean(f"{near:.0%} of the batches hold one class only", near / ONE_CLASS)


def _one_class(fact: Fact) -> float:
    between = number(fact.data.get("between")) or 0.0
    if not fact.data.get("whole") or between < BETWEEN_CLASSES:
        return 0.0
    return (number(fact.data.get("one_value")) or 0) / float(fact.data["batches"])


def _more(fact: Fact) -> dict[str, float]:
    data = fact.data
    return {"one": data["one_value"], "batches": data["batches"], "values": data["values"]}


RULE = PAGE.rule(
    check,
    severities=("note", "warning"),
    needs=("training",),
    symptom=False,
    explains=("ACT401", "ACT403", "ACT605", "ACT607", "ACT501"),
)
