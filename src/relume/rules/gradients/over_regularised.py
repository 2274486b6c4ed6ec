"""ACT608 over-regularised: weight decay that is stronger than the loss.

## What it does
Finds runs in which the decay of the weights outweighs their gradient and the weights shrink away,
and says how far they have shrunk.

## Why it hurts
Decay pulls every weight to zero; only the gradient of the loss holds against it. Where decay wins,
the weights shrink, the signal shrinks with every layer, units fall silent, and what remains is a
constant answer.

## How it is measured
By weight, medians over the third and the fourth quarter of the records (two windows, at least 4
records each): decay over loss is decay * norm(W) / norm(dW), for optimisers that decay apart from
the gradient (AdamW) rate * decay / update ratio. Above 1 in both, by definition, for at least half
of the weights, and these have shrunk to less than half (reasoned: a weight that decay merely
balances keeps its norm). Of AdamW the limit is 0.5, since its update contains the decay: a pure
decay gives 1. Where the decay was not recorded, or is zero and the penalty is a term of the loss:
at least half of the weights below a tenth of their first norm. A warning; an error below a
hundredth. The tenth and the hundredth are reasoned.

## Known false alarms
Weights before a norm layer: their size means nothing, and decay shrinks them in healthy training;
on a run that learns this is a note. Weights that began far too large and are on their way down.

## Fixes and their safety
Divide the weight decay by ten (retrain), or leave biases, norms and embeddings out of it (retrain).

## References
Krogh and Hertz, "A simple weight decay can improve generalization", NIPS 1991. Loshchilov and
Hutter, "Decoupled weight decay regularization", ICLR 2019, arXiv:1711.05101. van Laarhoven, "L2
regularization versus batch and weight normalization", 2017, arXiv:1706.05350.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from relume.core import Evidence, Finding, Result, Series, Severity, Trace, Value
from relume.rules.page import page
from relume.rules.series_tools import curve, finite_median, last_step, number, quarters, weights_of

PAGE = page(__doc__)

OVER = 1.0  # decay over the loss's gradient: then decay wins
OVER_APART = 0.5  # decay over the whole update, of which it is a part
SHRUNK = 0.5  # of the first norm, where decay is known to win (reasoned)
GONE, GRAVE = 0.1, 0.01  # of the first norm, where the decay is not known (reasoned)
SHARE = 0.5  # of the weights
LEAST = 4  # records a quarter
APART = ("AdamW", "NAdamW", "Lion", "Adafactor")  # optimisers that decay apart from the gradient


@dataclass(frozen=True, slots=True)
class DecayShare:
    """What is left of a weight's norm, and decay over loss where the decay is known."""

    name: str
    left: float
    ratio: float | None
    series: Series


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the whole model."""
    shares = [one for name in weights_of(trace) if (one := _decay_share(trace, name)) is not None]
    if not shares:
        yield PAGE.missing("the norms of the weights were not seen often enough", "train longer")
        return
    limit = OVER_APART if _is_decoupled(trace) else OVER
    over = [one for one in shares if _over(one, limit)]
    if len(over) >= SHARE * len(shares):
        yield _finding(trace, over, len(shares), limit)
        return
    known = [one.ratio for one in shares if one.ratio is not None]
    text = f"the weights keep {min(one.left for one in shares):.0%} of their first norm or more"
    if known and not max(known):
        text += "; there is no weight decay"
    elif known:
        text += f"; decay is at most {max(known):.2g} of what it is weighed against"
    yield PAGE.clean(text)


def _is_decoupled(trace: Trace) -> bool:
    return str(trace.meta.get("optimizer", "")) in APART


def _over(one: DecayShare, limit: float) -> bool:
    if one.ratio is not None and one.ratio > limit and one.left < SHRUNK:
        return True
    return one.left < GONE and not one.ratio


def _decay_share(trace: Trace, name: str) -> DecayShare | None:
    norms = trace.series(name, "weight_norm")
    if norms is None or any(len(part) < LEAST for part in quarters(norms)):
        return None
    first, last = float(norms.values[0]), finite_median(quarters(norms)[1])
    if not (first > 0 and np.isfinite(last)):
        return None
    return DecayShare(name, last / first, _ratio(trace, name, norms), norms)


def _ratio(trace: Trace, name: str, norms: Series) -> float | None:
    """Decay over loss: the smaller of the two quarters, None where the decay is unknown."""
    facts = trace.facts_at("parameter", name)
    decay = next((number(fact.data.get("weight_decay")) for fact in facts), None)
    apart, rate = _is_decoupled(trace), trace.series("", "learning_rate")
    against = trace.series(name, "update_ratio" if apart else "grad_norm")
    if decay is None or against is None or any(len(part) < LEAST for part in quarters(against)):
        return None
    source = rate if apart else norms
    if source is None or any(not len(part) for part in quarters(source)):
        return None
    pulls, holds = (
        [finite_median(part) for part in quarters(series)] for series in (source, against)
    )
    if decay == 0:
        return 0.0  # also where the gradient is zero too
    return min(decay * p / h if h > 0 else np.inf for p, h in zip(pulls, holds, strict=True))


def _finding(trace: Trace, over: list[DecayShare], count: int, limit: float) -> Finding:
    worst = min(over, key=lambda one: one.left)
    left = float(np.median([one.left for one in over]))
    known = [one.ratio for one in over if one.ratio]
    more: dict[str, Value] = {"over": len(over), "count": count, "worst": worst.name, "left": left}
    text = "{over} of {count} weights have shrunk to {left:.2%} of their first norm"
    stat, value, threshold = "weight_norm_left", left, GONE
    if known and _is_decoupled(trace):
        stat, value, threshold = "decay_over_update", float(np.median(known)), limit
        text += ". Decay makes up {value:.0%} of each update"
    elif known:
        stat, value, threshold = "decay_over_loss", float(np.median(known)), limit
        text += ". Decay is {value:.3g} times the gradient of the loss"
    else:
        text += ". A penalty pulls them down, and the loss does not hold against it"
    return PAGE.finding(
        "",
        Severity.ERROR if left < GRAVE else Severity.WARNING,
        (_since(worst), last_step(trace)),
        text,
        Evidence(stat, value, threshold, len(worst.series), more, curve(worst.series)),
        cure="divide the weight decay (or the weight of the penalty) by ten",
    )


def _since(one: DecayShare) -> int:
    """The first record at which the weight had lost half of its norm."""
    small = np.flatnonzero(one.series.values < SHRUNK * one.series.values[0])
    return int(one.series.steps[small[0]]) if len(small) else int(one.series.steps[0])


EXPLAINS = ("ACT102", "ACT401", "ACT402", "ACT403", "ACT601", "ACT603", "ACT605", "ACT606")
RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("training",),
    figure="updates",
    from_updates=True,
    explains=EXPLAINS,
)
