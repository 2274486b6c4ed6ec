"""ACT204 target-outside-range: targets that the last act can never reach.

## What it does
Compares the range of the output act with the targets of a regression, and says how far the
targets lie outside. Where the output has no limits: how far it came in a run that did not learn.

## Why it hurts
A tanh cannot say 3. The output runs into its limit, where the slope is near zero, and stays there
for every target outside; the rest of the network learns to saturate it. An output without limits
has them too: a step moves it by no more than the learning rate allows, and to targets in the
hundred thousands it is still on its way when the run ends.

## How it is measured
Least and greatest target seen against the limits of the last act (sigmoid 0 to 1, tanh -1 to 1),
where the criterion receives that act's output with nothing but reshapes between; of several acts
in a row, and of factors, what they reach together (a tanh of a ReLU: 0 to 1; ten times a sigmoid:
0 to 10). The excess in widths of the range,
above 0.01 (reasoned: labels that were scaled on other data leave by about that much): warning;
error from one whole width on (reasoned). Least evidence: one batch. one-sided-head judges
one-sided acts. Without an act, in a run that is stalled: greatest abs target over the greatest
abs output of the whole run above 30, the factor of input-scale: a warning. Measured, that is
cautious (`benchmarks/outcome.py`: a regression on 442 rows, Adam at 1e-3, 300 steps): with
targets 1.4 times beyond its outputs a network was worse than their mean already, and from 11
times on its squared error had fallen by less than a tenth. The targets of a distance that is
written out are the output less the difference that torch kept.

## Known false alarms
A few outliers outside the range of otherwise scaled targets: the excess is then small.

## Fixes and their safety
Scale the targets into the range, or remove the last act (retrain).

## References
LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998: targets within the range of the
sigmoid.
"""

from collections.abc import Iterator

import numpy as np

from relume.core import Evidence, Finding, Result, Severity, Trace, Value
from relume.rules.head_facts import JudgedHead, in_words, judged_heads, missing_reason
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.series_tools import last_step

PAGE = page(__doc__)

LOSSES = ("mse", "l1", "smooth_l1", "huber")
EXCESS, GRAVE = 0.01, 1.0  # widths of the range; both reasoned, see the page
FAR = 30.0  # times the output: the factor of ACT702 for the scale of inputs


def check(trace: Trace) -> Iterator[Result]:
    """One finding per bounded head with targets beyond it."""
    heads = list(judged_heads(trace, *LOSSES))
    if not heads:
        reason = missing_reason(trace, *LOSSES)
        yield (
            PAGE.missing(reason)
            if reason
            else PAGE.clean("no regression in this run", applies=False)
        )
    for head in heads:
        yield _judge_head(trace, head)


def _judge_head(trace: Trace, head: JudgedHead) -> Result:
    low, high = head.reach or (head.last_act.low, head.last_act.high)
    if not head.last_act.bounded:
        far = _far(trace, head)
        return far or PAGE.clean(
            f"{head.last or 'no act'} after {head.site.name} has an open range"
        )
    least, most = head.target("min"), head.target("max")
    if least is None or most is None:
        reason = "the range of the targets was not recorded"
        return PAGE.missing(reason, "record again with this version of relume", head.site.name)
    if not head.direct and not head.reach:
        known = "is scaled" if head.direct is False else "may be scaled"
        reason = f"the output of {head.last} {known} before the criterion"
        return PAGE.missing(reason, site=head.site.name)
    excess = max(low - least, most - high) / (high - low)
    if excess <= EXCESS:
        targets = f"targets from {least:.3g} to {most:.3g}"
        return PAGE.clean(f"{targets} within the reach of {head.last} ({low:g} to {high:g})")
    return _finding(trace, head, excess, {"low": low, "high": high, "least": least, "most": most})


def _far(trace: Trace, head: JudgedHead) -> Finding | None:
    """The finding on a run that has not learned and whose outputs came nowhere near its targets."""
    least, most = head.target("min"), head.target("max")
    reached = trace.series(head.site.name, "pre_absmax")
    if head.acts or least is None or most is None or reached is None or not len(reached):
        return None
    top, goal = float(np.nanmax(reached.values)), max(abs(least), abs(most))
    if judge(trace).name != "stalled" or not goal > FAR * top > 0:
        return None
    text = "targets go from {least:.3g} to {most:.3g}, and in the whole run the output of {site} "
    text += "was never beyond {reached:.3g}: a {value:.2g}th of the way"
    more: dict[str, Value] = {"least": least, "most": most, "reached": top}
    return PAGE.finding(
        head.site,
        Severity.WARNING,
        (head.step, last_step(trace)),
        text,
        Evidence("target_absmax_over_output_absmax", goal / top, FAR, len(reached), more),
        cure="standardise the targets, and undo it on the predictions",
    )


def _finding(trace: Trace, head: JudgedHead, excess: float, more: dict[str, Value]) -> Finding:
    acts = in_words(head.reach_by) if head.reach else head.last
    text = (
        "{act} after {site} reaches {low:g} to {high:g}, and the targets go from {least:.3g} to "
        "{most:.3g}: {value:.2g} times the range beyond it"
    )
    return PAGE.finding(
        head.site,
        Severity.ERROR if excess >= GRAVE else Severity.WARNING,
        (head.step, last_step(trace)),
        text,
        Evidence("target_excess", excess, EXCESS, samples=1, more={"act": acts, **more}),
        cure=f"scale the targets into the range of {acts}, or remove it from the output",
    )


EXPLAINS = ("ACT501", "ACT601", "ACT603", "ACT606")
RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("criterion",),
    figure="loss",
    symptom=False,
    explains=EXPLAINS,
)
