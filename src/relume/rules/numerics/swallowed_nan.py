"""ACT803 swallowed-nan: an act that turns NaN into a number.

## What it does
Finds acts that receive NaN and give something finite, so that nobody downstream can know: on the
way forward, or on the way back, where a gradient of NaN meets a slope of zero.

## Why it hurts
A NaN says that something broke. An act that replaces it (a `where` on a comparison, a
`nan_to_num`, a maximum that ignores NaN) hides the break: the loss looks fine while a part of the
network computes nothing. A ReLU that is shut returns zero whatever the gradient is: a root or a
norm with an infinite slope goes unseen, until an example opens the unit and all weights are NaN.

## How it is measured
Share of the act's sampled entries that were NaN on the way in and no NaN on the way out, in any
record: above 0, by definition; and records in which the gradient of the act's output held NaN and
that of its input did not. Where only the sums were recorded: the RMS of the input is NaN in a
record in which all of the output is finite. Least evidence: one record. A warning, under any
outcome.

## Known false alarms
Infinities are not counted: a tanh of infinity is 1 by its formula. Masks that replace NaN on
purpose, behind an operation that is known to make them.

## Fixes and their safety
Find where the NaN comes from (first-non-finite names it), and cure it there; then let the act pass
NaN on (exact on healthy data).

## References
IEEE Standard 754-2019, sections 6.2 and 9.6: maximum and maximumNumber.
"""

from collections.abc import Iterator

import numpy as np

from relume.core import Evidence, Finding, Result, Series, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import curve, last_step, layers

PAGE = page(__doc__)

STAT = "nonfinite_swallowed_share"


def check(trace: Trace) -> Iterator[Result]:
    """One finding per act that swallows NaN."""
    sites = trace.sites_of("act")
    if not sites:
        yield PAGE.missing("no act was seen")
        return
    yield from (finding for site in sites if (finding := _backward(trace, site)) is not None)
    shares = [(site, series) for site in sites if (series := _swallowed(trace, site)) is not None]
    bad = [(site, series) for site, series in shares if np.any(series.values > 0)]
    for site, series in bad:
        yield _finding(trace, site, series)
    if not shares:
        yield PAGE.missing("what enters the acts could not be read")
    elif not bad:
        yield PAGE.clean(f"at {layers(len(shares))} no NaN entered an act and left as a number")


def _swallowed(trace: Trace, site: Site) -> Series | None:
    """The share that was swallowed by record; None where the input was not read."""
    recorded = trace.series(site.name, STAT)
    if recorded is not None and len(recorded):
        return recorded
    before, after = trace.series(site.name, "pre_rms"), trace.series(site.name, "nonfinite_share")
    if before is None or after is None or not len(before) or not len(after):
        return None
    if not np.isnan(before.values).any():  # the usual case, without sorting ten thousand steps
        return Series(before.steps, np.zeros(len(before)))
    steps, left, right = np.intersect1d(before.steps, after.steps, return_indices=True)
    lost = np.isnan(before.values[left]) & (after.values[right] == 0)
    return Series(steps, lost.astype(float)) if len(steps) else None


def _finding(trace: Trace, site: Site, series: Series) -> Finding:
    bad = np.flatnonzero(series.values > 0)
    exact = trace.series(site.name, STAT) is not None
    value = float(series.values[bad].max())
    text = "{place} turns NaN into numbers: it received NaN in {count} of {samples} records, first "
    text += "at step {step}" + (" ({value:.2%} of its entries)" if exact else "")
    more = {"act": site.act, "count": len(bad), "step": int(series.steps[bad[0]])}
    return PAGE.finding(
        site,
        Severity.WARNING,
        (int(series.steps[bad[0]]), last_step(trace)),
        text,
        Evidence(STAT, value, 0.0, len(series), more, curve(series)),
        cure="find where the NaN comes from, and let the act pass it on",
    )


def _backward(trace: Trace, site: Site) -> Finding | None:
    """The finding on records in which a gradient of NaN reached the act and a number left it."""
    above = trace.series(site.name, "grad_post_rms")
    below = trace.series(site.name, "grad_pre_rms")
    if above is None or below is None or not np.isnan(above.values).any():
        return None
    steps, left, right = np.intersect1d(above.steps, below.steps, return_indices=True)
    lost = np.isnan(above.values[left]) & np.isfinite(below.values[right])
    if not lost.any():
        return None
    first = int(steps[int(np.argmax(lost))])
    text = "the gradient that came back to {place} held NaN in {count} of {samples} records, first "
    text += "at step {step}, and the act turned it into numbers: a shut unit returns zero"
    more = {"act": site.act, "count": int(lost.sum()), "step": first}
    return PAGE.finding(
        site,
        Severity.WARNING,
        (first, last_step(trace)),
        text,
        Evidence("swallowed_gradient_share", float(lost.mean()), 0.0, len(steps), more),
        cure="look behind it for a root, a norm or a division at zero, whose slope is infinite",
    )


# a unit whose input is NaN seems never to fire
RULE = PAGE.rule(
    check, severities=("warning",), symptom=False, explains=("ACT303", "ACT401", "ACT403")
)
