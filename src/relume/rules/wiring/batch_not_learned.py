"""ACT912 batch-not-learned: one batch alone cannot be learned by heart.

## What it does
Says where 200 steps of Adam on one single batch hardly lower its loss.

    probabilities = model(x).round()  # nothing comes back through it

"200 steps on one batch bring its loss from 0.69 to 0.69". Instead:

    logits = model(x)

## Why it hurts
A network that cannot learn a few rows by heart will not learn many: the fault lies in the model,
the loss or the pairing of inputs and targets, not in the amount of data or the regularisation.

## How it is measured
By `relume check --probe`, on a copy of the model: Adam at rates of 1e-3 and 1e-2, of which the
better one counts. Named where the loss ends above 0.8 of its start (reasoned: a model of any use
comes far below; the outcome of a run takes the same share for a start that is no trained network).

## Known false alarms
Losses whose least value is far above zero (signed ones, a likelihood of noisy numbers), and rows
that are the same with other targets.

## Fixes and their safety
Advice only: the other findings say where to look; without one, print a few inputs with their
targets.

## References
Karpathy, "A recipe for training neural networks" (2019): "overfit one batch".
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Trace
from relume.rules.page import page
from relume.rules.series_tools import last_step, number

PAGE = page(__doc__)

LEFT = 0.8  # of the loss at the start (see the page)


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the model."""
    fact = next(iter(trace.facts_at("probe", "overfit")), None)
    if fact is None:
        yield PAGE.missing("no batch was learned by heart", "ask with `relume check --probe`")
        return
    start, end = (number(fact.data.get(name)) for name in ("start", "end"))
    steps = int(number(fact.data.get("steps")) or 0)
    if start is None or end is None or start <= 0:
        yield PAGE.missing("the loss of the batch is not a positive number")
        return
    if end <= LEFT * start:
        yield PAGE.clean(f"one batch is learned: its loss goes from {start:.3g} to {end:.3g}")
        return
    yield PAGE.finding(
        "",
        Severity.WARNING,
        (0, last_step(trace)),
        "{steps} steps on one batch do not learn it: its loss goes from {start:.4g} to {end:.4g}",
        Evidence(
            "loss_left", end / start, LEFT, steps, {"start": start, "end": end, "steps": steps}
        ),
        cure="look at the other findings first; then print a few inputs with their targets",
    )


RULE = PAGE.rule(check, severities=("warning",), symptom=False)
