"""ACT403 died-in-training: units that were alive, when they died, and what happened then.

## What it does
Finds units that fired in an earlier window and are dead now (see dead-units), dates their death to
a step, and names the strongest of four possible causes before it: the size of the update, the
learning rate, a drift of the pre-activations, a shift of the input.

## Why it hurts
All goes well, and then it suddenly dies: one update that is too large moves the hyperplane off the
data, and the zero slope keeps it there. The step and what came before it tell the cause, and so the
cure.

## How it is measured
Which units: the per-unit counters of windows. When: the record at which the share of silent units
crossed half of its rise. Each cause, in the ten records before it, as a multiple of what is
harmless: update ratio over 0.1 (as in
learning-rate-high), learning rate over 3 times its earlier median, drift of the pre-activation's
mean over 1 of its standard deviations, input RMS changed by more than 2 times. Below a strength of
1 no cause is named. How much kills depends on how near its limit a run was
(`benchmarks/deaths.py`: a ReLU network on digits, half way multiplied): at a sound rate, SGD 0.05
or Adam 0.003, no more than one unit in fourteen died of ten times the rate and 72 % and more of
thirty times; at SGD 0.5 already 1.5 times killed up to 38 % and three times 90 %. So the 3 and the
2 are no limits of harm: they say from where on what came just before a death is worth naming, and
are reasoned, as is the 1 (it takes a unit that fired on half the data to one in six). Layer: note
at 10 % of units, warning at 25 %, error at 50 %, as in dead-units, where the shares come from.
Least evidence: a record before the death.

## Known false alarms
Units that specialise on a class that stops appearing in the stream (continual learning).

## Fixes and their safety
A lower learning rate or a warm-up if the update was large (retrain); recycling the dead units
(exact for the function); a leaky act with its initialisation (retrain).

## References
Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.
Lyle et al., "Understanding plasticity in neural networks", ICML 2023, arXiv:2303.01486.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from relume.core import Evidence, Finding, Result, Series, Trace, Value
from relume.rules.dead_layers import NOTE, results_by_layer, severity_of_share, steps_of_death
from relume.rules.page import page
from relume.rules.series_tools import (
    align_series,
    curve,
    finite_median,
    last_step,
    layers,
    weights_of,
)
from relume.rules.unit_windows import DeadUnits, portion

PAGE = page(__doc__)

LARGE_UPDATE = 0.1  # see the page of ACT605
LARGE_RATE = 3.0  # times what was usual (reasoned, see the page): a schedule rarely jumps so far
LARGE_DRIFT = 1.0  # standard deviations: takes a unit that fired on half the data to one in six
LARGE_SHIFT = 2.0  # times, either way (reasoned): the RMS of a batch is steadier than that
EARLY = 5  # records: fewer have no median worth the name
BACK = 10  # records before the death that may hold its cause


@dataclass(frozen=True, slots=True)
class DeathCause:
    """A possible cause of a death: from a `strength` of 1 on it is named."""

    name: str
    strength: float
    amount: float
    usual: float


def check(trace: Trace) -> Iterator[Result]:
    """One finding per act site with enough units that died."""
    yield from results_by_layer(trace, PAGE, lambda dead: _finding(trace, dead), _clean)


def _clean(fine: Sequence[DeadUnits]) -> str:
    worst = max(portion(dead.died) for dead in fine)
    return f"in {layers(len(fine))} at most {worst:.0%} of the units fired once and are dead now"


def _finding(trace: Trace, dead: DeadUnits) -> Finding | None:
    share = portion(dead.died)
    severity = severity_of_share(share)
    if severity is None:
        return None
    before, step = steps_of_death(trace, dead)
    causes = sorted(_causes(trace, dead, before, step), key=lambda s: -s.strength)
    text = "{dead} of the {units} units of {place} died at about step {step}"
    more: dict[str, Value] = {
        "units": len(dead.died),
        "dead": int(dead.died.sum()),
        "act": dead.site.act,
        "step": step,
        "step_before": before,
    }
    for cause in causes:
        more[cause.name.replace(" ", "_")] = cause.amount
    strongest = causes[0] if causes and causes[0].strength >= 1 else None
    if strongest is not None:
        more |= {"cause": strongest.name, "amount": strongest.amount, "usual": strongest.usual}
        text += ". Just before, the {cause} was {amount:.3g} (usually {usual:.3g})"
    else:
        text += ". No large update, learning rate, drift or input shift was seen before"
    return PAGE.finding(
        dead.site,
        severity,
        (step, last_step(trace)),
        text,
        Evidence(
            "died_unit_share",
            share,
            NOTE,
            samples=dead.samples,
            more=more,
            curve=curve(trace.series(dead.site.name, "silent_unit_share")),
        ),
        cure=_cure(dead, strongest),
    )


def _cure(dead: DeadUnits, strongest: DeathCause | None) -> str:
    layer = dead.site.layer or f"the layer before {dead.site.name}"
    if strongest is not None and strongest.name in ("update ratio", "learning rate"):
        return "divide the learning rate by ten, or warm it up"
    if strongest is not None and strongest.name == "input scale":
        return "standardise the inputs, the same way for every batch"
    return f"recycle the dead units of {layer} in place"


def _causes(trace: Trace, dead: DeadUnits, before: int, step: int) -> Iterator[DeathCause]:
    typical = trace.once("typical update", lambda: _typical_update(trace))
    peak = _around(typical, before, step)
    if peak is not None:
        yield DeathCause("update ratio", peak[0] / LARGE_UPDATE, *peak)
    rate = _around(trace.series("", "learning_rate"), before, step)
    if rate is not None and rate[1] > 0:
        yield DeathCause("learning rate", rate[0] / rate[1] / LARGE_RATE, *rate)
    yield from _drift(trace, dead.site.name, before, step)
    for site in trace.sites_of("input"):
        peak = _around(trace.series(site.name, "rms"), before, step)
        if peak is not None and peak[0] > 0 and peak[1] > 0:
            factor = max(peak[0] / peak[1], peak[1] / peak[0])
            yield DeathCause("input scale", factor / LARGE_SHIFT if factor > 1 else 0.0, *peak)


def _typical_update(trace: Trace) -> Series | None:
    """The median relative update of the weights at each record; None where none was seen."""
    _, steps, ratios = align_series(trace, weights_of(trace), "update_ratio")
    if not len(steps):
        return None
    with np.errstate(all="ignore"):
        return Series(steps, np.nanmedian(np.where(np.isfinite(ratios), ratios, 0), axis=0))


def _around(series: Series | None, before: int, step: int) -> tuple[float, float] | None:
    """Return the largest value just before the death and the usual one: the median of the earlier
    records, or of the whole run where there are too few earlier ones."""
    if series is None or not len(series):
        return None
    end = int(np.searchsorted(series.steps, step, "right"))
    low = min(int(np.searchsorted(series.steps, before)), max(end - BACK, 0))
    near, early = series.values[low:end], series.values[:low]
    near = near[np.isfinite(near)]
    if not len(near):
        return None
    usual = finite_median(early if len(early) >= EARLY else series.values)
    return float(near.max()), usual


def _drift(trace: Trace, site: str, before: int, step: int) -> Iterator[DeathCause]:
    """How far the mean of the pre-activations moved, in its own standard deviations."""
    mean, rms = trace.series(site, "pre_mean"), trace.series(site, "pre_rms")
    if mean is None or rms is None or len(mean) != len(rms) or not len(mean):
        return
    early = mean.steps < before
    after = int(np.searchsorted(mean.steps, step))
    if not early.any() or after >= len(mean):
        return
    was = finite_median(mean.values[early])
    spread = float(np.sqrt(max(finite_median(rms.values[early]) ** 2 - was**2, 0.0)))
    now = float(mean.values[after])
    if spread > 0 and np.isfinite(now):
        yield DeathCause("mean of its input", (was - now) / spread / LARGE_DRIFT, now, was)


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("training", "batches"),
    figure="silent",
    from_updates=True,
    explains=("ACT401", "ACT603", "ACT606"),
    upstream=True,
)
