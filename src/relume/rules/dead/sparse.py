"""ACT404 sparse: how rarely the units of a rectifier fire. A fact, never harm.

## What it does
Prints the distribution over units of P(z > 0), the share of samples on which a unit fires, and
names the layer that fires most rarely where that is less than one sample in ten.

## Why it hurts
It does not. Sparse firing is how rectified networks work: in trained ReLU transformers 3 % of the
entries are not zero, and they are healthy. It is printed since it is so often taken for death.

## How it is measured
Samples with a slope over all samples, by unit, over the last two or more windows with 3000 samples
(as in dead-units, where the 3000 comes from); quartiles over the units of a layer. Named where the
median is below 0.1 (a centred pre-activation gives 0.5; the 0.1 only decides which layer is worth a
line). Acts with a zero side only.

## Known false alarms
None: a fact claims no harm. dead-units reports dead units.

## Fixes and their safety
Advice only: leave it.

## References
Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", AISTATS 2011. Li et al., "The
lazy neuron phenomenon: on emergence of activation sparsity in transformers", ICLR 2023,
arXiv:2210.06313.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import DEAD_SAMPLES, acts_of, last_step, layers
from relume.rules.unit_windows import LEAST_WINDOWS, last_windows, samples, total

if TYPE_CHECKING:
    from relume.core import Floats

PAGE = page(__doc__)

RARE = 0.1  # of samples, by the median unit: decides only which layer is worth a line


def check(trace: Trace) -> Iterator[Result]:
    """At most one fact: the layer that fires most rarely."""
    sites = [site for site in acts_of(trace) if site.rectifies and not site.smooth]
    if not sites:
        yield PAGE.clean("no rectifier in a hidden layer", applies=False)
        return
    shares = [(site, share) for site in sites if (share := firing_share(trace, site)) is not None]
    if not shares:
        yield PAGE.missing("no layer has enough samples in two windows", "train for more steps")
        return
    site, share = min(shares, key=lambda item: float(np.median(item[1])))
    low, middle, high = (float(q) for q in np.quantile(share, (0.25, 0.5, 0.75)))
    if middle >= RARE:
        text = f"in {layers(len(shares))} units fire on {middle:.0%} of samples where least"
        yield PAGE.clean(f"{text} ({site.name}, quartiles {low:.0%} to {high:.0%})")
        return
    windows = trace.windows(site.name)
    yield PAGE.finding(
        site,
        Severity.FACT,
        (windows[0].first, last_step(trace)),
        "{place} is sparse: its median unit fires on {value:.1%} of samples (quartiles {low:.1%} "
        "to {high:.1%})",
        Evidence(
            "firing_share_median",
            middle,
            samples=samples(windows),
            more={"low": low, "high": high, "act": site.act, "units": len(share)},
        ),
        cure="leave it: sparse firing is no harm",
    )


def firing_share(trace: Trace, site: Site) -> "Floats | None":
    """The share of samples on which each unit fires; None with too few samples."""
    windows = [w for w in trace.windows(site.name) if "active" in w.fields]
    part = last_windows(windows, DEAD_SAMPLES, LEAST_WINDOWS)
    active = total(part, "active")
    if len(part) < LEAST_WINDOWS or samples(part) < DEAD_SAMPLES or active is None:
        return None
    return active / samples(part) if len(active) else None


RULE = PAGE.rule(check, severities=("fact",), needs=("batches",), figure="silent")
