"""ACT502 stuck-gate: gates that are open or shut whatever comes in.

## What it does
Finds gates (an act whose output is multiplied with another signal) that stay on one flat side, and
softmax gates that send nearly everything the same way.

## Why it hurts
A gate that is always shut cuts its branch off and gets no gradient to open again; one that is
always open is no gate. A router that always picks one expert trains one expert.

## How it is measured
Sigmoid gates: a unit is stuck if at least 95 % of its samples are flat (slope below 5 % of the
largest: beyond 4.36) on one side. Softmax gates (a softmax whose output is multiplied with another
signal, in the graph as it is): one output is the largest on at least 95 % of the samples. The 95 %
is a starting definition, tried on 80 healthy and 92 faulty runs. A layer is reported from 25 % of
its units on (as in saturated-units; the error from 75 % is reasoned), a router at once. Counted
over the last two or more windows with 1000 samples.

## Known false alarms
Forget gates that begin open (a bias of 1 or 2 lies far from the flat side, and is not counted).
Rectified gates (SwiGLU's SiLU) are silent by design and are not judged, nor are attention weights.

## Fixes and their safety
Standardise what enters the gate, a smaller initialisation or a zero bias for it (retrain); for a
router a load-balancing term (retrain).

## References
Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM", 2000. Gu,
Gulcehre, Paine, Hoffman and Pascanu, "Improving the gating mechanism of recurrent neural networks",
ICML 2020, arXiv:1910.09890. Shazeer et al., "Outrageously large neural networks", ICLR 2017,
arXiv:1701.06538.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from relume.core import Evidence, Finding, Result, Severity, Site, Trace, Value, Window
from relume.rules.page import page
from relume.rules.series_tools import FLAT_SAMPLES, gates_of, last_step, layers
from relume.rules.unit_windows import LEAST_WINDOWS, last_windows, samples, total

PAGE = page(__doc__)

STUCK = 0.95  # of a unit's samples on one side (see the page)
UNITS, UNITS_ERROR = 0.25, 0.75  # of the gate's units, as in ACT501; the step to error is reasoned


def check(trace: Trace) -> Iterator[Result]:
    """One finding per gate that is stuck."""
    gates = [site for site in gates_of(trace) if not site.rectifies and _is_read(trace, site)]
    if not gates:
        yield PAGE.clean("no squashing gate in this network", applies=False)
    fine: list[float] = []
    for site in gates:
        part = last_windows(trace.windows(site.name), FLAT_SAMPLES, LEAST_WINDOWS)
        if len(part) < LEAST_WINDOWS or samples(part) < FLAT_SAMPLES:
            reason = f"only {samples(part)} samples a unit in {len(part)} windows"
            yield PAGE.missing(reason, "train for more steps, or look more often", site.name)
        elif (top := total(part, "top")) is not None and len(top):
            share = float(top.max()) / samples(part)
            fine.append(share)
            if share >= STUCK:
                yield _router(trace, site, part, share)
        elif (finding := _sides(trace, site, part, fine)) is not None:
            yield finding
    if fine and max(fine) < STUCK:
        yield PAGE.clean(f"at {layers(len(fine))} of gates at most {max(fine):.0%} is stuck")


def _is_read(trace: Trace, site: Site) -> bool:
    """Whether its samples say something: a softmax over sorted values (the best of a router) is not
    counted, since the first is always the largest."""
    return site.max_slope is not None or bool(trace.windows(site.name))


def _sides(
    trace: Trace, site: Site, windows: Sequence[Window], fine: list[float]
) -> Finding | None:
    low, high = total(windows, "low"), total(windows, "high")
    rows = samples(windows)
    if low is None or high is None or not len(low):
        return None
    shut, open_ = (float(np.mean(part >= STUCK * rows)) for part in (low, high))
    share = shut + open_
    if share < UNITS:
        fine.append(share)
        return None
    text = "{value:.0%} of the {units} units of the gate {place} are stuck ({shut:.0%} shut, "
    text += "{open:.0%} open) on at least {limit:.0%} of {samples} samples"
    more: dict[str, Value] = {"act": site.act, "units": len(low), "shut": shut, "open": open_}
    severity = Severity.ERROR if share >= UNITS_ERROR else Severity.WARNING
    evidence = Evidence("stuck_unit_share", share, UNITS, rows, {**more, "limit": STUCK})
    return _finding(trace, site, windows, severity, text, evidence)


def _router(trace: Trace, site: Site, windows: Sequence[Window], share: float) -> Finding:
    text = "one output of the gate {place} is the largest on {value:.0%} of {samples} samples. The "
    text += "others are hardly used"
    evidence = Evidence("top_share", share, STUCK, samples(windows), {"act": site.act})
    return _finding(trace, site, windows, Severity.WARNING, text, evidence)


def _finding(
    trace: Trace,
    site: Site,
    windows: Sequence[Window],
    severity: Severity,
    text: str,
    evidence: Evidence,
) -> Finding:
    layer = site.layer or f"the layer before {site.name}"
    return PAGE.finding(
        site,
        severity,
        (windows[0].first, last_step(trace)),
        text,
        evidence,
        cure=f"give {layer} a zero bias and a smaller initialisation, on standardised inputs",
    )


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("batches",),
    figure="flat",
    explains=("ACT601", "ACT603", "ACT606"),
    upstream=True,
)
