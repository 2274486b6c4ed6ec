"""ACT207 bounded-logits: logits that are cosines, so that the loss has a floor.

## What it does
Finds a cross-entropy whose logits are products of normalised features and normalised prototypes,
times a constant: none of them can be larger than the constant, whatever is learned.

    logits = F.normalize(h) @ F.normalize(self.prototypes).T

"the logits of head are cosines, and none is beyond 1. With 10 classes the loss cannot fall below
1.38: 60% of what guessing gives". Instead:

    logits = self.scale.exp() * F.normalize(h) @ F.normalize(self.prototypes).T

## Why it hurts
A softmax over numbers between -1 and 1 is nearly flat: with 10 classes the right one gets at most
a quarter of the probability, however well the classes are apart. The loss stalls at its floor, and
the gradient goes on to pull at rows that are classified well already.

## How it is measured
Exact, from the graph of one backward: both operands of the last product are divided by their own
norm, and one of them is a parameter. The floor is that of prototypes that lie as far apart as they
can (Wang et al.), for a scale s and K classes: ln(1 + (K - 1) exp(-s K / (K - 1))). From a tenth of
ln K on, a warning; from half of it, an error (both reasoned: published scales are 10 to 64, whose
floors lie below a thousandth of ln K for up to 1,000 classes). A scale that is learned is not
bounded, and is not judged.

## Known false alarms
Pairs that are compared (contrastive losses): their temperature is chosen for the representation,
so they are not judged. A bounded head that ends in tanh is one-sided-head's.

## Fixes and their safety
A learned scale, from 1 / 0.07 and at most 100 as in CLIP, or the constant that gives the wanted
probability p: s = (K - 1) / K ln((K - 1) p / (1 - p)). Retrain.

## References
Wang et al., "NormFace: L2 hypersphere embedding for face verification", 2017, arXiv:1704.06369
(the floor). Radford et al., "Learning transferable visual models from natural language
supervision", 2021, arXiv:2103.00020 (the learned scale).
"""

import math
from collections.abc import Iterator

from relume.core import Evidence, Fact, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number

PAGE = page(__doc__)

SHARE, GRAVE = 0.1, 0.5  # of ln K; see the page
WANTED = 0.99  # the probability of the right class that the cure's constant gives


def floor(scale: float, classes: int) -> float:
    """The least cross-entropy of `classes` cosines times `scale`.

    >>> round(floor(1.0, 10), 3)
    1.377
    """
    return math.log1p((classes - 1) * math.exp(-scale * classes / (classes - 1)))


def wanted_scale(classes: int) -> float:
    """The scale with which the right one of so many classes can get the probability `WANTED`."""
    return (classes - 1) / classes * math.log((classes - 1) * WANTED / (1 - WANTED))


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each head whose loss has a floor that matters."""
    if not is_recorded(trace, "logit-bound"):
        yield PAGE.missing("bounds of logits were not looked for", "record again")
        return
    facts = trace.facts_of("logit-bound")
    results = [result for fact in facts if (result := _judge(trace, fact)) is not None]
    yield from results
    if not results:
        yield PAGE.clean(
            f"{len(facts)} heads of cosines, whose scale is large enough"
            if facts
            else "no logits are cosines times a constant"
        )


def _judge(trace: Trace, fact: Fact) -> Result | None:
    scale, classes = number(fact.data.get("scale")), int(number(fact.data.get("classes")) or 0)
    if scale is None or classes < 2:
        return None
    least, chance = floor(scale, classes), math.log(classes)
    share = least / chance
    if share < SHARE:
        return None
    known = trace.site(fact.site)
    site = Site(
        fact.site,
        "" if known is None else known.kind,
        layer=fact.site,
        file=str(fact.data.get("file") or ""),
        line=int(number(fact.data.get("line")) or 0),
    )
    text = (
        "the logits of {site} are cosines, and none is beyond {scale:.3g}. With {classes} classes "
    )
    text += "the loss cannot fall below {least:.3g}: {value:.0%} of what guessing gives"
    wanted = wanted_scale(classes)
    return PAGE.finding(
        site,
        Severity.ERROR if share >= GRAVE else Severity.WARNING,
        (fact.step, last_step(trace)),
        text,
        Evidence(
            "loss_floor_over_chance",
            share,
            SHARE,
            samples=1,
            more={"scale": scale, "classes": classes, "least": least, "wanted": wanted},
        ),
        cure=f"multiply the logits by a learned scale, or by {wanted / scale:.2g}",
    )


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("criterion",),
    symptom=False,
    explains=("ACT601", "ACT603", "ACT606"),
)
