"""ACT602 exploding-gradient: numbers that grow without bound, or are no longer numbers.

## What it does
Finds the first of four: a value that is not finite, a loss far above its start, pre-activations of
enormous size, a gradient norm far outside its own history and growing.

## Why it hurts
One such step can undo all training: the update follows the gradient, the weights leave the data,
and after a NaN nothing comes back.

## How it is measured
Non-finite anywhere (activation, gradient, loss) after something had grown (the loss above 10 times
its start, RMS z above 1e3, an update larger than its weight, a gradient norm above 1000 times the
first): an error at once, under any outcome. Where an operation overflowed float16 by name, a signal
counts as grown from 10 times its first value on: half of that type's range is 3e4. first-non-finite
reports a NaN out of nowhere. Loss
above 10 times its start or chance, whichever is larger: error. RMS z above 1e3: warning. Robust
z-score of the log gradient norm above 6 against the median of the earlier three quarters (spread at
least 0.1 decades, so that a very steady run is not judged by rounding) and growing, while the run
does not learn: warning, least evidence 50 records. The rest speaks after one step. A loss that is
back within 200 steps is a note, marked as cleared; so are gradients that a loss scaler skipped. The
10 times, the 1e3, the 6 and the 200 steps are from 92 faulty runs; the 1000 times, the 0.1 decades
and the 50 records are reasoned.

## Known false alarms
A gradient scaler looking for its scale. Losses that are not bounded below (likelihoods of
densities) where the start is near zero. Masked attention scores (not judged: not a hidden act).

## Fixes and their safety
Re-initialise to the act's gain (retrain); divide the learning rate by ten (retrain); clip the
gradient norm as a seat belt (retrain: it does not cure: measured 0.577 against 0.954).

## References
Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
arXiv:1211.5063. Philipp, Song and Carbonell, "The exploding gradient problem demystified", 2017,
arXiv:1712.05577.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Fact, Finding, Result, Series, Severity, Site, Trace, Value
from relume.core.plural import count
from relume.rules.alternating_losses import UNTOLD
from relume.rules.non_finite import (
    broke_at_an_edge,
    non_finite_loss_step,
    non_finite_values,
    overflowed_in_half,
    recovered,
)
from relume.rules.outcome import DIVERGED, judge
from relume.rules.page import page
from relume.rules.series_tools import (
    GRADIENT_RECORDS,
    acts_of,
    align_series,
    curve,
    finite_median,
    last_step,
    number,
    weights_of,
)

if TYPE_CHECKING:
    from relume.core import Floats, Ints

PAGE = page(__doc__)

LIKELIHOODS = ("cross_entropy", "nll", "bce", "bce_with_logits")
LARGE = 1e3  # RMS of z (see the page)
SCORE = 6.0  # robust deviations (see the page)
SPREAD = 0.1  # decades: the least deviation that a steady run is given
RECOVERY = 200  # steps (see the page)
CURE = "divide the learning rate by ten, and clip the gradient norm as a seat belt"
# What counts as large before a value overflowed: RMS of z as above, a weight replaced in one step
# (ACT605's extreme), a gradient a thousand times its first norm (reasoned: a z-score needs 50
# records, and an overflow may take three)
SIGNALS = ("pre_rms", "post_rms")
GROWN = {"pre_rms": LARGE, "post_rms": LARGE, "update_ratio": 1.0, "grad_norm": 1e3}


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: the gravest, in the order of the page."""
    if not trace.table and not trace.facts_of("non-finite"):
        yield PAGE.missing("nothing was recorded")
        return
    checks = (_non_finite, _loss, _signal, _gradient)
    findings = [finding for check_for in checks if (finding := check_for(trace)) is not None]
    if findings:
        yield min(findings, key=lambda f: (f.cleared, -f.severity))
        return
    _, _, norms = _norms(trace)
    loss = trace.series("", "loss")
    top = f"the loss is at most {loss.values.max():.4g}" if loss and len(loss) else "no loss"
    most = f"gradient norm at most {norms.max():.3g}" if len(norms) else "no gradient norms"
    yield PAGE.clean(f"all values are finite; {top}; {most} ({count(len(norms), 'record')})")


def _non_finite(trace: Trace) -> Finding | None:
    """The finding on values that grew until they overflowed; first-non-finite has the others."""
    facts = sorted(non_finite_values(trace), key=lambda f: f.step)
    at_loss = non_finite_loss_step(trace)
    steps = [f.step for f in facts] + ([at_loss] if at_loss is not None else [])
    if not steps or broke_at_an_edge(trace) or not _grew(trace, min(steps)):
        return None
    step, loss = min(steps), trace.series("", "loss")
    first = facts[0] if facts and facts[0].step <= step else Fact("", "", step)
    what = "gradient" if str(first.data.get("stat", "")).startswith("grad") else "value"
    cleared = recovered(trace)
    text = (
        "values grew until they overflowed: the {what} at {site} is the first that is NaN or "
        "infinite, at step {step}"
    )
    text += "; the run got over it" if cleared else ". That holds at {places} places"
    stat = str(first.data.get("stat", "loss"))
    more: dict[str, Value] = {"what": what, "step": step, "stat": stat, "places": len(facts) or 1}
    return PAGE.finding(
        trace.site(first.site) or Site(first.site, ""),
        Severity.NOTE if cleared else Severity.ERROR,
        (step, last_step(trace)),
        text,
        Evidence("nonfinite_places", len(facts) or 1, 0.0, len(facts) or 1, more, curve(loss)),
        cure=CURE,
        cleared=cleared,
    )


