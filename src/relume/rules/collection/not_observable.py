"""ACT001 not-observable: an operation that hides its activation functions.

## What it does
Names every operation whose inside could not be recorded, with the reason and what to do about
it: one fact for each such place.

## Why it hurts
It does not. It is a fact about the diagnosis: a rule that says nothing about a hidden act has not
read it, and must not be taken for "fine".

## How it is measured
The recorder counts the operations of the autograd graph that it cannot look into (custom autograd
functions, fused recurrent layers, compiled kernels). Threshold: one, by definition: each of them
hides something. Least evidence: one forward.

## Known false alarms
An opaque operation that holds no act at all, such as a fused attention kernel without gates.

## Fixes and their safety
Advice only: use the unfused form for one recorded run, or watch the module that holds the act.

## References
PyTorch documentation, "Extending PyTorch: custom autograd functions".
"""

from collections.abc import Iterator

from relume.core import Evidence, Fact, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import last_step

PAGE = page(__doc__)


def check(trace: Trace) -> Iterator[Result]:
    """One fact per place that hides acts, and an entry for each failure of the recorder."""
    places: dict[str, list[Fact]] = {}
    for fact in trace.facts_of("opaque"):
        places.setdefault(fact.site, []).append(fact)
    for name, facts in places.items():
        yield _hidden(trace, name, facts)
    for fact in trace.facts_of("error"):
        where, text = fact.data.get("where", "the recorder"), fact.data.get("text", "unknown")
        yield PAGE.missing(f"{where} failed and was switched off: {text}", site=fact.site)
    if places or trace.facts_of("error"):
        return
    acts = trace.sites_of("act")
    if acts:
        yield PAGE.clean(f"all {len(acts)} acts that were seen could be measured")
    else:
        remedy = "watch the module whose forward is called, and train at least one step"
        yield PAGE.missing("no act was seen", remedy)


def _hidden(trace: Trace, name: str, facts: list[Fact]) -> Result:
    operations = ", ".join(dict.fromkeys(str(f.data.get("operation", "?")) for f in facts))
    reason = str(facts[0].data.get("reason", "it cannot be looked into"))
    remedy = str(facts[0].data.get("remedy") or "watch a module inside it")
    evidence = Evidence(
        "opaque_operations",
        len(facts),
        samples=len(facts),
        more={"operations": operations, "reason": reason, "remedy": remedy},
    )
    return PAGE.finding(
        trace.site(name) or Site(name, ""),
        Severity.FACT,
        (facts[0].step, last_step(trace)),
        "{site} hides its acts in {operations}: {reason}; {remedy}",
        evidence,
        cure=remedy,
    )


RULE = PAGE.rule(check, severities=("fact",), symptom=False)
