"""ACT302 symmetric-init: units that begin alike and so stay alike.

## What it does
Finds weights whose rows are all the same (or multiples of one another) at the first step, and
layers whose weights are all zero so that no gradient passes, and says whether training told the
units apart since.

## Why it hurts
Units with the same weights get the same gradient and remain the same unit, however many there are:
the layer is one unit wide. Where two layers in a row are zero there is no gradient at all.

## How it is measured
The least cosine between the first row of a weight and the others, at step 0: above 0.999 (random
rows of two features all agree so well in one case of 200 with three rows, and with more features or
rows never, which is why smaller weights are left out). Zero: all trainable weights of
two or more layers are zero, or two neighbours are and get no gradient in any record. Least
evidence: the first step. Error where the rows are still alike at the last record; what training has
told apart is a note, marked as cleared.

## Known false alarms
Single zero layers are meant so (the last one, a residual branch, one factor of a low-rank pair) and
are not judged, nor is a weight with one row. Two zero layers that do get a gradient are fine.

## Fixes and their safety
Initialise at random with the act's gain (retrain): `relume.gain` knows it. A constant bias is fine.

## References
Rumelhart, Hinton and Williams, "Learning internal representations by error propagation", 1986,
section on symmetry breaking. Goodfellow, Bengio and Courville, "Deep Learning", section 8.4, 2016.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import curve, first_step, last_step, value_at_start

PAGE = page(__doc__)

ALIKE = 0.999  # see the page
LEAST_FREEDOM = 3  # (rows - 1) * (features - 1): fewer may agree by chance
COSINE = "row_cosine_min"


def check(trace: Trace) -> Iterator[Result]:
    """One finding per weight whose rows begin alike, one for layers that are all zero."""
    shapes: dict[str, tuple[int, ...]] = {
        fact.site: tuple(fact.data["shape"]) for fact in _matrices(trace)
    }
    names = [s.name for s in trace.sites_of("parameter") if s.name in shapes]
    if not names:
        yield PAGE.missing("no weight of a layer was seen before it was first updated")
        return
    zero = _stuck(trace, names)
    alike = [_alike(trace, n) for n in names if _free(shapes[n])]
    findings = [f for f in (zero, *alike) if f is not None]
    yield from findings
    measured = [c for n in names if (c := value_at_start(trace, n, COSINE)) is not None]
    if not measured:
        reason = "how alike the rows of the weights are was not recorded"
        yield PAGE.missing(reason, "record again with this version of relume")
    elif not findings:
        yield PAGE.clean(f"the least cosine between the rows of a weight is {min(measured):.2g}")


def _matrices(trace: Trace) -> list[Fact]:
    facts = trace.facts_of("parameter")
    return [
        f for f in facts if f.data.get("trainable", True) and len(f.data.get("shape") or ()) > 1
    ]


def _free(shape: Sequence[int]) -> bool:
    """Whether the rows are too many, and too long, to agree by accident."""
    features = int(np.prod(shape[1:]))
    return (shape[0] - 1) * (features - 1) >= LEAST_FREEDOM


def _alike(trace: Trace, name: str) -> Finding | None:
    start, series = value_at_start(trace, name, COSINE), trace.series(name, COSINE)
    if start is None or series is None or start <= ALIKE:
        return None
    last = float(series.values[-1])
    site = trace.site(name) or Site(name, "parameter")
    cleared = not last > ALIKE
    text = "the rows of {site} were all alike at the first step (cosine at least {value:.6g})"
    if cleared:
        text += ". Training has made them differ since ({last:.3g} at the end)"
    else:
        text += ". They still are at step {step} ({last:.6g}), so its {rows} units are one"
    more = {"last": last, "step": int(series.steps[-1]), "rows": site.units}
    return PAGE.finding(
        site,
        Severity.NOTE if cleared else Severity.ERROR,
        (first_step(trace), last_step(trace)),
        text,
        Evidence(COSINE, start, ALIKE, len(series), more, curve(series)),
        cure=_cure(site),
        cleared=cleared,
    )


def _stuck(trace: Trace, names: Sequence[str]) -> Finding | None:
    """The finding on layers that are zero and that no gradient reaches."""
    zeros = {f.site for f in _matrices(trace) if f.data.get("zero_init")}
    still = [n for n in names if n in zeros and _no_gradient(trace, n)]
    pair = next((a for a, b in pairwise(names) if a in still and b in zeros), None)
    if pair is None:
        return None
    site = trace.site(pair) or Site(pair, "parameter")
    text = "{value:.0f} weights in a row began at zero ({site} is the first), and no gradient "
    text += "reached it in {samples} records"
    series = trace.series(pair, "grad_norm")
    count = float(sum(name in zeros for name in names))
    return PAGE.finding(
        site,
        Severity.ERROR,
        (first_step(trace), last_step(trace)),
        text,
        Evidence("zero_weights", count, 1, len(series) if series else 1),
        cure=_cure(site),
    )


def _no_gradient(trace: Trace, name: str) -> bool:
    series = trace.series(name, "grad_norm")
    return series is not None and len(series) > 0 and not np.any(series.values != 0)


def _cure(site: Site) -> str:
    return f"initialise {site.name} at random, with the gain of its act"


EXPLAINS = (
    *("ACT301", "ACT303", "ACT401", "ACT402", "ACT403", "ACT501", "ACT503"),
    *(
        "ACT601",
        "ACT602",
    ),
)
RULE = PAGE.rule(
    check,
    severities=("note", "error"),
    needs=("untrained",),
    from_start=True,
    symptom=False,
    explains=(*EXPLAINS, "ACT603", "ACT604", "ACT605", "ACT606"),
)
