"""ACT604 first-non-finite: where the first NaN or infinity came from.

## What it does
Names the operation, with its source line and the numbers that entered it, that made the first value
or the first gradient that is not finite; or the optimiser, where its own update did.

    far = (gap**2).sum(1).sqrt()

"the gradient broke at sqrt (train.py:22) at step 185: its slope is infinite at 1 of 16 entries;
what entered lay between 0 and 0.92". Instead:

    far = ((gap**2).sum(1) + 1e-12).sqrt()

## Why it hurts
One NaN spreads through every sum it enters: a step later the whole network holds nothing else, and
the place where it began can no longer be told from the others. A branch of `torch.where` that is
not taken still gets a gradient of zero, and zero times infinity is NaN.

## How it is measured
The suspects are asked in this order, and the first that did it is named. Data: non-finite-data.
The optimiser's update: a weight is not finite, and the moments of its gradient are. The forward
pass: the first operation, in its order, that made a value that is not finite of finite ones (minus
infinity that a mask puts into scores is meant). The backward pass: on recorded steps the slope of
every root, power, logarithm, division, exponential, inverse cosine and eigenvector is read, and
the one nearest to the loss whose slope is infinite is named where a gradient then is not finite.
On other steps it is named by the weights: it stands behind all that are NaN and none that is
finite ("most likely", where several do). Threshold: one value, by definition; one step is enough
evidence. Where no operation can be named (a GPU, on steps that are not recorded), the earliest
record with such a value names its site. An error under any outcome; a note, marked as cleared,
where the run got over it (a loss scaler skips such steps). A value that grew until it overflowed
is explained by exploding-gradient. Where a named operation of float16 turned finite numbers into
more than 65504, that operation is the cause: the scale of inputs or initial weights does not
explain it, and an explosion does only where the loss, a gradient or a signal had grown since the
start of the run.
What is measured after the step is not judged by other rules.

## Known false alarms
Masked attention scores of minus infinity are meant so: attention is not judged.

## Fixes and their safety
By operation: a clamp or epsilon inside the logarithm, the root or the division, before `where` and
not after it (retrain); cross-entropy on logits rather than the logarithm of a softmax (exact, and
stable); bfloat16 rather than float16, or a loss scaler (retrain); an eps above zero in the
optimiser.

## References
Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740. Goldberg, "What every
computer scientist should know about floating-point arithmetic", 1991.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from relume.core import Evidence, Fact, Finding, Result, Series, Severity, Site, Trace, Value
from relume.rules.non_finite import (
    non_finite_loss_step,
    non_finite_values,
    origin,
    overflowed_in_half,
    recovered,
)
from relume.rules.page import page
from relume.rules.series_tools import curve, last_step, number

PAGE = page(__doc__)

HALF = ("float16", "bfloat16")
OVERFLOW = "overflow"  # in the evidence: a named operation left the range of float16


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: the first place."""
    if not trace.table and not trace.facts_of("non-finite"):
        yield PAGE.missing("nothing was recorded")
        return
    known = origin(trace)
    facts = [f for f in non_finite_values(trace) if not _masked(trace, f.site)]
    at_loss = non_finite_loss_step(trace)
    if known is not None:
        yield _at_origin(trace, known, max(len(facts), 1))
    elif not facts and at_loss is None:
        yield PAGE.clean(f"all values of {len(trace.table)} series are finite")
    elif facts and (at_loss is None or min(f.step for f in facts) <= at_loss):
        yield _finding(trace, _first(trace, facts), len(facts))
    else:
        yield _finding(trace, Fact("non-finite", "", at_loss or 0, {"stat": "loss"}), 1)


# --- where the operation is known ------------------------------------------------------------


def _at_origin(trace: Trace, fact: Fact, places: int) -> Finding:
    data, cleared = fact.data, recovered(trace)
    names = ("operation", "least", "most", "bad", "entries", "dtype", "eps")
    more: dict[str, Value] = {"step": fact.step, **{n: data[n] for n in names if data.get(n)}}
    for name in ("least", "most"):
        if (size := number(data.get(name))) is not None:
            more[name] = size  # zero says most of all
    file, line = str(data.get("file") or ""), int(number(data.get("line")) or 0)
    if overflowed_in_half(trace):
        more[OVERFLOW] = True
    more["source"] = f" ({file.rpartition('/')[2]}:{line})" if line else ""
    text = {"update": _update_text, "backward": _backward_text}.get(
        str(data.get("phase")), _forward_text
    )(data)
    text += "; the run got over it" if cleared else ""
    module = str(data.get("module") or "")
    site = trace.site(module) or Site(module, "")
    return PAGE.finding(
        Site(site.name, site.kind, layer=site.layer, file=file, line=line),
        Severity.NOTE if cleared else Severity.ERROR,
        (fact.step, max(last_step(trace), fact.step)),
        text,
        Evidence("nonfinite_places", places, 0, places, more, curve(trace.series("", "loss"))),
        cure=_cure_of(data),
        cleared=cleared,
    )


def _update_text(data: Mapping[str, Any]) -> str:
    text = "the update of {operation} made the weights NaN at step {step}: their gradients were "
    text += "finite until then"
    if data.get("eps") == 0 or data.get("dtype") == "float16":
        text += ", and its eps adds nothing to a root of zero"
        text += " in float16" if data.get("dtype") == "float16" and data.get("eps") else ""
    return text


def _backward_text(data: Mapping[str, Any]) -> str:
    likely = "" if data.get("certain") else "most likely "
    text = (
        f"the gradient became NaN or infinite {likely}at {{operation}}{{source}} at step {{step}}"
    )
    if data.get("bad"):
        return text + ": its slope is not finite at {bad} of {entries} entries" + _entered(data)
    return text + ": the weights behind it are NaN, and no other is"


def _forward_text(data: Mapping[str, Any]) -> str:
    text = "{operation}{source} made the first NaN or infinity, at step {step}: {bad} of "
    text += "{entries} entries"
    if data.get("operation") == "softmax":
        return text + "; a row of minus infinity has no softmax" + _entered(data)
    if data.get("dtype") in HALF:
        text += ", in {dtype}"
    return text + _entered(data)


def _entered(data: Mapping[str, Any]) -> str:
    if data.get("least") is None:
        return ""
    what = "what it divided by" if data.get("operation") == "div" else "what entered it"
    return f"; {what} lay between {{least:.3g}} and {{most:.3g}}"


def _cure_of(data: Mapping[str, Any]) -> str:
    operation, phase = str(data.get("operation")), data.get("phase")
    if phase == "update":
        return f"give {operation} an eps above zero, of 1e-4 at least in float16"
    if operation == "softmax":
        return "leave at least one entry of each row unmasked, or mask with a large finite number"
    if operation in ("exp", "expm1", "sinh", "cosh") or data.get("dtype") in HALF:
        return f"keep what enters {operation} small with a clamp, or compute it in float32"
    if operation == "std":
        return "leave out batches of one row, or pass correction=0"
    if phase == "backward" and operation in ("log", "div", "exp"):
        return f"clamp what enters {operation} before it: a `where` after it is too late"
    if operation in ("acos", "asin", "atanh"):
        return f"clamp what enters {operation} to less than one in size"
    return _cure(operation, "gradient" if phase == "backward" else "value")


# --- where only the site is known ------------------------------------------------------------


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
    text = (
        f"{place} had the first {{what}} that is NaN or infinite, at step {{step}} ({{operation}})"
    )
    more: dict[str, Value] = {"what": what, "step": fact.step, "operation": operation, "stat": stat}
    if largest is not None:
        text += ". What entered it was at most {input_absmax:.3g} in size just before"
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