def _grew(trace: Trace, step: int) -> bool:
    """Whether the loss, a signal, a gradient or an update had become large up to that step."""
    loss = _finite(trace.series("", "loss"), step)
    if len(loss) and loss.max() > DIVERGED * abs(float(loss[0])):
        return True
    half = overflowed_in_half(trace)  # 1e3 is then a sixtieth of the range, and no explosion
    for (_, stat), series in trace.table.items():
        if stat in GROWN and (values := _finite(series, step)).size:
            limit = GROWN[stat] * (float(values[0]) if stat == "grad_norm" else 1.0)
            if half and stat in SIGNALS:
                limit = max(limit, DIVERGED * float(values[0]))
            if values.max() > limit > 0:
                return True
    return False


def _finite(series: Series | None, step: int) -> "Floats":
    """The finite values up to a step."""
    if series is None:
        return np.zeros(0)
    values = series.values[: int(np.searchsorted(series.steps, step, "right"))]
    return values[np.isfinite(values)]


def _loss(trace: Trace) -> Finding | None:
    loss = trace.series("", "loss")
    outcome = judge(trace)
    if outcome.name in UNTOLD:
        return None
    numbers = outcome.numbers
    start, chance = number(numbers.get("start")), number(numbers.get("chance"))
    if loss is None or start is None:
        return None
    born = chance is not None and start >= DIVERGED * chance and _bounded(trace)
    limit = DIVERGED * max(start if not born else 0.0, chance or 0.0)
    over = np.flatnonzero(loss.values > limit) if limit > 0 else np.zeros(0, np.int64)
    if not len(over):
        return None
    first, last = int(loss.steps[over[0]]), int(loss.steps[over[-1]])
    cleared = last - first <= RECOVERY and last < int(loss.steps[-1])
    top = float(np.nanmax(np.where(np.isfinite(loss.values), loss.values, np.nan)))
    text = "the loss rose to {value:.3g} (start {start:.3g}), above {threshold:.3g} from step "
    text += "{first} to step {last}" + (", and came back" if cleared else "")
    more: dict[str, Value] = {"start": start, "chance": chance, "first": first, "last": last}
    return PAGE.finding(
        "",
        Severity.NOTE if cleared else Severity.ERROR,
        (first, last),
        text,
        Evidence("loss", top, limit, len(loss), more, curve(loss)),
        cure=CURE,
        cleared=cleared,
    )


def _bounded(trace: Trace) -> bool:
    """Whether the start can be held against chance: a logarithm has no unit. A squared error has
    that of its targets, whose mean alone may lie ten spreads from where a network begins."""
    return any(fact.data.get("loss") in LIKELIHOODS for fact in trace.facts_of("criterion"))


def _signal(trace: Trace) -> Finding | None:
    worst: tuple[float, Site, Series] | None = None
    for site in (*acts_of(trace), *trace.sites_of("head")):
        series = trace.series(site.name, "pre_rms") or trace.series(site.name, "post_rms")
        if series is None or not len(series):
            continue
        top = float(np.max(np.where(np.isfinite(series.values), series.values, 0.0)))
        if top > LARGE and (worst is None or top > worst[0]):
            worst = top, site, series
    if worst is None:
        return None
    top, site, series = worst
    over = series.steps[series.values > LARGE]
    cleared = bool(series.values[-1] <= LARGE) and int(over[-1] - over[0]) <= RECOVERY
    return PAGE.finding(
        site,
        Severity.NOTE if cleared else Severity.WARNING,
        (int(over[0]), int(over[-1])),
        "the signal at {site} reached an RMS of {value:.3g}, above {threshold:.3g} from step "
        "{first} to step {last}",
        Evidence(
            "pre_rms",
            top,
            LARGE,
            len(series),
            {"first": int(over[0]), "last": int(over[-1])},
            curve(series),
        ),
        cure=CURE if int(over[0]) > int(series.steps[0]) else "re-initialise to the act's gain",
        cleared=cleared,
    )


def _norms(trace: Trace) -> "tuple[list[str], Ints, Floats]":
    """The norm of the whole gradient by record."""
    names, steps, grads = align_series(trace, weights_of(trace), "grad_norm")
    if not names:
        return [], np.zeros(0, np.int64), np.zeros(0)
    norm = np.sqrt(np.sum(np.nan_to_num(grads, posinf=0.0) ** 2, axis=0))
    keep = norm > 0
    return names, steps[keep], norm[keep]


def _gradient(trace: Trace) -> Finding | None:
    _, steps, norms = _norms(trace)
    if len(norms) < GRADIENT_RECORDS or judge(trace).learns:
        return None  # gradients grow where a network leaves its first plateau, and that is well
    logs = np.log10(norms)
    cut = 3 * len(logs) // 4
    usual = finite_median(logs[:cut])
    spread = max(1.4826 * finite_median(np.abs(logs[:cut] - usual)), SPREAD)
    scores = (logs - usual) / spread
    third = max((len(logs) - cut) // 2, 1)
    ends = finite_median(scores[-third:])
    if ends <= SCORE or ends <= finite_median(scores[cut : cut + third]):
        return None
    begin = int(steps[np.flatnonzero(scores > SCORE)[0]])
    return PAGE.finding(
        "",
        Severity.WARNING,
        (begin, last_step(trace)),
        "the gradient norm has grown to {norm:.3g} (usually {usual:.3g}), {value:.1f} robust "
        "deviations of its logarithm, and still grows",
        Evidence(
            "grad_norm_log10_robust_z",
            ends,
            SCORE,
            len(norms),
            {"norm": float(norms[-1]), "usual": 10**usual},
            curve(Series(steps, norms)),
        ),
        cure=CURE,
    )


EXPLAINS = ("ACT401", "ACT402", "ACT403", "ACT501", "ACT604", "ACT607", "ACT801", "ACT803")
RULE = PAGE.rule(check, severities=("note", "warning", "error"), figure="loss", explains=EXPLAINS)
