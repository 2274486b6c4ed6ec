"""ACT911 frozen-at-random: frozen layers look as they were drawn, and the run stalls behind them.

## What it does
Finds weights that do not train from the first step on and that have the deviation and the shape of
a usual initialiser, in a run that stays near guessing.

    for p in encoder.parameters():
        p.requires_grad = False  # the checkpoint was never loaded

"2 frozen weights (encoder.0.weight, ...) look as they were drawn: nothing was learned in them".
Instead:

    encoder.load_state_dict(torch.load(path))
    for p in encoder.parameters():
        p.requires_grad = False

## Why it hurts
What trains behind them learns from random features: enough for easy tasks, a stall on others.

## How it is measured
Frozen weights of at least 48 entries whose deviation is that of torch's default, Xavier's, He's or
LeCun's initialiser, or 0.02, and whose kurtosis is that of a uniform or normal distribution, each
within 4 standard errors (1 in 16,000 by luck). Least evidence: 100 steps (reasoned: until then
a head may be slow). Named where the run fares badly, or its loss is
above 0.8 of the best constant guess (that of a start that is no trained network, as in the
outcome). A warning. Inputs that are off centre or off scale are told as its symptom where they
are what a frozen layer hands on (an act behind one comes before them), or where frozen weights hold
at least half of the entries of all weights (reasoned: what trains is then the lesser part).

## Known false alarms
Copies of weights that train (target networks, moving averages) are not judged. Random features on
purpose (a reservoir, hashing) are named only where the run stays near guessing.

## Fixes and their safety
Load the trained weights, or let the layers train (retrain).

## References
Saxe et al., "On random weights and unsupervised feature learning", ICML 2011.
"""

import math
from collections.abc import Iterator, Sequence

from relume.core import Evidence, Fact, Result, Severity, Site, Trace, Value
from relume.rules.outcome import judge, near_guessing
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number

PAGE = page(__doc__)

LEAST_STEPS = 100  # see the page
FROZEN_SHARE, HANDED_ON = "frozen_share", "handed_on"  # in the evidence


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for all such weights."""
    frozen = trace.facts_of("frozen")
    thawed = {f.site for f in trace.facts_of("wiring") if number(f.data.get("in_graph"))}
    fresh = [fact for fact in frozen if fact.data.get("fresh") and fact.site not in thawed]
    if not is_recorded(trace, "wiring"):
        yield PAGE.missing("the recorder did not look at frozen weights")
        return
    if last_step(trace) < LEAST_STEPS:
        yield PAGE.missing(f"fewer than {LEAST_STEPS} steps", "train longer")
        return
    if not fresh or not near_guessing(judge(trace)):
        what = "the run learns behind them" if fresh else f"none of {len(frozen)} looks drawn"
        yield PAGE.clean(f"frozen weights: {what}")
        return
    names = ", ".join(fact.site for fact in fresh[:3])
    more: dict[str, Value] = {
        "names": names + (f", and {len(fresh) - 3} more" if len(fresh) > 3 else ""),
        FROZEN_SHARE: _share(trace),
        HANDED_ON: ", ".join(_handed_on(trace)),
    }
    entries = _entries(fresh)
    yield PAGE.finding(
        trace.site(fresh[0].site) or Site(fresh[0].site, "parameter"),
        Severity.WARNING,
        (0, last_step(trace)),
        "{value:.0f} weights ({names}) are frozen at random values, and the loss stays near "
        "guessing",
        Evidence("frozen_random_weights", len(fresh), 0, entries, more),
        cure="load the trained weights, or let these layers train",
    )


def _entries(facts: Sequence[Fact]) -> int:
    return sum(int(number(fact.data.get("entries")) or 0) for fact in facts)


def _share(trace: Trace) -> float:
    """The share of the entries of all weights that frozen ones hold."""
    frozen = {fact.site: fact for fact in trace.facts_of("frozen")}
    parameters = [fact for fact in trace.facts_of("parameter") if fact.site not in frozen]
    shapes = [fact.data.get("shape") or () for fact in parameters]
    trained = sum(math.prod(shape) for shape in shapes if len(shape) >= 2)
    held = _entries(list(frozen.values()))
    return held / max(held + trained, 1)


def _handed_on(trace: Trace) -> Iterator[str]:
    """The inputs, as far as recorded, that are what comes out of a frozen layer's act."""
    frozen = {fact.site.rpartition(".")[0] for fact in trace.facts_of("frozen")}
    ends = [site.order for site in trace.sites_of("act") if site.layer in frozen]
    for site in trace.sites_of("input"):
        begin = min(
            (s.order for s in trace.sites_of("parameter") if s.path == site.layer), default=0
        )
        if ends and min(ends) < begin and site.layer not in frozen:
            yield site.name


RULE = PAGE.rule(
    check,
    severities=("warning",),
    needs=("training",),
    symptom=False,
    explains=("ACT303", "ACT401", "ACT603", "ACT606", "ACT701", "ACT702"),
)
