"""ACT406 dead-experts: experts that a router never calls, or one that takes nearly every row.

## What it does
Counts how often a router (`topk` or `max` over the outputs of a layer, whose chosen values weigh
the experts) chooses each expert, and names those that it never chose and one that takes nearly all.

## Why it hurts
An expert that gets no row gets no gradient, and a router that sends nothing to it cannot learn that
it would be good: it stays out for good. What it holds is memory, and the mixture is a smaller
network than it was meant to be.

## How it is measured
The choices of the last two or more windows, with 30 choices for each expert at an even load. Dead
is an expert that none of them chose (its share is then below 3 / n at 95 %, a tenth of an even
load). One expert takes all if 85 % of the rows go to it where at most half would at an even load (a
starting definition). MaxVio, the largest load over the mean less one, stands beside it. Loads are
counted, not inferred, so a falling loss makes no note of it.

## Known false alarms
More experts than the data have kinds of rows: what is dead is then not missed.

## Fixes and their safety
A bias on the choice that is raised for experts with less than their share (retrain); a balancing
term on the router's logits, a z-loss, or experts drawn anew from the best one (advice).

## References
Shazeer et al., "Outrageously large neural networks", ICLR 2017, arXiv:1701.06538. Fedus, Zoph and
Shazeer, "Switch transformers", 2021, arXiv:2101.03961. Wang et al., "Auxiliary-loss-free load
balancing strategy for mixture-of-experts", 2024, arXiv:2408.15664 (MaxVio, and the bias).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from relume.core import Evidence, Result, Severity, Site, Trace, Value, Window
from relume.rules.page import page
from relume.rules.series_tools import curve, last_step, number
from relume.rules.unit_windows import fewest_last, samples, total

if TYPE_CHECKING:
    from relume.core import Floats

PAGE = page(__doc__)

EACH = 30  # choices for each expert at an even load: none is then below a tenth of it at 95 %
TOP = 0.85  # of the rows at one expert: a starting definition (see the page)
EVEN = 0.5  # of the rows at each expert at an even load: beyond, one that gets 85 % is not far off


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each router with experts that it starves."""
    routers = trace.sites_of("router")
    if not routers:
        yield PAGE.clean("no router of experts was seen", applies=False)
        return
    shares: list[float] = []
    for site in routers:
        windows = [w for w in trace.windows(site.name) if "top" in w.fields]
        least = EACH * site.units
        part = fewest_last(windows, lambda last, least=least: _choices(last) >= least)
        picked = total(part, "top")
        if picked is None or picked.sum() < least:
            many = int(_choices(part))
            reason = f"only {many} choices among {site.units} experts in {len(part)} windows"
            yield PAGE.missing(reason, "train for more steps", site.name)
            continue
        facts = trace.facts_at("router", site.name)
        picks = next((number(fact.data.get("picks")) for fact in facts), None) or 1.0
        share = picked / samples(part)
        dead = int((picked == 0).sum())
        full = float(share.max()) >= TOP and picks / site.units <= EVEN
        if dead or full:
            yield _finding(trace, site, part, share, dead)
        else:
            shares.append(float(share.max()))
    if shares:
        yield PAGE.clean(f"every expert is chosen, the busiest for {max(shares):.0%} of the rows")


def _choices(windows: Sequence[Window]) -> float:
    """How often any expert was chosen."""
    picked = total(windows, "top")
    return 0.0 if picked is None else float(picked.sum())


def _finding(
    trace: Trace, site: Site, windows: Sequence[Window], share: "Floats", dead: int
) -> Result:
    text = "{place} never chose {dead} of its {experts} experts on {samples} rows"
    if not dead:
        text = "{place} sends {most:.0%} of {samples} rows to one of its {experts} experts"
    more: dict[str, Value] = {
        "dead": dead,
        "experts": len(share),
        "most": float(share.max()),
        "violation": float(share.max() / share.mean()) - 1,
    }
    stat, value, limit = ("idle_share", dead / len(share), 0.0)
    if not dead:
        stat, value, limit = "load_most", float(share.max()), TOP
    evidence = Evidence(
        stat, value, limit, samples(windows), more, curve(trace.series(site.name, stat))
    )
    steps = (windows[0].first, last_step(trace))
    cure = "balance the experts: a bias on the choice, or a balancing term on the router's logits"
    return PAGE.finding(site, Severity.WARNING, steps, text, evidence, cure=cure)


RULE = PAGE.rule(
    check, severities=("warning",), symptom=False, explains=("ACT603", "ACT606", "ACT904")
)
