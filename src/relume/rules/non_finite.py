"""Reads what is not finite in a trace, for the rules ACT602 and ACT604, and cuts a trace there."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from relume.core import Fact, Rule, Series, Trace
from relume.rules.series_tools import number

SAY_WHY = frozenset({"ACT602", "ACT604"})
SPEAK_AFTER = frozenset({"wiring", "collection", "structure"})
"""Families that read the program, not values: a NaN changes nothing of what they find."""
STATS = ("nonfinite_share", "grad_nonfinite_share")
EDGES = frozenset(
    {"log", "log2", "log10", "log1p", "sqrt", "rsqrt", "pow", "acos", "asin", "atanh", "reciprocal"}
)
"""Operations without a value, or a slope, at the edge of what they are defined on."""
UNDEFINED = frozenset({"div", "softmax", "logsoftmax", "std", "var"})
"""Operations that have no value for some rows, whatever the range of the type."""
GROWN = 1.0  # probabilities, cosines and roots of shares lie below; what lies above may have grown


def non_finite_values(trace: Trace) -> Iterator[Fact]:
    """Yield the non-finite facts, and one for each series that is not finite and has no fact."""
    # an update ratio over a norm of zero is infinite, and means a tensor that began at zero
    facts = [f for f in trace.facts_of("non-finite") if f.data.get("stat") != "update_ratio"]
    yield from facts
    reported = {fact.site for fact in facts}
    for (site, stat), series in trace.table.items():
        if stat in STATS and site not in reported:
            bad = np.flatnonzero(series.values > 0)
            if len(bad):
                yield Fact("non-finite", site, int(series.steps[bad[0]]), {"stat": stat})


def non_finite_loss_step(trace: Trace) -> int | None:
    """The first step at which the loss is not finite, if there is one."""
    loss = trace.series("", "loss")
    bad = np.flatnonzero(~np.isfinite(loss.values)) if loss is not None else np.zeros(0, np.int64)
    return int(loss.steps[bad[0]]) if loss is not None and len(bad) else None


def recovered(trace: Trace) -> bool:
    """Whether the later half of the losses is finite, and the last values: a scaler skips steps."""
    if trace.facts_of("failed-step"):
        return False
    loss = trace.series("", "loss")
    late = np.zeros(0) if loss is None else loss.values[len(loss) // 2 :]
    well = len(late) > 0 and bool(np.isfinite(late).all())
    return well and not _lasting(trace)


def _lasting(trace: Trace) -> bool:
    """Whether something is not finite at the last record."""
    series = (s for (_, stat), s in trace.table.items() if stat in STATS and len(s))
    return any(s.values[-1] > 0 for s in series)


def origin(trace: Trace) -> Fact | None:
    """The fact that names the operation, or the optimiser, behind the first such value."""
    return next(iter(trace.facts_of("origin")), None)


def broke_at_an_edge(trace: Trace) -> bool:
    """Whether the first such value came from the edge of an operation and not from growth.

    A logarithm of a probability that is 0 breaks the run at any learning rate that learns: that
    the run then fares badly says nothing of the steps before it.
    """
    fact = origin(trace)
    if fact is None or str(fact.data.get("operation")) not in EDGES:
        return False
    sizes = (number(fact.data.get("least")), number(fact.data.get("most")))
    return all(size is not None and abs(size) <= GROWN for size in sizes)


def broke_on_the_first_pass(trace: Trace) -> bool:
    """Whether an operation of the very first forward pass gave the first such value.

    No weight has been updated yet. That the operation overflows on these numbers is exact; the
    scale of the inputs is a second fault beside it, and no proof that it was the cause.
    """
    fact = origin(trace)
    return fact is not None and fact.data.get("phase") == "forward" and fact.step <= 0


def overflowed_in_half(trace: Trace) -> bool:
    """Whether a named operation of the forward pass left the range of float16.

    Finite numbers entered it, and what came out is larger than 65504. bfloat16 has the range of
    float32: what overflows there has grown.
    """
    fact = origin(trace)
    if fact is None or fact.data.get("phase") != "forward" or broke_at_an_edge(trace):
        return False
    known = number(fact.data.get("most")) is not None
    return (
        known
        and fact.data.get("dtype") == "float16"
        and str(fact.data.get("operation")) not in UNDEFINED
    )


def lasting_origin_step(trace: Trace) -> int | None:
    """The step from which on nothing that is measured says anything: the run did not recover."""
    fact = origin(trace)
    return None if fact is None or recovered(trace) else fact.step


def speaks_after(rule: Rule) -> bool:
    """Whether a rule says something of what comes after the first value that is not finite."""
    return rule.family in SPEAK_AFTER or rule.code in SAY_WHY


def is_beside_the_origin(rule: Rule, trace: Trace) -> bool:
    """Whether a slope broke the run at a known operation, and the rule speaks of the inputs.

    Inputs of any scale may meet an infinite slope; the operation is what has to change.
    """
    fact = origin(trace)
    return rule.family == "inputs" and fact is not None and fact.data.get("phase") == "backward"


def until(trace: Trace, step: int) -> Trace:
    """Return the trace with the records and windows before a step; those of step 0 stay."""
    end = max(step, 1)
    table = {
        key: Series(
            series.steps[: (count := int(np.searchsorted(series.steps, end)))],
            series.values[:count],
        )
        for key, series in trace.table.items()
        if key != ("", "loss")
    }
    kept = {key: series for key, series in table.items() if len(series)}
    if ("", "loss") in trace.table:
        kept["", "loss"] = trace.table["", "loss"]  # the outcome is that of the whole run
    units = {
        name: tuple(window for window in windows if window.first < end)
        for name, windows in trace.units.items()
    }
    return replace(trace, table=kept, units=units)
