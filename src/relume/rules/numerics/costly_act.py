"""ACT802 costly-act: how much of a step an act costs. A fact, never harm.

## What it does
Prints the share of a step that an act takes against the cheapest act of like shape, measured on
this machine.

## Why it hurts
It does not, unless time is short. The price of an act is mostly that of reading and writing
memory; "sigmoid is slow" is true of the operation alone and seldom of a training step.

## How it is measured
Forward and backward of the act at the shape it has in the model, timed after the run, minus the
same for the cheapest act of like shape (ReLU for what rectifies, hardtanh for tanh, hardsigmoid
for sigmoid), over the median step. `relume run` takes a hundredth of the run's time for it, 0.02 to
0.3 seconds, when the script has ended. Named from 5 % of a step on (that
only decides which act is worth a line). Least evidence: one benchmark of the run. Nothing is
timed while the user's training runs: without the benchmark this is not checked.

## Known false alarms
None: a fact claims no harm. Timings of a busy machine are noisy.

## Fixes and their safety
Advice only: a cheaper act of like shape (retrain, and only after a won trial), or fusing it
(`torch.compile`; exact up to rounding).

## References
Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks",
NIPS 2012, figure 1: epochs, not seconds. Ivanov et al., "Data movement is all you need", MLSys
2021, arXiv:2007.00072.
"""

from collections.abc import Iterator

from relume.core import Evidence, Fact, Result, Severity, Trace
from relume.rules.page import page
from relume.rules.series_tools import finite_median, last_step, number

PAGE = page(__doc__)

SHARE = 0.05  # of a step: decides only which act is worth a line


def check(trace: Trace) -> Iterator[Result]:
    """One fact per act that takes a visible share of the step."""
    steps = trace.series("", "step_seconds")
    usual = finite_median(steps.values) if steps is not None and len(steps) else None
    costs = [(fact, _share(fact, usual)) for fact in trace.facts_of("act-cost")]
    known = [(fact, share) for fact, share in costs if share is not None]
    if not known:
        acts = trace.sites_of("act")
        if acts and all(site.act == site.cheapest for site in acts):
            yield PAGE.clean("every act here is the cheapest of its shape")
            return
        reason = "no act was timed: `relume run` does it once a script has ended, of acts that "
        reason += "work element by element and have a cheaper one of like shape"
        yield PAGE.missing(reason, "time an act on this machine with `relume card NAME`")
        return
    dear = [(fact, share) for fact, share in known if share >= SHARE]
    for fact, share in dear:
        yield _finding(trace, fact, share)
    if not dear:
        yield PAGE.clean(f"the dearest act costs {max(s for _, s in known):.1%} of a step extra")


def _share(fact: Fact, usual: float | None) -> float | None:
    own, least = (number(fact.data.get(name)) for name in ("seconds", "cheapest_seconds"))
    step = number(fact.data.get("step_seconds")) or usual
    if own is None or least is None or step is None or step <= 0:
        return None
    return max(own - least, 0.0) / step


def _finding(trace: Trace, fact: Fact, share: float) -> Result:
    site = trace.site(fact.site)
    act = site.act if site is not None else str(fact.data.get("act", "the act"))
    cheapest = str(fact.data.get("cheapest", "the cheapest"))
    return PAGE.finding(
        site or fact.site,
        Severity.FACT,
        (fact.step, last_step(trace)),
        "{act} at {site} takes {value:.1%} of a step more than {cheapest} would",
        Evidence("extra_share_of_step", share, samples=1, more={"act": act, "cheapest": cheapest}),
        cure=f"compare {act} with {cheapest} in a paired trial before changing it",
    )


RULE = PAGE.rule(check, severities=("fact",), symptom=False)
