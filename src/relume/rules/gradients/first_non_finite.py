"""ACT604 first-non-finite: where the first NaN or infinity came from.

## What it does
Names the first site that produced a value that is not finite, the step, the operation, and the
range of what entered it just before.

## Why it hurts
One NaN spreads through every sum it enters: a step later the whole network holds nothing else, and
the place where it began can no longer be told from the others.

## How it is measured
The earliest record with a non-finite value. Within it, of values the first in the order of the
forward pass; where only gradients were affected, the last in that order, since the gradient runs
backwards; where only the loss was, the criterion. Threshold: one value, by definition; one step is
enough evidence. An error under any
outcome; a note, marked as cleared, where the run got over it (a loss scaler skips such steps). A
value that grew until it overflowed is explained by exploding-gradient.

## Known false alarms
Masked attention scores of minus infinity are meant so: attention is not judged.

## Fixes and their safety
By operation: a clamp or epsilon inside the logarithm, the root or the division (retrain);
cross-entropy on logits rather than the logarithm of a softmax (exact, and stable); bfloat16 rather
than float16, or a loss scaler (retrain).

## References
Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740. Goldberg, "What every
computer scientist should know about floating-point arithmetic", 1991.
"""

from collections.abc import Iterator

import numpy as np

from relume.core import Evidence, Fact, Finding, Result, Series, Severity, Site, Trace, Value
from relume.rules.non_finite import non_finite_loss_step, non_finite_values, recovered
from relume.rules.page import page
from relume.rules.series_tools import curve, last_step, number

PAGE = page(__doc__)


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: the first place."""
    if not trace.table and not trace.facts_of("non-finite"):
        yield PAGE.missing("nothing was recorded")
        return
    facts = [f for f in non_finite_values(trace) if not _masked(trace, f.site)]
    at_loss = non_finite_loss_step(trace)
    if not facts and at_loss is None:
        yield PAGE.clean(f"all values of {len(trace.table)} series are finite")
        return
    if facts and (at_loss is None or min(f.step for f in facts) <= at_loss):
        yield _finding(trace, _first(trace, facts), len(facts))
    else:
        yield _finding(trace, Fact("non-finite", "", at_loss or 0, {"stat": "loss"}), 1)


def _masked(trace: Trace, site: str) -> bool:
    known = trace.site(site)
    return known is not None and known.role == "attention"


def _first(trace: Trace, facts: list[Fact]) -> Fact:
    """The first fact in the order of a step: forward, loss, backward."""
    step = min(f.step for f in facts)
    now = [f for f in facts if f.step == step]
    order = {site.name: site.order for site in trace.sites}

    def place(fact: Fact) -> tuple[int, int]:
        backward = str(fact.data.get("stat", "")).startswith(("grad", "weight", "update"))
        at = order.get(fact.site, 0)
        return (1, -at) if backward else (0, at)

    return min(now, key=place)


def _finding(trace: Trace, fact: Fact, places: int) -> Finding:
    site = trace.site(fact.site) or Site(fact.site, "")
    stat = str(fact.data.get("stat", "value"))
    what = "gradient" if stat.startswith("grad") else "loss" if stat == "loss" else "value"
    operation = str(
        fact.data.get("operation")
        or site.act
        or ("the criterion" if what == "loss" else "this layer")
    )
    largest = number(fact.data.get("input_absmax")) or _before(trace, site.name, fact.step)
    cleared = recovered(trace)
    place = "{site}" if fact.site else "the loss"
    text = f"{place} had the first {{what}} that is not finite, at step {{step}} ({{operation}})"
    more: dict[str, Value] = {"what": what, "step": fact.step, "operation": operation, "stat": stat}
    if largest is not None:
        text += "; what entered it was at most {input_absmax:.3g} in size just before"
        more["input_absmax"] = largest
    text += "; the run got over it" if cleared else ""
    return PAGE.finding(
        site,
        Severity.NOTE if cleared else Severity.ERROR,
        (fact.step, last_step(trace)),
        text,
        Evidence("nonfinite_places", places, 0, places, more, curve(trace.series("", "loss"))),
        cure=_cure(operation, what),
        cleared=cleared,
    )


def _before(trace: Trace, site: str, step: int) -> float | None:
    """The largest input of the site at the last record up to then in which it was a number."""
    series: Series | None = trace.series(site, "pre_absmax") or trace.series(site, "pre_rms")
    if series is None:
        return None
    good = np.flatnonzero(np.isfinite(series.values) & (series.steps <= step))
    return float(series.values[good[-1]]) if len(good) else None


def _cure(operation: str, what: str) -> str:
    word = operation.lower()
    if any(name in word for name in ("log", "div", "sqrt", "pow", "rsqrt")):
        return f"keep what enters {operation} away from zero with a clamp or an epsilon"
    if what == "gradient":
        return "look for a root, a norm or a division at zero, whose slope is infinite there"
    return "look at what enters it: a logarithm, a division or a root at zero, or an overflow"


RULE = PAGE.rule(check, severities=("note", "error"), figure="loss", explains=("ACT003", "ACT803"))
