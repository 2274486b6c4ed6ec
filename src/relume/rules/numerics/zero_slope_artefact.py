"""ACT801 zero-slope-artefact: a slope that rounding made zero.

## What it does
Finds smooth acts whose slope comes out as exactly zero although the true one is an ordinary number,
because the framework computes it from a rounded output.

## Why it hurts
A saturated tanh still passes a little gradient, and can be pulled back. One whose output was
rounded to 1 passes none: what was slow has become impossible. In bfloat16 that begins at 3.5 for
tanh and 6.3 for sigmoid, in float32 at 9.0 and 16.6.

## How it is measured
Share of the sampled entries with a slope of exactly zero, of acts whose slope is nowhere zero by
their formula (tanh, sigmoid, softsign, ELU), where the slope is computed as the framework does,
from the output that it keeps. Median of the last records (eight at most) above 10 % (a starting
definition: so much of a layer is then lost by rounding alone). A fact above 0.1 %, since the true
share is none: three in 3000, the least that a rule counts. Least evidence: one record. Acts that
fall silent by design on their low side (GELU, SiLU) are left out: there zero is what the true slope
rounds to.

## Known false alarms
Layers that saturate anyway: saturated-units then explains this, and is to be cured first.

## Fixes and their safety
Compute the act in float32, outside the autocast region (exact up to rounding). Bring the
pre-activations back into range (retrain).

## References
Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740. Kalamkar et al., "A
study of BFLOAT16 for deep learning training", 2019, arXiv:1905.12322.
"""

from collections.abc import Iterator

from relume.core import Evidence, Finding, Result, Series, Severity, Site, Trace, Value
from relume.rules.page import page
from relume.rules.series_tools import (
    DEAD_SAMPLES,
    RULE_OF_THREE,
    acts_of,
    curve,
    finite_median,
    last_step,
    layers,
)

PAGE = page(__doc__)

SHARE = 0.10  # of entries (see the page)
SOME = RULE_OF_THREE / DEAD_SAMPLES  # of entries: fewer are no more than seen by accident
RECENT = 8  # records


def check(trace: Trace) -> Iterator[Result]:
    """One finding per smooth act whose slopes round to zero."""
    sites = [site for site in acts_of(trace) if site.smooth and not site.rectifies]
    if not sites:
        yield PAGE.clean("no act whose slope is nowhere zero by its formula", applies=False)
    worst: list[float] = []
    for site in sites:
        series = trace.series(site.name, "zero_slope_share")
        if series is None or not len(series):
            yield PAGE.missing("the share of slopes that are zero was not measured", site=site.name)
        elif (share := finite_median(series.values[-RECENT:])) > SOME:
            yield _finding(trace, site, share, series)
        else:
            worst.append(share)
    if worst:
        yield PAGE.clean(f"in {layers(len(worst))} at most {max(worst):.1%} of slopes are zero")


def _finding(trace: Trace, site: Site, share: float, series: Series) -> Finding:
    facts = trace.facts_at("precision", site.name)
    dtype = str(facts[0].data.get("dtype")) if facts else None
    text = "{value:.1%} of the slopes of {place} are exactly zero, which the true ones never are"
    more: dict[str, Value] = {"act": site.act}
    if dtype is not None:
        more["dtype"] = dtype
        text += ": its output was rounded in {dtype}"
    limit = SHARE if share > SHARE else SOME
    return PAGE.finding(
        site,
        Severity.WARNING if share > SHARE else Severity.FACT,
        (_since(series, limit), last_step(trace)),
        text,
        Evidence("zero_slope_share", share, limit, min(len(series), RECENT), more, curve(series)),
        cure=f"compute {site.act} in float32, and bring what enters it back into range",
    )


def _since(series: Series, limit: float) -> int:
    """The first record of the unbroken stretch above the limit that reaches the end."""
    below = [at for at, value in enumerate(series.values) if not value > limit]
    last = below[-1] + 1 if below else 0
    return int(series.steps[min(last, len(series) - 1)])


RULE = PAGE.rule(check, severities=("fact", "warning"), explains=("ACT601", "ACT603"))
