"""ACT904 parameter-without-gradient: the optimiser holds a parameter that no gradient reaches.

## What it does
Finds parameters that an optimiser holds and whose gradient is None or zero in every entry on every
step that was looked at: called under `no_grad`, cut by `detach`, `argmax`, `sign` or `round`, or
never called.

    with torch.no_grad():
        features = encoder(x)
    loss = criterion(head(features), y)

"no gradient reaches 6 of 8 parameters that the optimiser holds (encoder.0.weight, ...)". Instead:

    features = encoder(x)
    loss = criterion(head(features), y)

## Why it hurts
The layers stay as they were drawn: what follows learns from random features. A step without any
backward changes nothing at all.

## How it is measured
Exact: whether `.grad` is None or zero in every entry after backward and at the step, on the first
10 recorded steps and every 15th later one; a moment in the optimiser's state that is not zero
counts as a gradient too. Named from 4 such steps on, at least 3 of them after some weight had
moved (a branch that begins at zero, or a rate that does, gets its gradient with the second move).
A warning where the module was called or an operation without a slope stands in between (its line
is given); an error where at most one weight is left that trains. A module that is never called is
a note, and a warning in a run that fares badly.

The line where the gradient is left behind is found on up to 3 recorded steps, whose calls are
followed one by one: `.detach()`, `.data`, `no_grad`, or numbers that leave torch (`.tolist()`,
`.item()`, `float()`, `.numpy()`) and come back with the same values. Where other values come back,
the line is given if such numbers leave on one line only.

## Known false alarms
Frozen parameters, those that no optimiser holds (target networks, copies by moving average), those
that something else moves, and biases in front of a norm layer are not judged. A gradient that is
zero though the parameter is in the loss's graph is the matter of dead and saturated units. Unused
heads (a pooling layer whose output nothing reads) are notes where they are called `pooler`.

## Fixes and their safety
Advice only: drop `no_grad` or `detach`; replace `argmax` by a softmax, `sign` and `round` by a
straight-through estimator; take unused modules out of the optimiser.

## References
Bengio, Leonard and Courville, "Estimating or propagating gradients through stochastic neurons",
arXiv:1308.3432 (2013).
"""

from collections.abc import Iterator, Sequence

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.series_tools import last_step, number
from relume.rules.severity_policy import FARES_BADLY
from relume.rules.wiring_facts import DOWNSTREAM, Wire, by_reach, least, named, wires

PAGE = page(__doc__)

LEAST = 4  # steps that were looked at
LATE = 3  # of them after some weight had moved
UNREAD = ("pooler",)  # modules that are often called and whose output nothing reads


def check(trace: Trace) -> Iterator[Result]:
    """One finding for parameters that a gradient should reach, one for modules never called."""
    held = [w for w in wires(trace) if w.has("held") and w.count("audits") >= least(trace, LEAST)]
    if not held:
        yield PAGE.missing(f"fewer than {LEAST} steps of an optimiser were looked at")
        return
    reached = [wire for wire in held if wire.count("reached")]
    if not reached and not number(trace.meta.get("backwards")):
        yield _finding(trace, held, held, Severity.ERROR, "; backward was never called")
        return
    forgotten = any(w.count("reached") and not w.has("held") for w in wires(trace))
    if not reached and not forgotten and all(_is_in_no_graph(wire) for wire in held):
        yield _finding(trace, held, held, Severity.ERROR, _cut(trace, held))
        return
    bad = [wire for wire in held if reached and _is_cut_off(trace, wire)]
    called = [wire for wire in bad if _should_train(wire)]
    idle = [wire for wire in bad if wire not in called and wire.has("named")]
    if called:
        yield _finding(trace, called, held, by_reach(reached), _cut(trace, called))
    if idle:
        badly = judge(trace).name in FARES_BADLY
        severity = Severity.WARNING if badly else Severity.NOTE
        yield _finding(trace, idle, held, severity, "; the loss never used them")
    if not called and not idle:
        yield PAGE.clean(f"a gradient reaches {len(reached)} of {len(held)} parameters")


def _is_cut_off(trace: Trace, wire: Wire) -> bool:
    if wire.count("reached") or (wire.count("late") < LATE and not trace.meta.get("check")):
        return False
    if wire.count("in_graph") and not wire.has("cut"):
        return False  # zero by value: units that are dead or saturated
    decays = wire.count("zero") > 0 and (number(wire.data.get("decay")) or 0) > 0
    if wire.has("moved") and not decays and not wire.has("cut"):
        return False
    return not any(f.data.get("before_norm") for f in trace.facts_at("parameter", wire.site))


def _is_in_no_graph(wire: Wire) -> bool:
    """Whether no loss that was looked at depends on it, and it had no gradient, not even zeros."""
    return not (wire.count("in_graph") or wire.count("zero") or wire.count("reached"))


def _should_train(wire: Wire) -> bool:
    unread = any(part in UNREAD for part in wire.site.split("."))
    return wire.has("cut") or (wire.has("called") and not unread)


def _cut(trace: Trace, some: Sequence[Wire]) -> str:
    if any(wire.has("cut") for wire in some):
        return ". {cut} stands between them and the loss, and has no slope"
    if _left_behind(trace, some) is not None:
        return ". {by} cuts it off (line {line})"
    return ". Their modules are called, and the loss does not depend on what they return"


def _left_behind(trace: Trace, some: Sequence[Wire]) -> Fact | None:
    """Where the gradient of the first of these weights is left behind, if calls were followed."""
    for wire in some:
        for fact in trace.facts_of("cut"):
            if fact.data.get("plain") and wire.site in (fact.data.get("leaves") or ()):
                return fact
    return None


def _finding(
    trace: Trace, bad: Sequence[Wire], held: Sequence[Wire], severity: Severity, why: str
) -> Finding:
    first = next((wire for wire in bad if wire.has("cut")), bad[0])
    known = trace.site(first.site)
    left = None if first.has("cut") else _left_behind(trace, bad)
    place = first.data if left is None else left.data
    file, line = str(place.get("file") or ""), int(number(place.get("line")) or 0)
    text = "no gradient reaches {value:.0f} of {held} parameters that the optimiser holds ({names})"
    by = "" if left is None else str(left.data["operation"])
    more = {"held": len(held), "names": named(bad), "cut": str(first.data.get("cut") or "")}
    more |= {"by": by, "line": line} if by else {}
    return PAGE.finding(
        Site(first.site, "parameter", file=file, line=line) if known is None or line else known,
        severity,
        (min(wire.since for wire in bad), last_step(trace)),
        text + why,
        Evidence(
            "parameters_without_gradient",
            len(bad),
            0,
            min(wire.count("audits") for wire in bad),
            more,
        ),
        cure=_cure(why, first, by),
    )


def _cure(why: str, wire: Wire, by: str) -> str:
    if "backward" in why:
        return "call backward on the loss before the step"
    if wire.has("cut"):
        return f"let the gradient pass {wire.data['cut']}: a straight-through or smooth version"
    if by:
        return f"let the loss depend on these weights without {by}"
    if "never" in why:
        return "use these modules in the loss, or take them out of the optimiser"
    return "find what cuts the gradient: no_grad, detach, argmax or a comparison"


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    symptom=False,
    explains=(*DOWNSTREAM, "ACT701", "ACT702"),  # what is under no_grad hands on an "input"
)
