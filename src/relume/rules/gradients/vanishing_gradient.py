"""ACT601 vanishing-gradient: the error shrinks on its way back until the first layers stand still.

## What it does
Finds networks whose first layer gets less than a thousandth of the gradient of the best-served
layer, says how much each layer loses, at which act less than a thousandth is left, and
whether the slopes of the acts or the weights lose it.

## Why it hurts
The gradient of an early layer is a product over all later layers of weights and slopes. A sigmoid's
slope is at most 0.25, so ten of them leave at most a millionth: the early layers stay at their
random start, and the loss stays flat, which looks like a local minimum and is none.

## How it is measured
g = norm(dW) / norm(W) by layer, median over the later half of the records. Finding: g_first / g_max
< 1e-3, while the loss is above 20 % of chance (of its start, where chance is unknown), and dL/dpre
shrinks at least 100 times between the acts; without that second reading it is a note. Error
below 1e-5. Per act the slope's part is RMS dL/dpre over RMS dL/dpost, the rest is the weights'. In
a loop, whose steps share their weights: RMS dL/dpre of the first call over that of the last one
that is measured (eight at most), from four calls on (reasoned: fewer are no sequence), below the
same 1e-3. Least evidence: 4 records in the later half; one batch in a check, where no step moves
the weights between two batches. The ratio and the 20 % are from 80 healthy and 92 faulty runs; the
100 times and the step to error are reasoned, not measured.

## Known false alarms
Embeddings with rare tokens (their weight is large and their gradient sparse: the second reading
guards it), zero-initialised and frozen weights (left out), converged runs and networks with a dead
layer, 99 % of its units silent (not judged).

## Fixes and their safety
Re-initialise to the gain of the act (retrain); ReLU or GELU with He initialisation in place of an
act with small slopes (retrain); residual connections or a norm layer (retrain). A higher learning
rate does not cure it: measured 0.094 before and after, against 0.954 for ReLU with He.

## References
Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis, TU München 1991.
Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient descent is difficult",
IEEE Trans. Neural Networks 5, 1994. Glorot and Bengio, AISTATS 2010.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Finding, Result, Series, Severity, Site, Trace, Value
from relume.rules.gradient_profile import TINY, GradientProfile, gradient_profile
from relume.rules.init_advice import init_for
from relume.rules.outcome import learned_loss_share
from relume.rules.page import page
from relume.rules.plain_numbers import percent, times
from relume.rules.series_tools import (
    acts_of,
    align_series,
    curve,
    finite_median,
    first_lasting_step,
    last_step,
    weights_of,
)

if TYPE_CHECKING:
    from relume.core import Floats, Ints

PAGE = page(__doc__)

RATIO, GRAVE = 1e-3, 1e-5  # of g_max (see the page), and a hundredth of that (reasoned)
DECADES = 2.0  # between the acts (reasoned): a thousandth of g is three, less the inputs' scale
CALLS = 4  # of an act in a loop: fewer are no sequence (reasoned)
LEAST = 4  # records in the later half: eight in all, as many as a dead unit needs
DEAD = 0.99  # of a layer's units silent: the rest is too few to carry a gradient


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: the network's first layer against its best-served one."""
    names, steps, ratio = first_over_max(trace)
    if len(names) < 2:
        yield PAGE.missing("the gradients of fewer than two weights were seen")
        return
    if len(steps) - len(steps) // 2 < (1 if trace.meta.get("check") else LEAST):
        yield PAGE.missing(f"only {len(steps)} records of gradients", "train for more steps")
        return
    if (blocked := _blocked(trace)) is not None:
        reason = f"{blocked} is all but dead, and no gradient passes it (see dead-units)"
        yield PAGE.missing(reason, "cure the dead units first")
        return
    late, early = finite_median(ratio[len(steps) // 2 :]), finite_median(ratio[: len(steps) // 2])
    if late != late:
        reason = "in the later half of the run no gradient was left that could be compared"
        yield PAGE.missing(reason, "see what the loss and the head's output came to")
        return
    if (low := learned_loss_share(trace)) is not None:
        yield PAGE.clean(f"the loss has fallen to {low:.0%} of its reference")
        return
    series = Series(steps, ratio)
    back = gradient_profile(trace)
    shrinks = back is None or back.change <= -DECADES
    if late < RATIO and shrinks:
        yield _finding(trace, names, series, late, back, cleared=False)
    elif (
        early < RATIO and late >= RATIO and (past := gradient_profile(trace, 0.0, 0.5)) is not None
    ):
        if past.change <= -DECADES:
            yield _finding(trace, names, series, early, past, cleared=True)
            return
        yield PAGE.clean(_clean(late, back), _near(late))
    else:
        yield _through_time(trace) or PAGE.clean(_clean(late, back), _near(late))


def _near(ratio: float) -> float:
    """How near a ratio comes to the limit, in decades: one decade above it is half way."""
    return 1 / (1 + max(0.0, math.log10(ratio / RATIO))) if ratio > 0 else 1.0


def first_over_max(trace: Trace) -> "tuple[list[str], Ints, Floats]":
    """The weights' names, the steps, and by record g of the first layer over the largest g.

    A weight whose gradient is exactly zero throughout is left out: frozen by structure or behind
    a dead layer. Only where the gradient itself underflowed on its way is zero a measurement.
    """
    names, steps, grads = align_series(trace, weights_of(trace), "grad_norm")
    sizes, _, norms = align_series(trace, names, "weight_norm")
    if not names or sizes != names or norms.shape != grads.shape:
        return [], np.zeros(0, np.int64), np.zeros(0)
    with np.errstate(all="ignore"):
        g = np.where(norms > 0, grads / norms, np.nan)
        g = np.where(np.isfinite(g), g, np.nan)
    moving = np.nan_to_num(g).max(axis=1) > 0
    if not moving.any():
        return [], steps, np.zeros(0)
    if not _underflowed(trace):
        names, g = [n for n, m in zip(names, moving, strict=True) if m], g[moving]
    with np.errstate(all="ignore"):
        ratio = g[0] / np.nanmax(np.nan_to_num(g), axis=0)
    return names, steps, ratio


def _underflowed(trace: Trace) -> bool:
    """Whether the gradient is there at the last act and gone at the first."""
    back = gradient_profile(trace)
    gone = np.log10(2 * TINY)
    return back is not None and bool(back.level[0] <= gone < back.level[-1])


def _blocked(trace: Trace) -> str | None:
    """The first act that passed no gradient on most of the later records, if any."""
    for site in acts_of(trace):
        silent = trace.series(site.name, "silent_unit_share")
        if silent is not None and finite_median(silent.values[len(silent) // 2 :]) >= DEAD:
            return site.name
    return None


def _through_time(trace: Trace) -> Finding | None:
    """The finding within a loop, whose steps share their weights: from its calls alone."""
    groups: dict[tuple[str, str, str], list[Site]] = {}
    for site in acts_of(trace):
        if site.layer:  # the same one behind each call, or it is a stack of layers and no loop
            groups.setdefault((site.path, site.act, site.layer), []).append(site)
    loops = [group for group in groups.values() if len(group) >= CALLS]
    flows = [back for group in loops if (back := gradient_profile(trace, sites=group)) is not None]
    back = min(flows, key=lambda one: one.change, default=None)
    if back is None or len(back.sites) < CALLS or 10**back.change >= RATIO:
        return None
    series = trace.series(back.sites[0].name, "grad_pre_rms")
    text = "the gradient shrinks through time: at {site} it is {less} less than {steps} calls "
    text += "later. So the weights that are shared learn from the last steps alone"
    value = 10**back.change
    more: dict[str, Value] = {
        "steps": back.layers,
        "by_acts": back.by_acts,
        "act": back.sites[0].act,
        "less": times(value),
    }
    return PAGE.finding(
        back.sites[0],
        Severity.ERROR if value < GRAVE else Severity.WARNING,
        (int(series.steps[0]) if series is not None else 0, last_step(trace)),
        text,
        Evidence("grad_first_call_over_last", value, RATIO, len(series or ()), more, curve(series)),
        cure="use gated cells (LSTM, GRU), or tanh with orthogonal recurrent weights",
    )


def _clean(ratio: float, back: GradientProfile | None) -> str:
    text = f"{percent(ratio)} of the largest gradient arrives at the first layer"
    if back is None:
        return text
    kept = 10 ** (back.change / back.layers)
    return f"{text}; a layer keeps {percent(kept)} of it, over {len(back.sites)} acts"


def _finding(
    trace: Trace,
    names: list[str],
    series: Series,
    value: float,
    back: GradientProfile | None,
    cleared: bool,
) -> Finding:
    text = "{first} gets {less} less gradient than the weights that get most"
    if value == 0:
        text = "no gradient at all arrives at {first}"
    more: dict[str, Value] = {"first": names[0], "less": times(value) if value else ""}
    site = None
    severity = Severity.ERROR if value < GRAVE else Severity.WARNING
    cure = "re-initialise the weights to the gain of the act"
    if back is None:
        severity = Severity.NOTE
    else:
        at = back.breaks_at(-np.log10(RATIO))
        site = back.sites[at]
        more |= _blame(back, site.act)
        text += (
            ". On the way back each of {acts} acts keeps {act_share} of it, the weights of a layer "
            "{weights_share}. So {loser} it"
        )
        if back.level[-1] - back.level[at] >= -np.log10(RATIO):
            text += ". From {place} on less than a thousandth is left"
        if more["blame"] == "act":
            cure = f"replace {site.act} by relu or gelu, together with He initialisation"
        else:
            cure = f"re-initialise the weights with {init_for(site)}"
    if cleared:
        text = f"{text}. That was so for a while, and no longer at the end"
    since = (
        int(series.steps[0]) if cleared else first_lasting_step(series.steps, series.values < RATIO)
    )
    return PAGE.finding(
        site or "",
        severity,
        (since, last_step(trace)),
        text,
        Evidence("grad_over_weight_first_over_max", value, RATIO, len(series), more, curve(series)),
        cure=cure,
        cleared=cleared,
    )


def _blame(back: GradientProfile, act: str) -> dict[str, Value]:
    by_act = back.by_acts <= back.by_weights
    return {
        "act": act,
        "acts": len(back.sites),
        "decades": back.change,
        "per_layer": back.change / back.layers,
        "act_keeps": 10 ** (back.by_acts / back.layers),
        "weights_keep": 10 ** (back.by_weights / back.layers),
        "act_share": percent(10 ** (back.by_acts / back.layers)),
        "weights_share": percent(10 ** (back.by_weights / back.layers)),
        "blame": "act" if by_act else "weights",
        "loser": f"the slope of {act} loses" if by_act else "the weights lose",
    }


# the signal of a stack that lets nothing through hardly varies, so its acts bend nothing either
RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    figure="depth",
    explains=("ACT102", "ACT603", "ACT606", "ACT908"),
)
