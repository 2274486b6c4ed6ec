"""ACT902 optimizer-never-steps: backward runs, an optimiser waits, and no weight moves.

## What it does
Finds runs in which backward was called and the optimiser of these parameters never stepped.

    if scheduler:
        scheduler.step()
    else:
        optimizer.step()

"backward ran 435 times, and the optimiser that holds the 4 parameters never stepped: none has
moved". Instead:

    optimizer.step()
    if scheduler:
        scheduler.step()

## Why it hurts
The weights stay as they were drawn. The loss is flat, and looks like a network that cannot learn.

## How it is measured
Calls of backward, steps of optimisers, and a bit-by-bit comparison of up to 1,024 entries of each
parameter with those at the first backward. Least evidence: 3 calls of backward in a run that has
ended; in a run that goes on 256, since it may gather more gradients before its first step.

## Known false alarms
Programs without an optimiser (saliency maps, adversarial inputs, updates by hand) are not judged. A
program that makes an optimiser and wants gradients only.

## Fixes and their safety
Advice only: call `optimizer.step()` after backward; where gradients are accumulated, step for the
last batches of an epoch too.

## References
None: it follows from the definition.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.wiring_facts import DOWNSTREAM

PAGE = page(__doc__)

LEAST = 3  # calls of backward
OPEN = 256  # the same in a run that goes on: it may gather gradients


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the run."""
    if number(trace.meta.get("optimizers")):
        yield PAGE.clean("an optimiser steps")
        return
    idle = next((f for f in trace.facts_of("wiring") if "waiting" in f.data), None)
    if idle is None:
        reason = "no optimiser was found that holds a parameter of the loss"
        recorded = is_recorded(trace, "wiring")
        yield PAGE.missing(reason if recorded else "the recorder did not look at the wiring")
        return
    calls, moved = int(number(idle.data["backwards"]) or 0), number(idle.data.get("moved")) or 0
    if moved or calls < (LEAST if trace.meta.get("ended") else OPEN):
        yield PAGE.clean(f"{moved:.0f} parameters moved within {calls} calls of backward")
        return
    yield PAGE.finding(
        "",
        Severity.ERROR,
        (0, last_step(trace)),
        "backward ran {value:.0f} times, and the optimiser that holds the {held} parameters never "
        "stepped: none has moved",
        Evidence("backwards_without_step", calls, LEAST, calls, {"held": idle.data["waiting"]}),
        cure="call optimizer.step() after backward",
    )


RULE = PAGE.rule(
    check,
    severities=("error",),
    needs=("training",),
    symptom=False,
    explains=DOWNSTREAM,
)
