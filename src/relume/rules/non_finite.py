"""Reads what is not finite in a trace, for the rules ACT602 and ACT604."""

from collections.abc import Iterator

import numpy as np

from relume.core import Fact, Trace

STATS = ("nonfinite_share", "grad_nonfinite_share")


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
    """Whether the run ends with a finite loss and finite values: a gradient scaler skips steps."""
    if trace.facts_of("failed-step"):
        return False
    loss = trace.series("", "loss")
    well = loss is not None and len(loss) > 0 and bool(np.isfinite(loss.values[-1]))
    return well and not _lasting(trace)


def _lasting(trace: Trace) -> bool:
    """Whether something is not finite at the last record."""
    series = (s for (_, stat), s in trace.table.items() if stat in STATS and len(s))
    return any(s.values[-1] > 0 for s in series)
