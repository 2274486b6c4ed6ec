"""ACT903 parameter-not-optimized: a parameter with a gradient that no optimiser holds.

## What it does
Finds trainable parameters that get a gradient and stand still, because no optimiser was given them:
layers in a plain list, a parameter that became a computed tensor, an optimiser that was built
before a layer was replaced.

    self.hidden = [nn.Linear(12, 12) for _ in range(4)]  # not seen by parameters()

"no optimiser holds 8 parameters that get a gradient (hidden[0].weight, ...), and none has moved".
Instead:

    self.hidden = nn.ModuleList(nn.Linear(12, 12) for _ in range(4))

## Why it hurts
These layers stay as they were drawn. The layers that do train learn around them, so the loss falls
and stops too high.

## How it is measured
Exact: the leaves of the loss's graph, the parameters of every optimiser that steps (and, once, of
those that exist), and a bit-by-bit comparison of up to 1,024 entries with those at first sight.
Named where a gradient was there on at least 3 recorded steps. A warning where the parameter is not
in the model's `parameters()` or the optimiser holds others in its place; an error where at most one
weight is left that trains. Else the optimiser was given a part of the model, which may be meant: a
note, and a warning in a run that fares badly or after 50 steps is still above 0.2 of guessing.

## Known false alarms
Parameters that something else moves (a copy that is synchronised, an update by hand) and frozen
ones (`requires_grad` off) are not judged, nor is data that requires a gradient. A trained network
inside a loss, whose parameters are hidden from the model on purpose and not frozen.

## Fixes and their safety
Give the parameters to the optimiser (retrain); register layers in `nn.ModuleList`, parameters as
`nn.Parameter` last of all (after casting, scaling and moving); build the optimiser after the model
is complete.

## References
PyTorch documentation, `torch.nn.ModuleList` and `torch.optim` ("Constructing it").
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.outcome import FEW, LOW, judge
from relume.rules.page import page
from relume.rules.series_tools import last_step, number
from relume.rules.severity_policy import FARES_BADLY
from relume.rules.wiring_facts import DOWNSTREAM, Wire, by_reach, least, named, wires

PAGE = page(__doc__)

LEAST = 3  # recorded steps with a gradient


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for all parameters that no optimiser holds."""
    every = wires(trace)
    if not every or not number(trace.meta.get("optimizers")):
        yield PAGE.missing("no optimiser was seen to step beside its parameters")
        return
    enough = 1 if _holds_strangers(every) else least(trace, LEAST)
    free = [wire for wire in every if _is_forgotten(wire, enough)]
    if not free:
        count = sum(wire.has("held") for wire in every)
        yield PAGE.clean(f"optimisers hold {count} parameters, and no other one gets a gradient")
        return
    outside = [wire for wire in free if not wire.has("named")]
    held = [wire for wire in every if wire.has("held")]
    strangers = [wire for wire in held if not wire.has("named") and not wire.trains]
    text = "no optimiser holds {value:.0f} parameters that get a gradient ({names}), and none has "
    text += "moved"
    if strangers:
        text += "; the optimiser holds {strangers} others that are not in the model"
    first = (outside or free)[0]
    yield PAGE.finding(
        _site(trace, first),
        _severity(trace, every, outside or strangers),
        (min(wire.since for wire in free), last_step(trace)),
        text,
        Evidence(
            "weights_without_optimizer",
            len(free),
            0,
            max(wire.count("reached") for wire in free),
            {"names": named(outside or free), "strangers": len(strangers)},
        ),
        cure=_cure(bool(outside), bool(strangers)),
    )


def _holds_strangers(every: list[Wire]) -> bool:
    """Whether no loss depended on anything that an optimiser holds: one look at the others is
    enough then. A model that is made anew for each fold is looked at once at a time."""
    held = [wire for wire in every if wire.has("held")]
    return bool(held) and all(
        w.count("audits") >= LEAST and not w.count("in_graph") and not w.count("reached")
        for w in held
    )


def _is_forgotten(wire: Wire, steps: int) -> bool:
    known = wire.count("reached") >= steps and wire.count("in_graph") >= steps
    return known and not wire.has("held") and not wire.has("moved")


def _severity(trace: Trace, every: list[Wire], unmeant: list[Wire]) -> Severity:
    if unmeant:
        return by_reach([wire for wire in every if wire.trains])
    outcome = judge(trace)
    end, chance = (number(outcome.numbers.get(name)) for name in ("end", "chance"))
    high = end is not None and chance is not None and end > LOW * chance
    poor = high and last_step(trace) >= FEW
    return Severity.WARNING if poor or outcome.name in FARES_BADLY else Severity.NOTE


def _cure(outside: bool, strangers: bool) -> str:
    if strangers:
        return "build the optimiser after the model is complete"
    if outside:
        return "register the layers with nn.ModuleList, and parameters as nn.Parameter last of all"
    return "add these parameters to the optimiser, or freeze them"


def _site(trace: Trace, wire: Wire) -> Site:
    known = trace.site(wire.site)
    if known is not None:
        return known
    file, line = str(wire.data.get("file") or ""), int(number(wire.data.get("line")) or 0)
    return Site(wire.site, "parameter", file=file, line=line)


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    symptom=False,
    explains=DOWNSTREAM,
)
