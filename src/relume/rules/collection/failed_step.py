"""ACT003 failed-step: the step that raised, with what its criterion was given.

## What it does
Reads the step on which the program ended with an exception in its forward pass or its criterion:
what the criterion was given, and which of it the criterion does not take.

## Why it hurts
The program ended. Such a step calls no backward, so no loss and no gradient of it was recorded, and
the exception names the criterion, never the layer or the data that the value came from.

## How it is measured
The exception's frames still hold the tensors of the call. Counted: the share of them that is not
finite, and the range of the rest against what the criterion takes (binary cross-entropy: input and
targets from 0 to 1; cross-entropy: class numbers below the number of scores). These limits are the
criterion's own, so one value beyond them is enough, and it is an error. An exception of another
kind (shapes, types) is a note that shows what was given.

## Known false alarms
A program that raises on purpose to end a training, as a test of an exception does.

## Fixes and their safety
Advice only: apply the sigmoid before binary cross-entropy, or take the one on logits (exact, and
stable); number classes from 0; scale targets into 0 to 1; where values are not finite, cure what
made them so.

## References
PyTorch documentation, `torch.nn.BCELoss` and `torch.nn.CrossEntropyLoss`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace, Value
from relume.rules.page import page
from relume.rules.series_tools import number

PAGE = page(__doc__)

CLASSES = ("cross_entropy", "nll")
IGNORED = -100  # torch's own default of `ignore_index`


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: a program ends once."""
    if not trace.meta and not trace.facts:
        yield PAGE.missing("nothing was recorded")
        return
    fact = next(iter(trace.facts_of("failed-step")), None)
    if fact is None:
        yield PAGE.clean("no step ended with an exception")
        return
    yield _finding(fact)


def _finding(fact: Fact) -> Finding:
    given = {str(one.get("name")): one for one in fact.data.get("given") or ()}
    loss = str(fact.data.get("loss") or "")
    error = str(fact.data.get("error"))
    shown = ", ".join(_shown(one) for one in given.values())
    call = str(fact.data.get("call") or loss or "the forward pass")
    more: dict[str, Value] = {"call": call, "error": error, "given": shown}
    site = Site("", "", file=str(fact.data.get("file")), line=int(fact.data.get("line") or 0))
    severity, evidence, text, cure = _judged(loss, given)
    if not shown:
        text = "the step raised in {call} ({error})"
    steps = (fact.step, fact.step)
    whole = Evidence(
        evidence.stat,
        evidence.value,
        evidence.threshold,
        evidence.samples,
        {**more, **evidence.more},
    )
    return PAGE.finding(site, severity, steps, text, whole, cure=cure)


def _judged(
    loss: str, given: Mapping[str, Mapping[str, Any]]
) -> tuple[Severity, Evidence, str, str]:
    """What of the criterion's arguments it cannot take: severity, evidence, text and cure."""
    told = "the step raised: {call} was given "
    for name, one in given.items():
        share = number(one.get("share")) or 0.0
        if share > 0:
            text = told + "{what} that is not finite ({value:.2%} of it): {given}"
            cure = "look for what made it so: the first value that is not finite, or the data"
            return _error(Evidence("nonfinite_share", share, 0.0, 1, {"what": name}), text, cure)
    ends = {name: (number(one.get("min")), number(one.get("max"))) for name, one in given.items()}
    if loss == "bce":
        for name, (low, high) in ends.items():
            if low is None or high is None or (low >= 0 and high <= 1):
                continue
            cure = "apply a sigmoid before it, or use binary cross-entropy with logits"
            cure = cure if name == "input" else "scale or renumber the targets into 0 to 1"
            beyond = max(-low, high - 1)
            evidence = Evidence("beyond_0_to_1", beyond, 0.0, 1, {"what": name})
            return _error(evidence, told + "{what} beyond 0 to 1: {given}", cure)
    low, high = ends.get("target", (None, None))
    shape = given.get("input", {}).get("shape") or ()
    whole = "int" in str(given.get("target", {}).get("type", ""))
    if loss in CLASSES and whole and shape and low is not None and high is not None:
        classes = int(shape[1] if len(shape) > 1 else shape[0])
        beyond = max(high - (classes - 1), 0.0 if low == IGNORED else -low)
        if beyond > 0:
            text = told + "a class number beyond its {classes} scores: {given}"
            cure = "number the classes from 0, or give the last layer as many units as classes"
            more: dict[str, Value] = {"classes": classes}
            return _error(Evidence("class_beyond", beyond, 0.0, 1, more), text, cure)
    text = "the step raised in {call}, which was given {given}: {error}"
    return Severity.NOTE, Evidence("exceptions", 1.0, 1.0, 1), text, ""


def _error(evidence: Evidence, text: str, cure: str) -> tuple[Severity, Evidence, str, str]:
    return Severity.ERROR, evidence, text, cure


def _shown(one: Mapping[str, Any]) -> str:
    """An argument as text: its name, shape, and range."""
    shape = " x ".join(str(size) for size in one.get("shape") or ()) or "scalar"
    low, high = number(one.get("min")), number(one.get("max"))
    span = "" if low is None or high is None else f" from {low:.4g} to {high:.4g}"
    return f"{one.get('name')} ({shape}){span}"


RULE = PAGE.rule(check, severities=("note", "error"), symptom=False)
