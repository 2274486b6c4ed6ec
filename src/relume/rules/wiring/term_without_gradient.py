"""ACT910 term-without-gradient: a term of the loss reaches no weight, while others train them.

## What it does
Finds terms of a sum that were cut off from the weights that they depend on (`.item()`, `.data`,
`.detach()`), or that reach only weights which the stepping optimiser does not hold (an action that
was sampled without reparametrisation reaches the critic, and not the actor).

    loss = F.mse_loss(out, x).item() + 0.01 * kl

"a term of the loss reaches no weight that trains: F.mse_loss(out, x).item() (train.py:17)".
Instead:

    loss = F.mse_loss(out, x) + 0.01 * kl

## Why it hurts
The printed loss contains the term, and the weights are trained by the others alone: a policy by its
entropy, an autoencoder by its divergence. The loss looks like one that trains badly.

## How it is measured
Exact: the sums between the loss and its terms are walked in the graph. An operand without a
gradient is looked up in the source line of the sum: it is named where a name in it is bound to a
tensor that requires a gradient and is cut off there, or to the memory of a weight. Where the line
does not tell, the calls of up to 2 recorded steps are followed: a single number that left the graph
of these weights (`float()`, `.item()`, `.detach()`) and comes back in this sum, by its value or by
the line on which its name is bound to it. A term with a
gradient is named where none of its weights is held by an optimiser that stepped on it, on all of at
least 3 recorded steps, while another term's are. A warning; an error in a run that fares badly.

## Known false alarms
Constants, targets and frozen networks are no weights. Terms on which another optimiser steps at
another time are not named, nor moving averages. A term that is added for the log only, on purpose.

## Fixes and their safety
Advice only: drop `.item()`, `.data` or `.detach()` on this line; `rsample()` for `sample()`.

## References
Haarnoja et al., "Soft actor-critic", ICML 2018, arXiv:1801.01290 (the reparametrised action).
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.severity_policy import FARES_BADLY
from relume.rules.wiring_facts import DOWNSTREAM

PAGE = page(__doc__)

LEAST = 3  # recorded steps
CUT = 1  # records on which the source line shows the cut: it is exact, and lines are read on two


NUMBERS = (".item()", ".tolist()", ".numpy()", "float()")
"""What makes a number of a term: it leaves torch, and enters the loss as a constant."""


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: the first term."""
    facts = [f for f in trace.facts_of("signal") if f.site.startswith("term ")]
    bad = [
        fact
        for fact in facts
        if (number(fact.data.get("times")) or 0) >= (CUT if fact.data.get("operand") else LEAST)
    ]
    if not bad:
        sums = next((f.data["sums"] for f in trace.facts_at("signal", "terms")), 0)
        if is_recorded(trace, "wiring"):
            yield PAGE.clean(f"all terms of {sums} sums reach a weight that trains")
        else:
            yield PAGE.missing("the recorder did not look at the terms of the loss")
        return
    data = bad[0].data
    file, line = str(data.get("file") or ""), int(number(data.get("line")) or 0)
    times = int(number(data["times"]) or 0)
    more = {"operand": str(data.get("operand") or ""), "place": f"{file.rpartition('/')[2]}:{line}"}
    text = "a term of the loss reaches no weight that trains"
    text += ": {operand}" if more["operand"] else ", on all {value:.0f} steps that were looked at"
    text += " ({place})" if line else ""
    more["source"] = more.pop("place")
    if cut := str(data.get("cut") or ""):
        cut_line = int(number(data.get("cut_line")) or 0)
        more |= {"cut": cut, "cut_line": cut_line}
        text += ". {cut} cuts it off (line {cut_line})"
        if cut not in NUMBERS:  # of a number, the line on which it enters the loss is shown
            file, line = str(data.get("cut_file") or file), cut_line
    yield PAGE.finding(
        Site("", "", file=file, line=line),
        Severity.ERROR if judge(trace).name in FARES_BADLY else Severity.WARNING,
        (0, last_step(trace)),
        text.replace("{place}", "{source}"),
        Evidence("steps_without_reach", times, 0, times, more),
        cure="drop .item(), float(), .data or .detach() from this term"
        if more["operand"]
        else "let the gradient of this term reach the weights: rsample() for sample()",
    )


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("training",),
    symptom=False,
    explains=DOWNSTREAM,
)
