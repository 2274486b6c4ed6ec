"""ACT905 parameters-remade: layers that are made anew in each forward.

## What it does
Finds parameters that are gone after a step and stand in the next one anew, with other numbers.

    def forward(self, x):
        return nn.Linear(20, 3)(self.norm(x))

"4 parameters of the loss (20x4, 20, 3x20, 3) are new in each forward". Instead:

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(20, 3)

    def forward(self, x):
        return self.head(self.norm(x))

## Why it hurts
What a step could teach such a layer is thrown away with it, and no optimiser can hold it. What
stays learns behind a random map that changes each step.

## How it is measured
Exact: parameters (`nn.Parameter`) in the graph of the loss that no optimiser held at its step, no
longer exist at the next step that was looked at, and have new ones of the same shapes in their
place, at least 3 times, and at least half as often as was looked, in a run whose optimiser steps.
An error where at most one weight is left
that trains, else a warning.

## Known false alarms
Weights that another network computes (hypernetworks) are no leaves; data that requires a gradient
is no parameter; a model that is made anew with its optimiser (folds, seeds) is held.

## Fixes and their safety
Advice only: make the layers in `__init__`, and the optimiser after it.

## References
PyTorch documentation, "Modules" (notes): parameters are registered at construction.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.wiring_facts import DOWNSTREAM, by_reach, least, wires

PAGE = page(__doc__)

LEAST = 3  # times that the same shapes were made anew
SHARE = 0.5  # of the steps that were looked at: a model for each fold is made anew now and then


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the run."""
    if not is_recorded(trace, "wiring"):
        yield PAGE.missing("the recorder did not look at the wiring")
        return
    fact = next((f for f in trace.facts_of("wiring") if f.data.get("what") == "remade"), None)
    times = 0 if fact is None else int(number(fact.data["times"]) or 0)
    chances = 0.0 if fact is None else number(fact.data.get("chances")) or times
    if fact is None or times < least(trace, LEAST) or times < SHARE * chances:
        yield PAGE.clean("the parameters of the loss are the same ones in each step")
        return
    more = {"leaves": fact.data["leaves"], "shapes": fact.data["shapes"]}
    file, line = str(fact.data.get("file") or ""), int(number(fact.data.get("line")) or 0)
    yield PAGE.finding(
        Site("", "", file=file, line=line),
        by_reach([wire for wire in wires(trace) if wire.trains]),
        (min(fact.step, 0), last_step(trace)),
        "{leaves} parameters of the loss (of shape {shapes}) are made anew in each forward: "
        "{value:.0f} times on the steps that were looked at",
        Evidence("times_remade", times, LEAST, times, more),
        cure="make the layers in __init__, and the optimiser after it",
    )


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    symptom=False,
    explains=DOWNSTREAM,
)
