"""ACT103 act-after-act: two acts in a row, of which the second does nothing or does harm.

## What it does
Finds an act that receives the output of another with no weights between them, and says what the
second one does with it: nothing (ReLU of a ReLU or of a sigmoid), or harm (a sigmoid of an act
that gives one sign only or is squashed already, a rectifier that gets negative values only).

## Why it hurts
The second act sees only the range of the first. A sigmoid after a ReLU never goes below one half, a
sigmoid after a sigmoid stays between 0.50 and 0.73 and its slopes are at most 1/16, a ReLU after a
log-sigmoid gives nothing at all. An idle act costs time and memory only.

## How it is measured
From the graph: pairs with nothing but reshapes, pooling or dropout between. What the first can
output is known of the act, what the second does there of its slope. Threshold: one pair, by
definition. Least evidence: one forward. Which pairs do harm is measured (`benchmarks/act_pairs.py`:
digits, two hidden layers, five paired seeds, accuracy lost against the first act alone): ReLU of
ReLU and of sigmoid 0.000, tanh of ReLU -0.002, ReLU of tanh 0.003, tanh of tanh 0.000, tanh of
sigmoid 0.019; sigmoid of tanh 0.103, of ReLU 0.335, of sigmoid 0.577, ReLU of log-sigmoid 0.783.
The last four are harmful, a warning; a rectifier of what is never negative is idle, a note; the
others are left alone.

## Known false alarms
Gates and attention weights are not judged: a product of two acts is no act after an act.

## Fixes and their safety
Remove the second act (exact where it is idle: the same function). Remove the harmful one and
re-initialise the layer with the gain of the other (retrain).

## References
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010. PyTorch documentation, `torch.nn.Sequential`.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step

PAGE = page(__doc__)

SIGMOID_SLOPE = 0.25  # of the logistic function: what squashes to (0, 1) and is no steeper
NARROW = 1.0  # an output within it leaves a sigmoid a part of its range (tanh: see the page)
EXEMPT = ("gate", "attention")


def check(trace: Trace) -> Iterator[Result]:
    """One finding per second act that is idle or harmful."""
    if not trace.sites:
        yield PAGE.missing("no forward was recorded")
        return
    if not is_recorded(trace, "act-pair"):
        reason = "whether an act feeds another was not recorded"
        yield PAGE.missing(reason, "record again with this version of relume")
        return
    pairs = trace.facts_of("act-pair")
    judged = [pair for pair in pairs if pair.data.get("role", "hidden") not in EXEMPT]
    findings = [finding for pair in judged if (finding := _finding(trace, pair)) is not None]
    yield from {finding.key: finding for finding in findings}.values()
    if not findings:
        yield PAGE.clean(
            f"{len(pairs)} activations receive another one's output, and need it"
            if pairs
            else "no activation is applied directly to another one's output"
        )


def effect(first: Site, second: Site) -> str:
    """What the second act does to the output of the first: ``idle``, ``harmful`` or ``""``.

    >>> relu = Site("", "act", rectifies=True, low=0.0, passes=True)
    >>> sigmoid = Site("", "act", low=0.0, high=1.0, max_slope=0.25)
    >>> effect(sigmoid, relu), effect(relu, sigmoid)
    ('idle', 'harmful')
    """
    if first.low >= 0 and not second.clips and (second.passes or second.cuts):
        return "idle"
    if second.cuts and first.high <= 0:
        return "harmful"
    steep = second.max_slope or math.inf
    if not second.squashes or steep > SIGMOID_SLOPE:
        return ""
    narrow = first.low >= 0 or (first.low >= -NARROW and first.high <= NARROW)
    return "harmful" if narrow else ""


def pair_acts(pair: Mapping[str, Any]) -> tuple[Site, Site]:
    """The first and the second act of a pair, as sites."""
    first, second = (
        Site.of_act(str(pair.get(which, "")), pair.get(f"{which}_traits"))
        for which in ("first", "second")
    )
    return first, second


def _finding(trace: Trace, pair: Fact) -> Finding | None:
    data = pair.data
    acts = pair_acts(data)
    what = effect(*acts)
    if not what:
        return None
    first, second = (act.act for act in acts)
    low, high = acts[0].low, acts[0].high
    if what == "idle":
        text = "{second} receives the output of {first}, which is never below {low:g}: it is idle"
        cure = f"remove the {second}: the function stays the same"
    elif high <= 0:
        text = "{second} receives the output of {first}, never above {high:g}: it gives nothing"
        cure = f"remove the {second} or the {first}, and re-initialise the layer before them"
    else:
        text = (
            "{second} is applied to the output of {first}, from {low:g} to {high:g}. So it gives "
        )
        text += "a part of its range only, and its slope shrinks the gradient once more"
        cure = f"remove the {second}, and re-initialise the layer with the gain of {first}"
    known = trace.site(pair.site) or Site(pair.site, "", file=str(data.get("file", "")))
    more = {"first": first, "second": second, "low": low, "high": high, "effect": what}
    return PAGE.finding(
        known,
        Severity.NOTE if what == "idle" else Severity.WARNING,
        (pair.step, last_step(trace)),
        text,
        Evidence("acts_in_a_row", 2, 1, samples=1, more=more),
        cure=cure,
    )


EXPLAINS = ("ACT102", "ACT303", "ACT401", "ACT402", "ACT403", "ACT501", "ACT601")
RULE = PAGE.rule(
    check, severities=("note", "warning"), from_graph=True, explains=EXPLAINS, upstream=True
)
