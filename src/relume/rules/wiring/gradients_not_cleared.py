"""ACT901 gradients-not-cleared: each step still has the gradients of all earlier ones.

## What it does
Finds parameters whose gradient is never, or seldom, cleared between two steps of their optimiser,
or between two updates by hand.

    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

"the gradients of all 6 parameters (fc1.weight, fc2.weight, ...) are never cleared: on 9 of 9 steps
that were looked at, the former step's were still there when backward began". Instead:

    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

## Why it hurts
`backward` adds to `.grad`. Without clearing, a step follows the sum of all gradients since the
start: it grows with the steps, points to where the weights once were, and the loss swings or
explodes. It looks like a learning rate that is too high.

## How it is measured
Before the first backward after a step of the optimiser, `.grad` is None or zero in every entry, or
it is not: exact. Named where it was not on at least 3 steps, and at least half of those that were
looked at, that span at least 8 (reasoned: an accumulation over k micro-batches begins each step
with a cleared gradient, whatever k is; an epoch of three steps or more that is cleared once has
half of its steps uncleared).

## Known false alarms
Accumulation is none: its first micro-batch after a step begins cleared. A gradient that is cleared
between two backward passes of one step (two models trained in turn) is cleared. Parameters that
nothing updates are not judged, and neither are those that no optimiser holds beside others that
one does: a target network gets values copied and never uses its gradient. A script that clears
once in an epoch is named, rightly.

## Fixes and their safety
Advice only: `optimizer.zero_grad()` before backward, for every optimiser; by hand, `p.grad = None`
after the update.

## References
PyTorch, "Zeroing out gradients in PyTorch" (recipes, 2020).
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import last_step
from relume.rules.wiring_facts import DOWNSTREAM, by_reach, named, wires

PAGE = page(__doc__)

LEAST = 3  # steps that were looked at (see the page)
SHARE = 0.5  # of the steps that were looked at: an epoch may begin cleared
SPAN = 8  # steps from the first of them to the last


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for all parameters that are never cleared."""
    every = list(wires(trace))
    updates = "held" if any(wire.has("held") for wire in every) else "moved"
    judged = [wire for wire in every if wire.count("windows") and wire.has(updates)]
    enough = [
        w for w in judged if w.count("uncleared") >= LEAST and w.count("window_steps") >= SPAN
    ]
    bad = [wire for wire in enough if wire.count("uncleared") >= SHARE * wire.count("windows")]
    if bad:
        most, windows = max((wire.count("uncleared"), wire.count("windows")) for wire in bad)
        often, of = (
            ("never", "all {value:.0f}") if most == windows else ("seldom", "{value:.0f} of")
        )
        of += "" if most == windows else " the {windows}"
        text = (
            f"the gradients of {{count}} parameters ({{names}}) are {often} cleared. On {of} steps "
        )
        text += "that were looked at, the earlier ones were still there when backward began"
        yield PAGE.finding(
            trace.site(bad[0].site) or Site(bad[0].site, "parameter"),
            by_reach([wire for wire in judged if wire not in bad]),
            (min(wire.since for wire in bad) + 1, max(last_step(trace), 1)),
            text,
            Evidence(
                "steps_with_former_gradient",
                most,
                LEAST,
                most,
                {"count": len(bad), "names": named(bad), "windows": windows},
            ),
            cure="call zero_grad() of every optimiser before backward",
        )
    elif judged:
        yield PAGE.clean(f"the gradients of {len(judged)} parameters are cleared between steps")
    else:
        yield PAGE.missing("no step was seen whose parameters had an earlier step", "train longer")


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("training",),
    symptom=False,
    explains=DOWNSTREAM,
)
